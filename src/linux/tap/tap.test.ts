import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { IFF_NO_PI, IFF_TAP, IFF_VNET_HDR } from './constants.ts';
import { decodeInterfaceRequest, encodeInterfaceRequest, isInterfaceName } from './ifreq.ts';

void test('struct ifreq has the name first and the flags at byte 16', () => {
  const bytes = encodeInterfaceRequest({ name: 'tap0', flags: IFF_TAP | IFF_NO_PI | IFF_VNET_HDR });
  assert.equal(bytes.length, 40);
  assert.equal(bytes.toString('hex', 0, 20), '74617030000000000000000000000000'.concat('02500000'));
});

void test('decode of encode gives the same', () => {
  const name = fc.string({ minLength: 1, maxLength: 15 }).filter(isInterfaceName);
  fc.assert(
    fc.property(name, fc.integer({ min: 0, max: 0xffff }), (name, flags) => {
      assert.deepEqual(decodeInterfaceRequest(encodeInterfaceRequest({ name, flags })), { name, flags });
    }),
  );
});

void test('names that the kernel refuses are refused before', () => {
  for (const name of ['', '.', '..', 'a/b', 'a:b', 'a b', 'a\n', 'x'.repeat(16), 'ä']) {
    assert.equal(isInterfaceName(name), false, name);
    assert.throws(() => encodeInterfaceRequest({ name, flags: 0 }), { code: 'Assertion' });
  }
  assert.ok(isInterfaceName('k6t-eth0.12@x'));
});

void test('short or endless input is a decode error', () => {
  assert.throws(() => decodeInterfaceRequest(Buffer.alloc(39)), { code: 'Decode' });
  assert.throws(() => decodeInterfaceRequest(Buffer.alloc(40, 1)), { code: 'Decode' });
});
