import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import {
  findAttribute,
  findLinkName,
  listEntries,
  parseBoolean,
  parseHex,
  parseInteger,
  readAttribute,
  writeAttribute,
} from './attribute.ts';

function directory(cleanup: DisposableStack): string {
  const made = fs.mkdtempSync(path.join(os.tmpdir(), 'vmlet-sysfs-'));
  cleanup.defer(() => fs.rmSync(made, { recursive: true }));
  return made;
}

void test('what is absent is undefined, what is refused is an error', () => {
  using cleanup = new DisposableStack();
  const root = directory(cleanup);
  assert.equal(findAttribute(`${root}/none`), undefined);
  assert.equal(findLinkName(`${root}/none`), undefined);
  assert.deepEqual(listEntries(`${root}/none`), []);
  assert.throws(() => readAttribute(`${root}/none`), { code: 'ENOENT', op: 'read' });
  assert.throws(() => findAttribute(root), { code: 'EISDIR' });
});

void test('reads are bounded', () => {
  using cleanup = new DisposableStack();
  const file = `${directory(cleanup)}/long`;
  fs.writeFileSync(file, 'x'.repeat(5000));
  assert.throws(() => readAttribute(file), { code: 'Decode' });
  assert.equal(readAttribute(file, 5000).length, 5000);
});

void test('a write replaces the value and never makes a file', async () => {
  using cleanup = new DisposableStack();
  const root = directory(cleanup);
  fs.writeFileSync(`${root}/value`, '1024\n');
  await writeAttribute(`${root}/value`, '4');
  assert.equal(readAttribute(`${root}/value`), '4');
  await assert.rejects(writeAttribute(`${root}/other`, '4'), { code: 'ENOENT', op: 'write "4"' });
});

void test('numbers and truth values', () => {
  assert.equal(parseInteger('-1', 'node'), -1);
  assert.equal(parseHex('0x8086', 'vendor', 4), 0x8086);
  assert.equal(parseBoolean('Y', 'flag'), true);
  assert.equal(parseBoolean('0', 'flag'), false);
  for (const text of ['', '1 ', '1e3', '0x1', '99999999999999999']) {
    assert.throws(() => parseInteger(text, 'node'), { code: 'Decode' });
  }
  assert.throws(() => parseHex('0x18086', 'vendor', 4), { code: 'Decode' });
  assert.throws(() => parseBoolean('maybe', 'flag'), { code: 'Decode' });
});
