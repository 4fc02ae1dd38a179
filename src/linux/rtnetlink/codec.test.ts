import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { DecodeError } from '../../base/errors.ts';
import { EncodeError, MessageWriter } from '../netlink/writer.ts';
import { addAddressRequest, decodeAddress } from './addresses/codec.ts';
import { decodeLink } from './links/decode.ts';
import { changeLinkRequest, createLinkRequest } from './links/encode.ts';
import { decodeNeighbour } from './neighbours/neighbours.ts';
import { decodeRouteNotifications } from './notifications.ts';
import { addRouteRequest, decodeRoute } from './routes/codec.ts';

function encoded(request: { encode: (writer: MessageWriter) => void }): Buffer {
  const writer = new MessageWriter();
  request.encode(writer);
  return writer.bytes();
}

test('random bytes give a value or a DecodeError', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      const payload = Buffer.from(bytes);
      for (const decode of [decodeLink, decodeAddress, decodeRoute, decodeNeighbour, decodeRouteNotifications]) {
        try {
          decode(payload);
        } catch (error) {
          assert.ok(error instanceof DecodeError, String(error));
        }
      }
    }),
  );
});

test('a link is read as it was written', () => {
  const link = decodeLink(
    encoded(
      createLinkRequest({
        name: 'br0',
        kind: 'bridge',
        index: 7,
        mtu: 1400,
        address: '02:00:00:00:00:01',
        up: true,
        bridge: { stp: false, forwardDelayMs: 150, multicastSnooping: true },
      }),
    ),
  );
  assert.deepEqual(
    { name: link.name, kind: link.kind, index: link.index, mtu: link.mtu, address: link.address, up: link.up },
    { name: 'br0', kind: 'bridge', index: 7, mtu: 1400, address: '02:00:00:00:00:01', up: true },
  );
  assert.deepEqual(link.bridge, { stp: false, forwardDelayMs: 150, multicastSnooping: true });
  const port = decodeLink(
    encoded(changeLinkRequest({ index: 3 }, { bridgePort: { isolated: true, learning: false } })),
  );
  assert.deepEqual(port.bridgePort, { isolated: true, learning: false });
});

test('addresses and routes are read as they were written', () => {
  const address = decodeAddress(encoded(addAddressRequest({ linkIndex: 3, address: 'fd10::1/120', noDad: true })));
  assert.equal(address?.address, 'fd10::1');
  assert.equal(address?.prefixLength, 120);
  assert.equal(address?.flags, 2);
  const route = decodeRoute(
    encoded(
      addRouteRequest({
        destination: '10.1.0.0/16',
        gateway: '10.0.0.1',
        linkIndex: 2,
        onlink: true,
        table: 1000,
        metrics: { mtu: 1300 },
      }),
    ),
  );
  assert.deepEqual(
    { ...route },
    {
      family: 'ip',
      destination: '10.1.0.0/16',
      gateway: '10.0.0.1',
      linkIndex: 2,
      table: 1000,
      scope: 'global',
      protocol: 4,
      type: 'unicast',
      onlink: true,
      metrics: { mtu: 1300 },
      unknown: [],
    },
  );
});

test('what the kernel cannot take is refused before', () => {
  for (const request of [
    createLinkRequest({ name: 'a-name-that-is-too-long', kind: 'bridge' }),
    createLinkRequest({ name: '', kind: 'bridge' }),
    createLinkRequest({ name: 'a', kind: 'bridge', mtu: -1 }),
    changeLinkRequest({ name: 'a' }, { name: 'b' }),
    changeLinkRequest({ index: 0 }, { up: true }),
    changeLinkRequest({ index: 1 }, { address: '02:00' }),
    addAddressRequest({ linkIndex: 1, address: '10.0.0.1/40' }),
    addRouteRequest({ destination: 'default', linkIndex: 1 }),
  ]) {
    assert.throws(() => encoded(request), EncodeError);
  }
});
