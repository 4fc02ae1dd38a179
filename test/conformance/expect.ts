/** What cases assert, with the answer in the message. */
import assert from 'node:assert/strict';
import type { Answer, Json } from './raw-client.ts';

export const jsonPatch = 'application/json-patch+json';
export const mergePatch = 'application/merge-patch+json';
export const strategicPatch = 'application/strategic-merge-patch+json';
export const applyPatch = 'application/apply-patch+yaml';

/** Gives the answer's JSON. */
export function expectCode(answer: Answer, ...codes: readonly number[]): Json {
  const { method, path, code, text } = answer;
  assert.ok(
    codes.includes(code),
    `${method} ${path}: expected ${codes.join(' or ')}, got ${code}: ${text.slice(0, 400)}`,
  );
  return answer.json;
}

/** A Status of failure with this code and, where given, reason. */
export function expectFailure(answer: Answer, codes: number | readonly number[], reason?: string): Json {
  const status = expectCode(answer, ...(typeof codes === 'number' ? [codes] : codes));
  const { method, path, text } = answer;
  const shown = `${method} ${path}: ${text.slice(0, 400)}`;
  assert.equal(status?.kind, 'Status', `no Status: ${shown}`);
  assert.equal(status.apiVersion, 'v1', shown);
  assert.equal(status.status, 'Failure', shown);
  assert.equal(status.code, answer.code, `code of the Status: ${shown}`);
  assert.equal(typeof status.message, 'string', shown);
  if (reason !== undefined) {
    assert.equal(status.reason, reason, shown);
  }
  return status;
}

/** 422 Invalid with a cause about `field`. */
export function expectInvalid(answer: Answer, field?: string): Json {
  const status = expectFailure(answer, 422, 'Invalid');
  if (field !== undefined) {
    const fields = ((status.details?.causes ?? []) as { field?: string }[]).map((cause) => cause.field);
    assert.ok(fields.includes(field), `expected a cause about ${field}, got ${JSON.stringify(fields)}: ${answer.text}`);
  }
  return status;
}

/** Names of a list's items, sorted. */
export function namesOf(list: Json): string[] {
  return (list.items as { metadata: { name: string } }[]).map(({ metadata }) => metadata.name).toSorted();
}

export function conditionOf(object: Json, type: string): Json {
  return (object.status?.conditions ?? []).find((condition: Json) => condition.type === type);
}

/** The entry of managedFields of a manager. */
export function managerOf(object: Json, manager: string, subresource = ''): Json {
  const entries = (object.metadata.managedFields ?? []) as Json[];
  return entries.find((entry) => entry.manager === manager && (entry.subresource ?? '') === subresource);
}

export function encode(text: string): string {
  return encodeURIComponent(text);
}
