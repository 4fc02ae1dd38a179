/**
 * Stored bytes as served objects. The stored form is the JSON of the storage version with its resourceVersion in it, so an
 * answer in that version is the stored bytes as they are. Parsed forms are shared by all who look at the same bytes.
 */
import type { KubeObject } from '../../apimachinery/object.ts';
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

export function viewStored({ definition, version }: ResolvedResource, bytes: Buffer): ObjectView {
  if (version.name === definition.storageVersion && version.fromStorage === undefined) {
    return {
      bytes,
      get object() {
        return parseStored(bytes);
      },
    };
  }
  return viewObject(toServed(definition, version, parseStored(bytes)));
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
  const converted = version.fromStorage === undefined ? stored : version.fromStorage(stored);
  return withApiVersion(converted, apiVersionOf(definition.group, version.name));
}

export function toStored(definition: ResourceDefinition, version: ResourceVersion, served: KubeObject): KubeObject {
  if (version.toStorage !== undefined) {
    return version.toStorage(served);
  }
  return withApiVersion(served, apiVersionOf(definition.group, definition.storageVersion));
}

/** Bytes to store, with the revision that the write will have. */
export function encodeStored(object: KubeObject, revision: number): Buffer {
  const { apiVersion, kind, metadata, ...rest } = object;
  const { name, generateName, namespace, uid, resourceVersion: _, ...more } = metadata;
  const ordered = { name, generateName, namespace, uid, resourceVersion: String(revision), ...more };
  return Buffer.from(JSON.stringify({ apiVersion, kind, metadata: ordered, ...rest }));
}

function withApiVersion(object: KubeObject, apiVersion: string): KubeObject {
  return object.apiVersion === apiVersion ? object : { ...object, apiVersion };
}
