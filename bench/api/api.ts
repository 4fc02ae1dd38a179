/**
 * The embedded API server against its budgets: durable creates per second, list, watch fan-out, memory, start. Over TLS, the
 * load generator in a process of its own on the same machine.
 *
 *   node bench/api/api.ts [seconds per step]      writes bench/results/api.json
 */
import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { withDeadline } from '../../src/base/deadline.ts';
import { keepResult } from '../result.ts';
import { median } from '../statistics.ts';
import { vmiText } from './virtual-machine.ts';

const seconds = Number(process.argv[2] ?? 5);
const here = dirname(fileURLToPath(import.meta.url));
const objects = 10_000;
const starts = 5;
/** Of each number of clients, a server each, as the size of the store counts too. The median is told. */
const createRounds = 3;
/** Odd, so that one of them is the median. */
const watchRounds = 5;
const warmUpSeconds = 1;
/** As bin/vmlet starts the product. */
const serverFlags = ['--max-semi-space-size=4'];
/** A server that has just begun to listen still has work of its start under way. */
const idleMs = 3000;
const run = promisify(execFile);
/** As the product starts: what the first start compiled, the later ones find. */
const compileCache = mkdtempSync(join(tmpdir(), 'bench-api-code-'));
process.once('exit', () => rmSync(compileCache, { recursive: true, force: true }));

interface Server {
  readonly directory: string;
  readonly port: number;
  readonly startMs: number;
  /** Resident memory, MiB. */
  memoryMiB(): number;
  load(...words: (string | number)[]): Promise<Record<string, number>>;
  stop(): Promise<void>;
}

async function startServer(): Promise<Server> {
  const directory = mkdtempSync(join(tmpdir(), 'bench-api-'));
  const beforeMs = performance.now();
  const child = spawn(process.execPath, [...serverFlags, join(here, 'server.ts'), directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NODE_COMPILE_CACHE: compileCache },
  });
  const line = await withDeadline(firstLine(child), 30_000, 'wait for the API server to listen');
  const startMs = performance.now() - beforeMs;
  const { port } = JSON.parse(line) as { port: number };
  return {
    directory,
    port,
    startMs,
    memoryMiB() {
      const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
      return round(Number(/^VmRSS:\s+(\d+) kB/mu.exec(status)?.[1] ?? NaN) / 1024);
    },
    async load(...words) {
      const args = [join(here, 'load.ts'), directory, String(port), ...words.map(String)];
      const { stdout } = await run(process.execPath, args, { timeout: 180_000 });
      return rounded(JSON.parse(stdout) as Record<string, number>);
    },
    async stop() {
      const closed = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await withDeadline(closed, 30_000, 'wait for the API server to end');
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

async function firstLine(child: ChildProcess): Promise<string> {
  let text = '';
  for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
    text += chunk.toString('utf8');
    if (text.includes('\n')) {
      return text.split('\n')[0] ?? '';
    }
  }
  throw new Error('the API server ended before it listened');
}

/** Starts from scratch, certificates included, and starts with what is there. */
async function measureStart(): Promise<object> {
  const firstMs: number[] = [];
  for (let index = 0; index < starts; index += 1) {
    const server = await startServer();
    firstMs.push(server.startMs);
    await server.stop();
  }
  return { medianMs: round(median(firstMs)), withCertificatesAndDefinitions: true };
}

async function withServer<T>(measure: (server: Server) => Promise<T>): Promise<T> {
  const server = await startServer();
  try {
    return await measure(server);
  } finally {
    await server.stop();
  }
}

function rounded(values: Record<string, number>): Record<string, number> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, round(value)]));
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

const start = await measureStart();
const creates: Record<string, number>[] = [];
for (const clients of [1, 16, 128]) {
  const rounds: Record<string, number>[] = [];
  for (let round = 0; round < createRounds; round += 1) {
    rounds.push(
      await withServer(async (server) => {
        // A server's first second is the compiler's.
        await server.load('creates', 16, warmUpSeconds);
        return server.load('creates', clients, seconds);
      }),
    );
  }
  const of = (name: string): number[] => rounds.map((figures) => figures[name] ?? NaN);
  creates.push({
    clients,
    perSecond: median(of('perSecond')),
    slowestPerSecond: Math.min(...of('perSecond')),
    fastestPerSecond: Math.max(...of('perSecond')),
    p50Ms: median(of('p50Ms')),
    p99Ms: median(of('p99Ms')),
  });
}
const held = await withServer(async (server) => {
  await sleep(idleMs);
  const idleMiB = server.memoryMiB();
  await server.load('fill', objects);
  await sleep(idleMs);
  const filledMiB = server.memoryMiB();
  return { memory: { idleMiB, objects, filledMiB }, list: await server.load('list', 10), after: server.memoryMiB() };
});
const watches: object[] = [];
for (const namespaces of [1, 10]) {
  const rounds: Record<string, number>[] = [];
  for (let round = 0; round < watchRounds; round += 1) {
    rounds.push(await withServer((server) => server.load('watch', 1000, 100, seconds, namespaces)));
  }
  const p99Ms = rounds.map((figures) => figures['p99Ms'] ?? NaN);
  const middle = rounds.find((figures) => figures['p99Ms'] === median(p99Ms));
  watches.push({ ...middle, lowestP99Ms: Math.min(...p99Ms), highestP99Ms: Math.max(...p99Ms) });
}
keepResult('api', {
  what: 'the embedded API server with the VM kinds over TLS; load generator on the same machine',
  objectBytes: vmiText('vm-1').length,
  start,
  creates,
  list: { objects, ...held.list },
  watches,
  memory: { ...held.memory, afterListsMiB: held.after },
});
