import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { errorCode } from '../../../base/errors.ts';
import { routerAdvertisement } from './advertisement.ts';
import { decodeRouterAdvertisement, encodeRouterAdvertisement, isRouterSolicitation } from './codec.ts';

const config = {
  prefix: 'fd10:0:2::',
  prefixLength: 120,
  mtu: 1450,
  routerMac: '02:00:00:00:00:00',
  dnsServers: ['2001:db8::53'],
  searchDomains: ['cluster.local'],
};

test('the advertisement says: addresses by DHCPv6, this router, this MTU, prefix on link but not for autoconfiguration', () => {
  const wire = encodeRouterAdvertisement(routerAdvertisement(config));
  assert.equal(wire.length % 8, 0);
  assert.deepEqual(decodeRouterAdvertisement(wire), { ...routerAdvertisement(config), searchDomains: [] });
  assert.equal(
    Buffer.from(wire).toString('hex'),
    [
      '8600000040c0ffff0000000000000000',
      '0101020000000000',
      '05010000000005aa',
      '03047880ffffffffffffffff00000000fd100000000200000000000000000000',
      '19030000ffffffff20010db8000000000000000000000053',
      '1f030000ffffffff07636c7573746572056c6f63616c0000',
    ].join(''),
  );
});

test('solicitations are told from everything else', () => {
  const plain = Uint8Array.of(133, 0, 0, 0, 0, 0, 0, 0);
  assert.equal(isRouterSolicitation(plain), true);
  assert.equal(isRouterSolicitation(Uint8Array.of(...plain, 1, 1, 2, 0, 0, 0, 0, 9)), true);
  assert.equal(isRouterSolicitation(Uint8Array.of(...plain, 1, 0)), false);
  assert.equal(isRouterSolicitation(plain.subarray(0, 7)), false);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      isRouterSolicitation(bytes);
      try {
        decodeRouterAdvertisement(Uint8Array.of(134, 0, ...bytes));
      } catch (error) {
        assert.equal(errorCode(error), 'Decode');
      }
    }),
  );
});
