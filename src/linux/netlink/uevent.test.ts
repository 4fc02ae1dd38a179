import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { DecodeError } from '../../base/errors.ts';
import { decodeUevent } from './uevent.ts';

const name = fc.stringMatching(/^[A-Z_]{1,12}$/);
const text = fc.stringMatching(/^[ -~]{0,40}$/);

test('what the kernel sends is read', () => {
  fc.assert(
    fc.property(
      fc.stringMatching(/^[a-z]{1,8}$/),
      text,
      fc.uniqueArray(fc.tuple(name, text), { maxLength: 20, selector: ([key]) => key }),
      (action, path, pairs) => {
        const lines = [`${action}@/${path}`, ...pairs.map(([key, value]) => `${key}=${value}`)];
        const uevent = decodeUevent(Buffer.from(lines.map((line) => `${line}\0`).join('')));
        assert.equal(uevent.action, action);
        assert.equal(uevent.devicePath, `/${path}`);
        assert.deepEqual([...uevent.values], pairs);
      },
    ),
  );
});

test('a link that was added', () => {
  const uevent = decodeUevent(
    Buffer.from('add@/devices/virtual/net/tap0\0ACTION=add\0SUBSYSTEM=net\0INTERFACE=tap0\0IFINDEX=7\0SEQNUM=4711\0'),
  );
  assert.equal(uevent.subsystem, 'net');
  assert.equal(uevent.sequence, 4711n);
  assert.equal(uevent.values.get('IFINDEX'), '7');
});

test('anything else is a DecodeError', () => {
  const many = `add@/d\0${'A=1\0'.repeat(65)}`;
  for (const bad of ['', 'libudev\0\xfe\xed', 'add', '@/x', 'add@x', 'add@/x\0=1', 'add@/x\0novalue', many]) {
    assert.throws(() => decodeUevent(Buffer.from(bad, 'latin1')), DecodeError);
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      try {
        decodeUevent(Buffer.from(bytes));
      } catch (error) {
        assert.ok(error instanceof DecodeError);
      }
    }),
  );
});
