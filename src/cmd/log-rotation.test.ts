import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { rotateWhenLarge } from './log-rotation.ts';

test('a log that has grown too large moves aside once, and the descriptor goes on in the empty file', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'log-rotation-'));
  const path = join(directory, 'a.log');
  const fd = openSync(path, 'a', 0o600);
  t.after(() => {
    closeSync(fd);
    rmSync(directory, { recursive: true });
  });
  writeSync(fd, 'first\n');
  assert.equal(await rotateWhenLarge({ path, fd, bytesMax: 10 }), false);
  writeSync(fd, 'second\n');
  assert.equal(await rotateWhenLarge({ path, fd, bytesMax: 10 }), true);
  writeSync(fd, 'third\n');
  assert.equal(readFileSync(path, 'utf8'), 'third\n');
  assert.equal(readFileSync(`${path}.1`, 'utf8'), 'first\nsecond\n');
});

test('what is no regular file is left alone', async () => {
  const fd = openSync('/dev/null', 'w');
  try {
    assert.equal(await rotateWhenLarge({ path: '/dev/null', fd, bytesMax: 0 }), false);
  } finally {
    closeSync(fd);
  }
});

test("a descriptor of another file than ours, such as a user's redirection, is left alone", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'log-rotation-'));
  const [ours, theirs] = [join(directory, 'vmlet.log'), join(directory, 'theirs.log')];
  const fd = openSync(theirs, 'a', 0o600);
  t.after(() => {
    closeSync(fd);
    rmSync(directory, { recursive: true });
  });
  writeSync(fd, 'their words\n');
  assert.equal(await rotateWhenLarge({ path: ours, fd, bytesMax: 1 }), false);
  closeSync(openSync(ours, 'a'));
  assert.equal(await rotateWhenLarge({ path: ours, fd, bytesMax: 1 }), false);
  assert.equal(readFileSync(theirs, 'utf8'), 'their words\n');
});
