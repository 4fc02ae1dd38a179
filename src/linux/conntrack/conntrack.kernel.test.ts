import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { DecodeError } from '../../base/errors.ts';
import type { Fd } from '../fd/fd.ts';
import { inNetworkNamespace, openNamespace } from '../namespace/namespace.ts';
import { NETLINK_NETFILTER } from '../netlink/constants.ts';
import { openNetlink } from '../netlink/socket.ts';
import { openUdpSocket } from '../socket/datagram.ts';
import { decodeFlow, deleteFlow, type FlowFamily, listFlows } from './conntrack.ts';

const IPPROTO_UDP = 17;
const isRoot = process.getuid?.() === 0;
const name = `ct-${process.pid}`;

function run(...argv: string[]): string {
  return execFileSync('ip', ['netns', 'exec', name, ...argv], { encoding: 'utf8', timeout: 10_000 });
}

describe('flows', { skip: isRoot ? false : 'needs root' }, () => {
  let netns: Fd;
  before(() => {
    execFileSync('ip', ['netns', 'add', name], { timeout: 10_000 });
    run('ip', 'link', 'set', 'lo', 'up');
    run('ip', 'addr', 'add', '10.9.0.1/32', 'dev', 'lo');
    run('ip', 'addr', 'add', 'fd09::1/128', 'dev', 'lo', 'nodad');
    // To loopback, and another port than was asked.
    run(
      'nft',
      'add table inet t; add chain inet t c { type nat hook output priority -100; }; ' +
        'add rule inet t c udp dport 53 redirect to :5353',
    );
    netns = openNamespace(`/run/netns/${name}`, 'net');
  });
  after(() => {
    netns.close();
    execFileSync('ip', ['netns', 'del', name], { timeout: 10_000 });
  });

  function send(family: FlowFamily, port: number): void {
    const isV4 = family === 'IPv4';
    using socket = inNetworkNamespace(netns, () =>
      openUdpSocket({
        bind: isV4
          ? { family: 'ipv4', address: '10.9.0.1', port: 4000 }
          : { family: 'ipv6', address: 'fd09::1', port: 4000, scopeId: 0 },
        device: 'lo',
      }),
    );
    const to = isV4
      ? ({ family: 'ipv4', address: '10.9.0.1', port } as const)
      : ({ family: 'ipv6', address: 'fd09::1', port, scopeId: 0 } as const);
    assert.ok(socket.send(Buffer.from('x'), to));
  }

  for (const [family, address] of [
    ['IPv4', '10.9.0.1'],
    ['IPv6', 'fd09::1'],
  ] as const) {
    test(`are found by where they went, and forgotten alone: ${family}`, () => {
      using socket = openNetlink({ protocol: NETLINK_NETFILTER, netns });
      const of = (more: object = {}) => listFlows(socket, { family, protocol: IPPROTO_UDP, ...more });
      send(family, 53);
      send(family, 54);
      assert.deepEqual(new Set(of().map(({ original }) => original.destinationPort)), new Set([53, 54]));
      const [flow, ...others] = of({ destination: address, destinationPort: 53 });
      assert.ok(flow);
      assert.deepEqual(others, []);
      const [source, destination] = [address, address];
      assert.deepEqual(flow.original, { source, destination, sourcePort: 4000, destinationPort: 53 });
      const answering = family === 'IPv4' ? '127.0.0.1' : '::1';
      assert.deepEqual(flow.reply, { source: answering, destination, sourcePort: 5353, destinationPort: 4000 });
      assert.deepEqual(of({ destinationPort: 55 }), []);
      assert.deepEqual(of({ destination: family === 'IPv4' ? '10.9.0.2' : 'fd09::2' }), []);

      assert.equal(deleteFlow(socket, { ...flow, id: ((flow.id ?? 0) ^ 1) >>> 0 }), false, 'another one of these ends');
      assert.equal(deleteFlow(socket, flow), true);
      assert.equal(deleteFlow(socket, flow), false);
      assert.deepEqual(of({ destinationPort: 53 }), []);
      assert.equal(of({ destinationPort: 54 }).length, 1);
    });
  }

  test('bytes that are no flow', () => {
    assert.equal(decodeFlow({ type: 0x0101, payload: Buffer.alloc(8) }), undefined);
    assert.equal(decodeFlow({ type: 0x0100, payload: Buffer.from([2, 0, 0, 0]) }), undefined);
    assert.throws(() => decodeFlow({ type: 0x0100, payload: Buffer.alloc(1) }), DecodeError);
    for (let length = 4; length < 64; length++) {
      const payload = Buffer.from(Array.from({ length }, (_, index) => (index * 37 + length) & 255));
      try {
        decodeFlow({ type: 0x0100, payload });
      } catch (error) {
        assert.ok(error instanceof DecodeError);
      }
    }
  });
});
