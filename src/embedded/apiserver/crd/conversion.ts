/**
 * Objects of a definition with several versions, converted by a webhook. What it answered is kept while the object and the
 * definition stay as they are. Source: apiextensions.k8s.io/v1 ConversionReview.
 */
import { randomUUID } from 'node:crypto';
import type { KubeObject, ObjectMeta } from '../../../apimachinery/object.ts';
import { failure } from '../../../apimachinery/status.ts';
import { errorMessage } from '../../../base/errors.ts';
import { ConversionNeeded } from '../conversion-needed.ts';
import { isObject } from '../json.ts';
import type { CompiledSchema, Conversion } from '../resource.ts';
import { apiVersionOf } from '../resource.ts';
import type { HttpsCaller } from '../webhooks/call.ts';

const timeoutMs = 30_000;
const maxKept = 20_000;
const maxKeptLength = 64 * 1024 * 1024;
/** Of one question. */
const maxObjects = 500;
const maxLength = 3 * 1024 * 1024;

export interface ConversionOptions {
  readonly group: string;
  readonly kind: string;
  readonly storageVersion: string;
  readonly caller: HttpsCaller;
  readonly schemaOf: (version: string) => CompiledSchema | undefined;
  /** All stored objects of the kind: they are converted together. */
  readonly stored: () => readonly KubeObject[];
}

export function createConversion(options: ConversionOptions): Conversion {
  const { group, kind, storageVersion, caller } = options;
  const kept = new Map<string, { readonly object: KubeObject; readonly length: number }>();
  let keptLength = 0;
  const keyOf = ({ metadata }: KubeObject, version: string): string =>
    `${metadata.uid}/${metadata.resourceVersion}/${version}`;

  function keep(key: string, object: KubeObject): void {
    const { length } = JSON.stringify(object);
    kept.set(key, { object, length });
    keptLength += length;
    for (const [oldest, entry] of kept) {
      if (kept.size <= maxKept && keptLength <= maxKeptLength) {
        return;
      }
      kept.delete(oldest);
      keptLength -= entry.length;
    }
  }

  async function convert(objects: readonly KubeObject[], version: string): Promise<readonly KubeObject[]> {
    const desiredAPIVersion = apiVersionOf(group, version);
    const uid = randomUUID();
    const request = { uid, desiredAPIVersion, objects };
    const review = { kind: 'ConversionReview', apiVersion: 'apiextensions.k8s.io/v1', request };
    try {
      const answer = await caller.post(Buffer.from(JSON.stringify(review)), timeoutMs);
      const converted = readAnswer(answer, uid);
      if (converted.length !== objects.length) {
        throw new Error(`it returned ${converted.length} objects, expected ${objects.length}`);
      }
      return objects.map((object, index) => {
        const checked = checkedObject(object, converted[index], desiredAPIVersion);
        const schema = options.schemaOf(version);
        schema?.prune(checked);
        schema?.applyDefaults(checked);
        return checked;
      });
    } catch (error) {
      const text = `conversion webhook for ${objects[0]?.apiVersion}, Kind=${kind} failed: ${errorMessage(error)}`;
      throw failure(500, 'InternalError', text, { causes: [{ message: text }] }, { cause: error });
    }
  }

  async function convertMany(needed: KubeObject, version: string): Promise<void> {
    const wanted = apiVersionOf(group, version);
    const batch = [needed];
    let length = JSON.stringify(needed).length;
    for (const object of options.stored()) {
      if (batch.length >= maxObjects || length >= maxLength) {
        break;
      }
      const known = object.apiVersion === wanted || kept.has(keyOf(object, version));
      if (!known && object.metadata.uid !== needed.metadata.uid) {
        batch.push(object);
        length += JSON.stringify(object).length;
      }
    }
    const converted = await convert(
      batch.slice(0, length > maxLength ? Math.max(1, batch.length - 1) : undefined),
      version,
    );
    for (const [index, object] of converted.entries()) {
      const from = batch[index];
      if (from !== undefined) {
        keep(keyOf(from, version), object);
      }
    }
  }

  return {
    read(stored, version) {
      const found = kept.get(keyOf(stored, version));
      if (found === undefined) {
        throw new ConversionNeeded(() => convertMany(stored, version));
      }
      return found.object;
    },
    async write(object) {
      const [converted = object] = await convert([object], storageVersion);
      return converted;
    },
  };
}

function readAnswer(answer: unknown, uid: string): readonly unknown[] {
  const review = isObject(answer) ? answer : {};
  if (review['kind'] !== 'ConversionReview' || review['apiVersion'] !== 'apiextensions.k8s.io/v1') {
    throw new Error('the answer is no ConversionReview of apiextensions.k8s.io/v1');
  }
  const { response } = review;
  if (!isObject(response)) {
    throw new Error('no response provided');
  }
  if (response['uid'] !== uid) {
    throw new Error(`expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(response['uid'])}`);
  }
  const result = isObject(response['result']) ? response['result'] : {};
  if (result['status'] !== 'Success') {
    const { message } = result;
    throw new Error(
      typeof message === 'string' && message !== '' ? message.slice(0, 1000) : 'response.result.status was not Success',
    );
  }
  return Array.isArray(response['convertedObjects']) ? (response['convertedObjects'] as unknown[]) : [];
}

/** A conversion may change labels and annotations, nothing else of metadata. */
function checkedObject(object: KubeObject, converted: unknown, apiVersion: string): KubeObject {
  if (!isObject(converted) || converted['apiVersion'] !== apiVersion || converted['kind'] !== object.kind) {
    throw new Error(`a converted object is not of ${apiVersion}, Kind=${object.kind}`);
  }
  const given = isObject(converted['metadata']) ? converted['metadata'] : {};
  for (const field of ['name', 'namespace', 'uid'] as const) {
    if ((given[field] ?? '') !== (object.metadata[field] ?? '')) {
      throw new Error(`a converted object has another metadata.${field}`);
    }
  }
  const { labels: _labels, annotations: _annotations, ...kept } = object.metadata;
  const metadata = {
    ...kept,
    ...(isObject(given['labels']) && { labels: given['labels'] }),
    ...(isObject(given['annotations']) && { annotations: given['annotations'] }),
  } as ObjectMeta;
  return { ...converted, apiVersion, kind: object.kind, metadata };
}
