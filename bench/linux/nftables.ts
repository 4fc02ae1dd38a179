/**
 * One transaction that loads a table of 10,000 set elements and 1,000 rules, against `nft -f` of the same text,
 * alternating in one run, each round in a new network namespace. Both sides start from what they are given: plain data
 * here, a file there. `nft`'s time contains the start of its process, as it does for who calls it; so `nft, nothing`
 * says how much that is. Needs root. Prints a line for a person and one JSON object; times are medians in
 * milliseconds.
 *
 *   node bench/linux/nftables.ts [rounds]      writes bench/results/nftables.json
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inNetworkNamespace, openNamespace } from '../../src/linux/namespace/namespace.ts';
import { NETLINK_NETFILTER } from '../../src/linux/netlink/constants.ts';
import { openNetlink } from '../../src/linux/netlink/socket.ts';
import { commitBatch } from '../../src/linux/nftables/batch.ts';
import { commented, counter, drop, inSet, ipSaddr, rule, tcpDport } from '../../src/linux/nftables/build.ts';
import { tablesEqual } from '../../src/linux/nftables/compare.ts';
import { dumpTable } from '../../src/linux/nftables/dump.ts';
import { formatTable } from '../../src/linux/nftables/format.ts';
import { createTableRequests } from '../../src/linux/nftables/requests.ts';
import type { Table } from '../../src/linux/nftables/types.ts';
import { keepResult } from '../result.ts';
import { median } from '../statistics.ts';

const ELEMENTS = 10_000;
const RULES = 1000;
const rounds = Number(process.argv[2] ?? 9);
const name = `nftbench-${process.pid}`;
const table: Table = {
  family: 'ip',
  name: 'bench',
  sets: [
    {
      name: 'blocked',
      key: ['ipv4_addr'],
      flags: [],
      elements: Array.from({ length: ELEMENTS }, (_, index) => ({
        key: (0x0a00_0000 + index * 3).toString(16).padStart(8, '0'),
      })),
    },
  ],
  chains: [
    {
      name: 'forward',
      base: { type: 'filter', hook: 'forward', priority: 0, policy: 'accept' },
      rules: [
        rule(inSet(['ip saddr'], 'blocked'), counter(), drop()),
        ...Array.from({ length: RULES - 1 }, (_, index) =>
          commented(
            `vm ${index}`,
            ipSaddr(`10.1.${index >> 8}.${index & 255}`),
            tcpDport(1 + index),
            counter(),
            drop(),
          ),
        ),
      ],
    },
  ],
};

function run(command: string, argv: readonly string[]): void {
  execFileSync(command, argv, { timeout: 60_000 });
}

/** Milliseconds that `body` took in a namespace of its own, which `check` then looks at. */
function inNewNamespace(body: (path: string) => () => void, check: (path: string) => void): number {
  run('ip', ['netns', 'add', name]);
  try {
    const path = `/run/netns/${name}`;
    const timed = body(path);
    const start = process.hrtime.bigint();
    timed();
    const took = Number(process.hrtime.bigint() - start) / 1e6;
    check(path);
    return took;
  } finally {
    run('ip', ['netns', 'del', name]);
  }
}

/** That the kernel has all of it, whoever loaded it. */
function loaded(path: string): void {
  using netns = openNamespace(path, 'net');
  using socket = openNetlink({ protocol: NETLINK_NETFILTER, netns });
  const observed = dumpTable(socket, table);
  assert.ok(observed !== undefined && tablesEqual(observed, table), 'the table is not what was loaded');
}

/** A call of nft in the namespace, without another process in between. */
function nft(path: string, argv: readonly string[]): () => void {
  return () => {
    using netns = openNamespace(path, 'net');
    inNetworkNamespace(netns, () => run('nft', argv));
  };
}

const directory = mkdtempSync(join(tmpdir(), 'nftbench-'));
const file = join(directory, 'table.nft');
const times = { ours: [] as number[], nft: [] as number[], nothing: [] as number[] };
try {
  writeFileSync(file, formatTable(table));
  for (let round = 0; round < rounds; round++) {
    times.ours.push(
      inNewNamespace(
        (path) => () => {
          using netns = openNamespace(path, 'net');
          using socket = openNetlink({ protocol: NETLINK_NETFILTER, netns });
          commitBatch(socket, createTableRequests(table));
        },
        loaded,
      ),
    );
    times.nft.push(inNewNamespace((path) => nft(path, ['-f', file]), loaded));
    times.nothing.push(
      inNewNamespace(
        (path) => nft(path, ['list', 'tables']),
        () => undefined,
      ),
    );
  }
} finally {
  rmSync(directory, { recursive: true });
}
const tenths = (value: number): number => Math.round(value * 10) / 10;
const ms = (values: readonly number[]): number => tenths(median(values));
const ratio = Math.round((median(times.ours) / median(times.nft)) * 1000) / 1000;
console.log(
  `${ELEMENTS} elements and ${RULES} rules in one transaction: ${ms(times.ours)} ms, nft -f ${ms(times.nft)} ms ` +
    `(ratio ${ratio}, median of ${rounds})`,
);
keepResult('nftables', {
  rounds,
  elements: ELEMENTS,
  rules: RULES,
  unit: 'ms',
  median: { 'one transaction': ms(times.ours), 'nft -f': ms(times.nft), 'nft, nothing': ms(times.nothing) },
  fastest: { 'one transaction': tenths(Math.min(...times.ours)), 'nft -f': tenths(Math.min(...times.nft)) },
  first: { 'one transaction': tenths(times.ours[0] ?? 0) },
  ratio,
});
