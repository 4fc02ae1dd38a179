/** kubectl's record of a client-side apply, an annotation with the whole configuration. Pure. */
import type { KubeObject } from '../../../apimachinery/object.ts';
import { StatusError } from '../../../apimachinery/status.ts';
import { isObject } from '../json.ts';
import { compareValues } from './compare.ts';
import { subtractSets, unionSets } from './field-set.ts';
import type { FieldSet } from './field-set.ts';
import { toFieldSet } from './to-field-set.ts';
import type { TrackedKind } from './tracked-kind.ts';

const annotation = 'kubectl.kubernetes.io/last-applied-configuration';
/** As the annotations of an object together may have. */
const maxBytes = 256 * 1024;

/** Fields that a client-side apply set and nobody changed since: its server-side successor may take them over. */
export function allowedByLastApplied(kind: TrackedKind, live: Partial<KubeObject>): FieldSet | undefined {
  const applied = parseConfiguration(live.metadata?.annotations?.[annotation]);
  if (applied === undefined || applied['apiVersion'] !== kind.apiVersion) {
    return undefined;
  }
  const { type } = kind.typeOf(kind.apiVersion);
  try {
    const { added, modified, removed } = compareValues(type, applied, live);
    return subtractSets(toFieldSet(type, applied), unionSets(unionSets(modified, added), removed));
  } catch (error) {
    if (error instanceof StatusError) {
      return undefined;
    }
    throw error;
  }
}

/** Keeps the annotation true where the object has one, so that a client-side apply may follow. */
export function refreshLastApplied(object: KubeObject, configuration: KubeObject): KubeObject {
  const { annotations } = object.metadata;
  if (annotations?.[annotation] === undefined) {
    return object;
  }
  const { [annotation]: _, ...others } = configuration.metadata.annotations ?? {};
  const metadata = { ...configuration.metadata, annotations: others };
  const text = `${JSON.stringify({ ...configuration, metadata })}\n`;
  const kept = { ...annotations };
  if (text.length > maxBytes) {
    delete kept[annotation];
  } else {
    kept[annotation] = text;
  }
  return { ...object, metadata: { ...object.metadata, annotations: kept } };
}

function parseConfiguration(text: string | undefined): Record<string, unknown> | undefined {
  try {
    const value: unknown = text === undefined ? undefined : JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
