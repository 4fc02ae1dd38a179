/**
 * Stored bytes as served objects. The stored form is the JSON of the storage version with its resourceVersion in it, so an
 * answer in that version is the stored bytes as they are. Parsed forms are shared by all who look at the same bytes.
 */
import type { KubeObject } from '../../apimachinery/object.ts';
import { cloneJson } from '../../apimachinery/clone-json.ts';
import type { ResourceDefinition, ResourceVersion } from './resource.ts';
import { apiVersionOf } from './resource.ts';
import type { ResolvedResource } from './registry.ts';

export interface ObjectView {
  readonly bytes: Buffer;
  /** Parsed at first use. Shared: copy before changing. */
  readonly object: KubeObject;
}

const parsed = new WeakMap<Buffer, KubeObject>();

/** The object in its storage version. Shared: copy before changing. */
export function parseStored(bytes: Buffer): KubeObject {
  const known = parsed.get(bytes);
  if (known !== undefined) {
    return known;
  }
  const object = JSON.parse(bytes.toString('utf8')) as KubeObject;
  parsed.set(bytes, object);
  return object;
}

/**
 * The object in a served version. One that was stored before its definition was changed gets the defaults of today and loses
 * the fields that are no more, as if it were written now. Shared: copy before changing.
 */
export function readStored({ definition, version }: ResolvedResource, bytes: Buffer): KubeObject {
  const served = toServed(definition, version, parseStored(bytes));
  if (!isOlderThanDefinition(definition, bytes) || version.schema === undefined) {
    return served;
  }
  const known = renewed.get(bytes);
  if (known?.version === version) {
    return known.object;
  }
  const object = cloneJson(served);
  version.schema.prune(object);
  version.schema.applyDefaults(object);
  renewed.set(bytes, { version, object });
  return object;
}

const renewed = new WeakMap<Buffer, { readonly version: ResourceVersion; readonly object: KubeObject }>();
const revisionMark = Buffer.from('"resourceVersion":"');

/** Stored forms begin with what names the object, its revision included: see `prepareStored`. */
function isOlderThanDefinition({ custom }: ResourceDefinition, bytes: Buffer): boolean {
  if (custom === undefined) {
    return false;
  }
  const start = bytes.indexOf(revisionMark) + revisionMark.length;
  return Number(bytes.toString('latin1', start, bytes.indexOf(0x22, start))) < custom.revision;
}

let newest: { readonly bytes: Buffer; readonly version: ResourceVersion; readonly view: ObjectView } | undefined;

/** The view is the same one for all who ask for the same bytes one after the other, as the watchers of an event do. */
export function viewStored(resolved: ResolvedResource, bytes: Buffer): ObjectView {
  if (newest?.bytes !== bytes || newest.version !== resolved.version) {
    newest = { bytes, version: resolved.version, view: makeView(resolved, bytes) };
  }
  return newest.view;
}

function makeView(resolved: ResolvedResource, bytes: Buffer): ObjectView {
  const { definition, version } = resolved;
  const asStored = version.name === definition.storageVersion && version.fromStorage === undefined;
  if (asStored && !isOlderThanDefinition(definition, bytes)) {
    return {
      bytes,
      get object() {
        return parseStored(bytes);
      },
    };
  }
  return viewObject(readStored(resolved, bytes));
}

export function viewObject(object: KubeObject): ObjectView {
  let bytes: Buffer | undefined;
  return {
    object,
    get bytes() {
      bytes ??= Buffer.from(JSON.stringify(object));
      return bytes;
    },
  };
}

export function toServed(definition: ResourceDefinition, version: ResourceVersion, stored: KubeObject): KubeObject {
  const { conversion } = definition;
  if (conversion !== undefined && stored.apiVersion !== apiVersionOf(definition.group, version.name)) {
    return conversion.read(stored, version.name);
  }
  const converted = version.fromStorage === undefined ? stored : version.fromStorage(stored);
  return withApiVersion(converted, apiVersionOf(definition.group, version.name));
}

export function toStored(definition: ResourceDefinition, version: ResourceVersion, served: KubeObject): KubeObject {
  if (version.toStorage !== undefined) {
    return version.toStorage(served);
  }
  return withApiVersion(served, apiVersionOf(definition.group, definition.storageVersion));
}

/** As `toStored`, also where a webhook converts. */
export async function convertToStored(
  definition: ResourceDefinition,
  version: ResourceVersion,
  served: KubeObject,
): Promise<KubeObject> {
  const { conversion, storageVersion } = definition;
  return conversion === undefined || version.name === storageVersion
    ? toStored(definition, version, served)
    : conversion.write(served);
}

/** An object as text, but for the revision that its write will have: the write must not wait for the making of the text. */
export interface StoredForm {
  /** Of the longest form that there can be. */
  readonly byteLength: number;
  readonly encode: (revision: number) => Buffer;
}

const revisionDigits = 16;

export function prepareStored(object: KubeObject): StoredForm {
  const { apiVersion, kind, metadata, ...rest } = object;
  const { name, generateName, namespace, uid, resourceVersion: _, ...more } = metadata;
  const first = openText({ apiVersion, kind });
  const head = `${first}"metadata":${openText({ name, generateName, namespace, uid })}"resourceVersion":"`;
  const tail = `"${restText(more)}${restText(rest)}`;
  return {
    byteLength: Buffer.byteLength(head) + revisionDigits + Buffer.byteLength(tail),
    encode: (revision) => Buffer.from(`${head}${revision}${tail}`),
  };
}

/** Bytes to store, with the revision that the write will have. */
export function encodeStored(object: KubeObject, revision: number): Buffer {
  return prepareStored(object).encode(revision);
}

/** `{"a":1,` so that another member can follow. */
function openText(members: object): string {
  const text = JSON.stringify(members);
  return text === '{}' ? '{' : `${text.slice(0, -1)},`;
}

/** `,"a":1}` to follow a member and end the object. */
function restText(members: object): string {
  const text = JSON.stringify(members);
  return text === '{}' ? '}' : `,${text.slice(1)}`;
}

function withApiVersion(object: KubeObject, apiVersion: string): KubeObject {
  return object.apiVersion === apiVersion ? object : { ...object, apiVersion };
}
