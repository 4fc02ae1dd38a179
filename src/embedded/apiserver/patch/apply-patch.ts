/** A patch of any type applied to an object. Pure but for the patch library. */
import { cloneJson } from '../../../apimachinery/clone-json.ts';
import jsonPatch from 'fast-json-patch';
import type { Operation } from 'fast-json-patch';
import type { KubeObject } from '../../../apimachinery/object.ts';
import { badRequest, failure, StatusError, unsupportedMediaType } from '../../../apimachinery/status.ts';
import { errorMessage } from '../../../base/errors.ts';
import { applyMergePatch } from '../../../client/merge-patch.ts';
import { isObject } from '../json.ts';
import { limits } from '../limits.ts';
import { applyStrategicMergePatch } from './strategic-merge.ts';

export const patchTypes = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
} as const;

/** Server-side apply; see ../apply-verb.ts. */
export const applyPatchType = 'application/apply-patch+yaml';

export type PatchType = keyof typeof patchTypes;

/** Gives a new object; `current` stays as it is. Throws BadRequest, Invalid (422) or UnsupportedMediaType. */
export function applyPatch(type: PatchType, current: KubeObject, patch: unknown, strategicAllowed: boolean): unknown {
  switch (type) {
    case 'json':
      return applyJsonPatch(current, patch);
    case 'merge':
      requireObject(patch);
      // A clone, as the result shares parts with `current` and later steps change it in place.
      return cloneJson(applyMergePatch(current, patch));
    case 'strategic':
      if (!strategicAllowed) {
        throw unsupportedMediaType([patchTypes.json, patchTypes.merge]);
      }
      return cloneJson(applyStrategicMergePatch(current, requireObject(patch)));
  }
}

function requireObject(patch: unknown): Record<string, unknown> {
  if (!isObject(patch)) {
    throw badRequest('the patch is not a JSON object');
  }
  return patch;
}

function applyJsonPatch(current: KubeObject, patch: unknown): unknown {
  if (!Array.isArray(patch)) {
    throw badRequest('a JSON patch is a list of operations');
  }
  if (patch.length > limits.jsonPatchOperations) {
    const message = `The allowed maximum operations in a JSON patch is ${limits.jsonPatchOperations}, got ${patch.length}`;
    throw failure(413, 'RequestEntityTooLarge', message);
  }
  try {
    return applyOperations(cloneJson(current), patch as Operation[]);
  } catch (error) {
    if (error instanceof StatusError) {
      throw error;
    }
    // The library's message goes on with a dump of the document: the first line says what is wrong.
    const [reason = ''] = errorMessage(error).split('\n');
    throw failure(422, 'Invalid', `the server rejected our request due to an error in our request: ${reason}`, {});
  }
}

/** A few operations that copy what earlier ones copied would double an object without end: what is copied is counted. */
function applyOperations(whole: unknown, operations: readonly Operation[]): unknown {
  let document = whole;
  let copiedBytes = 0;
  for (const [index, operation] of operations.entries()) {
    if (isObject(operation) && operation.op === 'copy') {
      copiedBytes += Buffer.byteLength(JSON.stringify(jsonPatch.getValueByPointer(document, operation.from)) ?? '');
      if (copiedBytes > limits.bodyBytes) {
        const message = `the copies of the JSON patch take more than ${limits.bodyBytes} bytes`;
        throw failure(413, 'RequestEntityTooLarge', message);
      }
    }
    document = jsonPatch.applyOperation(document, operation, true, true, true, index).newDocument;
  }
  return document;
}
