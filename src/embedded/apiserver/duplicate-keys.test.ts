import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { duplicateKeys } from './duplicate-keys.ts';
import { parseJson } from './json.ts';

/** Refused before keys are looked at. */
const isAccepted = (text: string): boolean => !text.includes('__proto__');

function found(text: string): string[] {
  return duplicateKeys(parseJson(Buffer.from(text)));
}

test('names keys that occur twice', () => {
  assert.deepEqual(found('{"a":1,"b":{"c":1},"a":2}'), ['a']);
  assert.deepEqual(found('{"spec":{"disks":[{"name":"x"},{"name":"y","bus":"a","bus":"b"}]},"kind":"K","kind":"K"}'), [
    'spec.disks[1].bus',
    'kind',
  ]);
  assert.deepEqual(found('{"l":[1,{"a":1, "a" : {}, "b":[[{"c":0,"c":1}]]}]}'), ['l[1].a', 'l[1].b[0][0].c']);
  assert.deepEqual(found('{"a":1,"\\u0061":2}'), ['a']);
});

test('no string is taken for a key', () => {
  for (const text of ['{"a":"b:\\"c\\":","b":"\\\\"}', '{"x":["a:",":b","\\\\\\":"]}', '"a:b"', '[]', '{"":{"":{}}}']) {
    assert.deepEqual(found(text), [], text);
  }
});

test('what JSON.stringify writes has none', () => {
  fc.assert(
    fc.property(fc.json().filter(isAccepted), fc.constantFrom(0, 2), (text, indent) => {
      const written = JSON.stringify(JSON.parse(text), undefined, indent);
      assert.deepEqual(found(written), []);
    }),
  );
});

test('a member repeated is found wherever it is', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue(), { minKeys: 1, noNullPrototype: true }), (value) => {
      const text = JSON.stringify(value);
      fc.pre(isAccepted(text));
      const [key = ''] = Object.keys(value);
      const doubled = `${text.slice(0, -1)},${JSON.stringify(key)}:null}`;
      assert.deepEqual(found(doubled), [key]);
    }),
  );
});
