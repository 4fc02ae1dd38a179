/**
 * How long one change of one Service holds the event loop, with 1,000 Services of 3 endpoints each in the kernel: an
 * endpoint that moves, and one that comes or goes; and the resync, which looks for what others changed. The API is in
 * memory, the table in a network namespace of its own. Needs root. Prints a line for a person and one JSON object; times
 * in milliseconds.
 *
 *   node bench/linux/services.ts [rounds]      writes bench/results/services.json
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setImmediate as turn } from 'node:timers/promises';
import { pollUntil } from '../../src/base/deadline.ts';
import type { Logger } from '../../src/base/logger.ts';
import { createMemoryClient } from '../../src/client/memory-client.ts';
import {
  type EndpointSlice,
  endpointSliceType,
  type Service,
  serviceNameLabel,
  serviceType,
} from '../../src/embedded/services/kinds.ts';
import { startServices } from '../../src/embedded/services/services.ts';
import { openNamespace } from '../../src/linux/namespace/namespace.ts';
import { createReactor } from '../../src/linux/reactor/reactor.ts';
import { keepResult } from '../result.ts';
import { median, quantile } from '../statistics.ts';

const SERVICES = 1000;
const ENDPOINTS = 3;
const RESYNC_MS = 5000;
const DEADLINE_MS = 10_000;
const rounds = Number(process.argv[2] ?? 30);
const namespace = 'bench';
const nameOf = (index: number): string => `service-${String(index).padStart(4, '0')}`;
const addressOf = (index: number, of: number): string => `10.${of}.${index >> 8}.${index & 255}`;

function service(index: number): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: nameOf(index), namespace },
    spec: {
      type: 'NodePort',
      clusterIP: addressOf(index, 96),
      ports: [{ port: 80, protocol: 'TCP', targetPort: 8080, nodePort: 30_000 + index }],
    },
  };
}

function slice(index: number, endpoints: readonly string[]): EndpointSlice {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: nameOf(index), namespace, labels: { [serviceNameLabel]: nameOf(index) } },
    addressType: 'IPv4',
    endpoints: endpoints.map((address) => ({ addresses: [address], conditions: { ready: true } })),
    ports: [{ name: '', protocol: 'TCP', port: 8080 }],
  };
}

const endpointsOf = (index: number): string[] =>
  Array.from({ length: ENDPOINTS }, (_, number) => addressOf(index, 1 + number));

/** Counts the transactions that the log tells of. */
const made = { transactions: 0 };
const logger = {
  debug: (_fields: object, message: string) => (made.transactions += message === 'table of Services changed' ? 1 : 0),
  info: () => undefined,
  warn: (fields: object, message: string) => console.error(message, fields),
  error: (fields: object, message: string) => console.error(message, fields),
} as unknown as Logger;

/** The longest that the loop was held from `act` until its transaction was made: the longest of its turns. */
async function longestPause(act: () => Promise<unknown>): Promise<number> {
  const before = made.transactions;
  const startMs = performance.now();
  let longestMs = 0;
  let lastMs = startMs;
  const acted = act();
  while (made.transactions === before) {
    await turn();
    const nowMs = performance.now();
    longestMs = Math.max(longestMs, nowMs - lastMs);
    lastMs = nowMs;
    assert.ok(nowMs - startMs < DEADLINE_MS, 'no transaction in time');
  }
  await acted;
  return longestMs;
}

const name = `svbench-${process.pid}`;
execFileSync('ip', ['netns', 'add', name], { timeout: 10_000 });
const stopping = new AbortController();
try {
  using netns = openNamespace(`/run/netns/${name}`, 'net');
  const reactor = createReactor();
  const client = createMemoryClient();
  for (let index = 0; index < SERVICES; index++) {
    await client.create(serviceType, service(index));
    await client.create(endpointSliceType, slice(index, endpointsOf(index)));
  }
  const startedMs = performance.now();
  const services = startServices({
    client,
    table: 'x-services',
    bridge: 'x',
    podNetworks: ['10.0.0.0/12'],
    reactor,
    resyncMs: RESYNC_MS,
    logger,
    signal: stopping.signal,
    netns,
  });
  await pollUntil(async () => made.transactions > 0 || undefined, {
    timeoutMs: 60_000,
    intervalMs: 5,
    doing: 'the table',
  });
  const firstMs = performance.now() - startedMs;
  const change = async (index: number, endpoints: readonly string[]): Promise<void> => {
    const old = await client.get(endpointSliceType, { namespace, name: nameOf(index) });
    await client.update(endpointSliceType, { ...slice(index, endpoints), metadata: old.metadata });
  };
  const moved: number[] = [];
  const gone: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const index = (round * 37) % SERVICES;
    const [first = '', ...rest] = endpointsOf(index);
    moved.push(await longestPause(() => change(index, [addressOf(index, 9), ...rest])));
    gone.push(await longestPause(() => change(index, rest)));
    await longestPause(() => change(index, [first, ...rest]));
  }
  // Nothing to do but the resync.
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const idleFrom = performance.eventLoopUtilization();
  await new Promise((resolve) => setTimeout(resolve, 2 * RESYNC_MS));
  const idle = performance.eventLoopUtilization(idleFrom);
  delay.disable();
  stopping.abort();
  await services.close({ removeTable: true });
  reactor.close();

  const tenths = (value: number): number => Math.round(value * 10) / 10;
  const of = (values: readonly number[]) => ({ median: tenths(median(values)), p95: tenths(quantile(values, 0.95)) });
  const [move, removal, resyncMs] = [of(moved), of(gone), tenths(delay.max / 1e6)];
  console.log(
    `${SERVICES} Services of ${ENDPOINTS} endpoints: a change holds the loop ${move.median} ms (p95 ${move.p95}), ` +
      `the resync ${resyncMs} ms; the first table took ${tenths(firstMs)} ms`,
  );
  keepResult('services', {
    rounds,
    services: SERVICES,
    endpoints: SERVICES * ENDPOINTS,
    unit: 'ms, longest that the event loop was held',
    'endpoint moved': move,
    'endpoint gone': removal,
    resync: { longest: resyncMs, busyPerSecond: tenths((idle.active / 2 / RESYNC_MS) * 1000) },
    'first table': tenths(firstMs),
  });
} finally {
  stopping.abort();
  execFileSync('ip', ['netns', 'del', name], { timeout: 10_000 });
}
