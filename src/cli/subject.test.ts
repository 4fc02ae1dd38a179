import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readSubject } from './subject.ts';

test('a subject and a name, or a name alone', () => {
  const read = (...words: (string | undefined)[]) => readSubject(words, ['vm', 'net']);
  assert.deepEqual(read('web', undefined), { subject: 'vm', name: 'web' });
  assert.deepEqual(read('net', 'web'), { subject: 'net', name: 'web' });
  assert.deepEqual(read('vm', 'net'), { subject: 'vm', name: 'net' });
  assert.deepEqual(read('net', undefined), { subject: 'vm', name: 'net' });
  assert.throws(() => read('disk', 'web'), { code: 'Usage', message: /"disk".*only vm, net/ });
});
