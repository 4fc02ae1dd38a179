import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { NetlinkRequest } from '../netlink/exchange.ts';
import { decodeAttributes } from '../netlink/reader.ts';
import { MessageWriter } from '../netlink/writer.ts';
import { addAddressRequest } from './addresses/codec.ts';
import { changeLinkRequest, createLinkRequest, deleteLinkRequest } from './links/encode.ts';
import { addRouteRequest } from './routes/codec.ts';

/** Indexes of the bridge and of `vm1` in the namespace where the files were captured. */
const bridge = 2;
const vm1 = 4;

/** Header size of each message family and the request that must mean the same as what `ip` sent. */
const cases: readonly (readonly [file: string, headerSize: number, request: NetlinkRequest])[] = [
  [
    'create-bridge',
    16,
    createLinkRequest({
      name: 'k6t-eth0',
      kind: 'bridge',
      address: '02:00:00:00:00:00',
      mtu: 1450,
      bridge: { forwardDelayMs: 0, stp: false },
    }),
  ],
  ['create-veth', 16, createLinkRequest({ name: 'vm1', kind: 'veth', mtu: 1450, peer: { name: 'eth0' } })],
  ['set-master', 16, changeLinkRequest({ index: vm1 }, { master: bridge })],
  ['set-up', 16, changeLinkRequest({ index: vm1 }, { up: true })],
  ['add-address-v4', 8, addAddressRequest({ linkIndex: bridge, address: '10.0.2.1/24' })],
  ['add-address-v6', 8, addAddressRequest({ linkIndex: bridge, address: 'fd10:0:2::1/120', noDad: true })],
  ['add-default-route', 12, addRouteRequest({ destination: 'default', gateway: '10.0.2.254', linkIndex: bridge })],
  [
    'add-onlink-route',
    12,
    addRouteRequest({
      destination: '192.0.2.0/24',
      gateway: '169.254.1.1',
      linkIndex: bridge,
      onlink: true,
      priority: 7,
    }),
  ],
  ['delete-link', 16, deleteLinkRequest({ index: vm1 })],
];

function golden(name: string): Buffer {
  const text = readFileSync(new URL(`golden/${name}.hex`, import.meta.url), 'utf8');
  return Buffer.from(text.split('\n')[1] ?? '', 'hex');
}

/** Attributes as a tree without order; `ip` does not set NLA_F_NESTED, so a nest is known by ours. */
function tree(ours: Buffer, theirs: Buffer): readonly [unknown, unknown] {
  const mine = decodeAttributes(ours);
  const other = decodeAttributes(theirs);
  const byType = <T extends { readonly type: number }>(list: readonly T[]): T[] =>
    [...list].sort((a, b) => a.type - b.type);
  const pairs = byType(mine).map((attribute): readonly [unknown, unknown] => {
    const match = other.find(({ type }) => type === attribute.type);
    if (match === undefined) {
      return [attribute.type, undefined];
    }
    // VETH_INFO_PEER starts with a struct ifinfomsg.
    const isPeer = attribute.payload.length > 16 && attribute.payload.readUInt32LE(0) === 0;
    if (attribute.nested && !isPeer) {
      const [left, right] = tree(attribute.payload, match.payload);
      return [
        [attribute.type, left],
        [attribute.type, right],
      ];
    }
    const text = (payload: Buffer): string => payload.toString('hex').replace(/(00)+$/, '');
    return [
      [attribute.type, text(attribute.payload)],
      [attribute.type, text(match.payload)],
    ];
  });
  const extra = byType(other)
    .filter(({ type }) => !mine.some((attribute) => attribute.type === type))
    .map(({ type }) => type);
  return [pairs.map(([left]) => left), [...pairs.map(([, right]) => right), ...extra]];
}

for (const [file, headerSize, request] of cases) {
  test(`${file}: the same as ip sends`, () => {
    const writer = new MessageWriter();
    request.encode(writer);
    const ours = writer.bytes();
    const theirs = golden(file);
    assert.equal(ours.toString('hex', 0, headerSize), theirs.toString('hex', 0, headerSize));
    const [left, right] = tree(ours.subarray(headerSize), theirs.subarray(headerSize));
    assert.deepEqual(left, right);
  });
}
