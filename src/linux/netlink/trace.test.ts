import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { addAddressRequest } from '../rtnetlink/addresses/codec.ts';
import { createLinkRequest } from '../rtnetlink/links/encode.ts';
import { NETLINK_NETFILTER, NETLINK_ROUTE, NLM_F_ACK } from './constants.ts';
import type { NetlinkRequest } from './exchange.ts';
import { openNetlink } from './socket.ts';
import { execute } from './exchange.ts';
import { formatDatagram } from './trace.ts';
import { MessageWriter } from './writer.ts';

function datagramOf(...requests: readonly NetlinkRequest[]): Buffer {
  const writer = new MessageWriter();
  requests.forEach(({ type, flags, encode }, index) => {
    writer.beginMessage({ type, flags: flags | NLM_F_ACK, sequence: index + 1 });
    encode(writer);
    writer.endMessage();
  });
  return writer.bytes();
}

test('messages are decoded by name', () => {
  const bytes = datagramOf(
    createLinkRequest({ name: 'br0', kind: 'bridge', mtu: 1400, address: '02:00:00:00:00:01' }),
    addAddressRequest({ linkIndex: 7, address: '10.0.0.1/24' }),
  );
  assert.deepEqual(formatDatagram({ protocol: NETLINK_ROUTE, direction: 'sent', where: ' in netns 7', bytes }), [
    'NETLINK_ROUTE in netns 7 > RTM_NEWLINK REQUEST|ACK|EXCL|CREATE seq 1 port 0 ' +
      'header 00000000000000000000000000000000 ' +
      'IFLA_IFNAME="br0" IFLA_MTU=1400 IFLA_ADDRESS=02:00:00:00:00:01 IFLA_LINKINFO{IFLA_INFO_KIND="bridge"}',
    'NETLINK_ROUTE in netns 7 > RTM_NEWADDR REQUEST|ACK|EXCL|CREATE seq 2 port 0 ' +
      'header 0218000007000000 IFA_LOCAL=10.0.0.1 IFA_ADDRESS=10.0.0.1',
  ]);
});

test('whatever the bytes say, the trace is short lines', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 4_000 }),
      fc.constantFrom(NETLINK_ROUTE, NETLINK_NETFILTER, 15),
      fc.nat(0xffff),
      (body, protocol, type) => {
        const writer = new MessageWriter();
        writer.beginMessage({ type, flags: 0, sequence: 1 });
        writer.raw(body);
        writer.endMessage();
        for (const bytes of [writer.bytes(), Buffer.from(body)]) {
          const lines = formatDatagram({ protocol, direction: 'received', where: '', bytes });
          assert.ok(lines.length <= 257);
          assert.ok(lines.every((line) => line.length <= 2_002));
        }
      },
    ),
  );
});

test('a socket traces what is sent and received, and only when asked', () => {
  const lines: string[] = [];
  using traced = openNetlink({ protocol: NETLINK_ROUTE, trace: (line) => lines.push(line) });
  using plain = openNetlink({ protocol: NETLINK_ROUTE });
  const refused = addAddressRequest({ linkIndex: 0x7fff_fff0, address: '10.0.0.1/24' });
  assert.throws(() => execute(plain, refused));
  assert.equal(lines.length, 0);
  assert.throws(() => execute(traced, refused));
  assert.equal(lines.length, 2);
  assert.match(lines[0] ?? '', /> RTM_NEWADDR .* IFA_LOCAL=10\.0\.0\.1/);
  assert.match(lines[1] ?? '', /< NLMSG_ERROR .* errno \d+/);
  assert.equal(traced.portId > 0, true);
});
