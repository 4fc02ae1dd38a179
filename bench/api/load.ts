/**
 * The load of `api.ts`, in a process of its own. Prints one JSON line.
 *
 *   node bench/api/load.ts DIRECTORY PORT creates CLIENTS SECONDS
 *   node bench/api/load.ts DIRECTORY PORT fill COUNT
 *   node bench/api/load.ts DIRECTORY PORT list ROUNDS
 *   node bench/api/load.ts DIRECTORY PORT watch WATCHERS EVENTS_PER_SECOND SECONDS NAMESPACES
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { median, quantile } from '../statistics.ts';
import { openRawClient, openRawWatch, readEndpoint } from './raw-client.ts';
import { vmiText } from './virtual-machine.ts';

const warmUpSeconds = 2;
const [directory = '', port = '', scenario = '', ...rest] = process.argv.slice(2);
const endpoint = readEndpoint(directory, Number(port));
const numbers = rest.map(Number);
const collection = (namespace: string): string =>
  `/apis/kubevirt.io/v1/namespaces/${namespace}/virtualmachineinstances`;

const scenarios: Readonly<Record<string, (...values: number[]) => Promise<object>>> = { creates, fill, list, watch };
const result = await scenarios[scenario]?.(...numbers);
process.stdout.write(`${JSON.stringify(result)}\n`);
process.exit(0);

async function create(client: Awaited<ReturnType<typeof openRawClient>>, name: string): Promise<void> {
  const { code } = await client.request('POST', collection('default'), vmiText(name));
  if (code !== 201) {
    throw new Error(`create of ${name} answered ${code}`);
  }
}

async function creates(clients = 1, seconds = 5): Promise<object> {
  const connections = await Promise.all(Array.from({ length: clients }, () => openRawClient(endpoint)));
  const tookMs: number[] = [];
  let count = 0;
  const startMs = performance.now();
  const endMs = startMs + seconds * 1000;
  await Promise.all(
    connections.map(async (client, index) => {
      for (let turn = 0; performance.now() < endMs; turn += 1) {
        const beforeMs = performance.now();
        await create(client, `vm-${process.pid}-${index}-${turn}`);
        tookMs.push(performance.now() - beforeMs);
        count += 1;
      }
    }),
  );
  const perSecond = count / ((performance.now() - startMs) / 1000);
  return { clients, perSecond: Math.round(perSecond), p50Ms: quantile(tookMs, 0.5), p99Ms: quantile(tookMs, 0.99) };
}

async function fill(count = 10_000): Promise<object> {
  const connections = await Promise.all(Array.from({ length: 16 }, () => openRawClient(endpoint)));
  let next = 0;
  await Promise.all(
    connections.map(async (client) => {
      while (next < count) {
        const number = next;
        next += 1;
        await create(client, `vm-${number}`);
      }
    }),
  );
  return { count };
}

async function list(rounds = 10): Promise<object> {
  const client = await openRawClient(endpoint);
  const tookMs: number[] = [];
  let bytes = 0;
  for (let round = 0; round < rounds; round += 1) {
    const beforeMs = performance.now();
    const answer = await client.request('GET', collection('default'));
    tookMs.push(performance.now() - beforeMs);
    ({ bytes } = answer);
  }
  return { bytes, firstMs: tookMs[0], medianMs: median(tookMs), maxMs: Math.max(...tookMs) };
}

/**
 * Every watcher watches one namespace's ConfigMaps; one writer changes them at the given rate, in turn. Latency is from just
 * before the request to the event's bytes here, so the durable write is in it. What the first seconds take, while the code of
 * both sides is being compiled, does not count.
 */
async function watch(watchers = 1000, eventsPerSecond = 100, seconds = 5, namespaces = 1): Promise<object> {
  const writer = await openRawClient(endpoint);
  const spaces = Array.from({ length: namespaces }, (_, index) => `watch-${process.pid}-${index}`);
  const send = async (method: string, path: string, body: object): Promise<void> => {
    const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
    const { code } = await writer.request(method, path, JSON.stringify(body), type);
    if (code >= 300) {
      throw new Error(`${method} ${path} answered ${code}`);
    }
  };
  for (const name of spaces) {
    await send('POST', '/api/v1/namespaces', { metadata: { name } });
    await send('POST', `/api/v1/namespaces/${name}/configmaps`, { metadata: { name: 'c' }, data: { at: '0' } });
  }
  const latenciesMs: number[] = [];
  const marker = Buffer.from('"at":"');
  for (let index = 0; index < watchers; index += 50) {
    await Promise.all(
      Array.from({ length: Math.min(50, watchers - index) }, async (_, offset) => {
        const space = spaces[(index + offset) % spaces.length] ?? '';
        await openRawWatch(endpoint, `/api/v1/namespaces/${space}/configmaps?watch=1`, (bytes, length) => {
          const nowMs = performance.now();
          const chunk = bytes.subarray(0, length);
          for (let at = chunk.indexOf(marker); at >= 0; at = chunk.indexOf(marker, at + 1)) {
            const sentMs = Number(
              chunk.toString('latin1', at + marker.length, chunk.indexOf(0x22, at + marker.length)),
            );
            if (sentMs > 0) {
              latenciesMs.push(nowMs - sentMs);
            }
          }
        });
      }),
    );
  }
  await sleep(1000);
  const warmUp = eventsPerSecond * warmUpSeconds;
  const total = eventsPerSecond * seconds;
  let startMs = performance.now();
  for (let event = -warmUp; event < total; event += 1) {
    if (event === 0) {
      await sleep(200);
      latenciesMs.length = 0;
      startMs = performance.now();
    }
    const dueMs = startMs + ((event < 0 ? event + warmUp : event) * 1000) / eventsPerSecond;
    if (dueMs > performance.now()) {
      await sleep(dueMs - performance.now());
    }
    const path = `/api/v1/namespaces/${spaces[(event + warmUp) % spaces.length]}/configmaps/c`;
    await send('PATCH', path, { data: { at: performance.now().toFixed(2) } });
  }
  const reachedPerSecond = total / ((performance.now() - startMs) / 1000);
  const expected = (total * watchers) / spaces.length;
  const deadlineMs = performance.now() + 30_000;
  while (latenciesMs.length < expected && performance.now() < deadlineMs) {
    await sleep(20);
  }
  return {
    watchers,
    watchersPerEvent: watchers / spaces.length,
    eventsPerSecond: Math.round(reachedPerSecond),
    deliveriesPerSecond: Math.round((reachedPerSecond * watchers) / spaces.length),
    delivered: latenciesMs.length,
    expected,
    p50Ms: quantile(latenciesMs, 0.5),
    p99Ms: quantile(latenciesMs, 0.99),
  };
}
