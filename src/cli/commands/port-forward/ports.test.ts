import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parsePorts } from './ports.ts';

test('pairs of ports', () => {
  assert.deepEqual(parsePorts('80'), [{ local: 80, remote: 80 }]);
  assert.deepEqual(parsePorts('0:80, 2222:22'), [
    { local: 0, remote: 80 },
    { local: 2222, remote: 22 },
  ]);
  for (const text of ['', 'a', '80:', ':80', '1:0', '65536:1', '1:65536', '1:2:3', '-1:2']) {
    assert.throws(() => parsePorts(text), { code: 'Usage' }, text);
  }
});
