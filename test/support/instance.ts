/** A vmlet of the tests' own: started as a person would, beside any other, with directories and networks of its own. */
import { randomInt } from 'node:crypto';
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { TestContext } from 'node:test';
import { wipeRuntime } from './wipe.ts';
import { pollUntil, withDeadline } from '../../src/base/deadline.ts';
import { connectKubeconfig, type ApiConnection } from '../../src/client/https-client.ts';

export const repository = fileURLToPath(new URL('../../', import.meta.url));
export const executable = join(repository, 'bin/vmlet');
export const demoGuest = `oci:${join(process.env['VMLET_STATE_DIR'] ?? '/var/lib/vmlet', 'local-images/demo-guest')}`;

const readyTimeoutMs = 60_000;

export interface TestInstance {
  readonly stateDir: string;
  readonly runDir: string;
  readonly bridge: string;
  readonly kubeconfig: string;
  readonly api: ApiConnection;
  /** What vmlet logged so far. */
  log(): string;
  /** Ends vmlet with `signal` and waits until it is gone. Its VMs stay. */
  stop(signal: NodeJS.Signals): Promise<void>;
  start(environment?: Readonly<Record<string, string>>): Promise<void>;
  /** Waits until vmlet ended by itself. */
  ended(timeoutMs: number): Promise<void>;
  readonly pid: number;
  /** Runs `vmlet WORDS` against this instance. */
  vmlet(...words: string[]): Promise<{ readonly code: number | null; readonly out: string; readonly err: string }>;
  kubectl(...words: string[]): Promise<{ readonly code: number | null; readonly out: string; readonly err: string }>;
}

let instances = 0;

/** Skips the test and gives undefined where real VMs cannot run, saying why. */
export function missingForHostTests(): string | undefined {
  if (process.getuid?.() !== 0) {
    return 'needs root';
  }
  for (const tool of ['/usr/bin/virsh', '/usr/sbin/runc']) {
    if (!existsSync(tool)) {
      return `needs ${tool}: run scripts/setup.sh --tests`;
    }
  }
  if (!existsSync(join(demoGuest.slice('oci:'.length), 'index.json'))) {
    return 'needs the demo guest: run scripts/setup.sh --tests';
  }
  return undefined;
}

export interface InstancePlace {
  /** Puts the state directory on a file system of its own with so much room. */
  readonly stateMebibytes?: number;
}

export async function startInstance(
  t: Pick<TestContext, 'after'>,
  options: readonly string[] = [],
  place: InstancePlace = {},
): Promise<TestInstance> {
  const index = instances++;
  const base = mkdtempSync(join(tmpdir(), 'vmlet-test-'));
  const stateDir = join(base, 'state');
  const runDir = join(base, 'run');
  if (place.stateMebibytes !== undefined) {
    mkdirSync(stateDir);
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${place.stateMebibytes}m,mode=0700`, 'vmlet-test', stateDir]);
  }
  const bridge = `vmt${process.pid % 100_000}x${index}`;
  // Instances of several test processes live side by side: their pod networks must not meet.
  const network = { a: randomInt(100, 220), b: randomInt(0, 256), v6: randomInt(0, 0x10000).toString(16) };
  const port = await freePort();
  const words = [
    ['up', '--state-dir', stateDir, '--run-dir', runDir, '--bridge', bridge, '--port', String(port)],
    ['--pod-cidr', `10.${network.a}.${network.b}.0/24`, '--pod-cidr-v6', `fd76:${network.v6}:${index}::/64`],
    ['--local-images', demoGuest.slice('oci:'.length, demoGuest.lastIndexOf('/')), '--log-level', 'debug'],
    options,
  ].flat();
  let child: ChildProcess | undefined;
  let log = '';
  let api: ApiConnection | undefined;

  async function start(environment: Readonly<Record<string, string>> = {}): Promise<void> {
    const started = spawn(executable, words, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...environment },
    });
    child = started;
    const ready = new Promise<void>((resolve, reject) => {
      for (const stream of [started.stdout, started.stderr]) {
        createInterface({ input: stream }).on('line', (line) => {
          log += `${line}\n`;
          if (line.includes('vmlet is ready')) {
            resolve();
          }
        });
      }
      started.once('exit', (code, signal) =>
        reject(new Error(`vmlet ended with ${code ?? signal}:\n${log.slice(-4000)}`)),
      );
    });
    await withDeadline(ready, readyTimeoutMs, 'vmlet up');
    api = await connectKubeconfig({ file: join(stateDir, 'kubeconfig'), context: undefined });
  }

  async function stop(signal: NodeJS.Signals): Promise<void> {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) {
      return;
    }
    const exited = once(child, 'exit');
    child.kill(signal);
    await withDeadline(exited, 30_000, `vmlet after ${signal}`);
  }

  const tool =
    (command: string, environment: Record<string, string>) =>
    (...args: string[]) =>
      new Promise<{ code: number | null; out: string; err: string }>((resolve, reject) => {
        const run = spawn(command, args, {
          env: { ...process.env, ...environment },
          stdio: ['ignore', 'pipe', 'pipe'],
          timeout: 120_000,
        });
        let out = '';
        let err = '';
        run.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
        run.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
        run.once('error', reject);
        run.once('close', (code) => resolve({ code, out, err }));
      });

  t.after(async () => {
    await stop('SIGTERM');
    // After a test that failed its VMs run on.
    await wipeRuntime({ stateDir, runDir, bridge });
    rmSync(base, { recursive: true, force: true });
  });
  await start();
  return {
    stateDir,
    runDir,
    bridge,
    kubeconfig: join(stateDir, 'kubeconfig'),
    get api() {
      if (api === undefined) {
        throw new Error('not started');
      }
      return api;
    },
    get pid() {
      return child?.pid ?? 0;
    },
    log: () => log,
    start,
    stop,
    async ended(timeoutMs) {
      await pollUntil(() => (child?.exitCode !== null || child.signalCode !== null ? true : undefined), {
        timeoutMs,
        doing: 'waiting for vmlet to end',
      });
    },
    vmlet: tool(executable, {
      KUBECONFIG: join(stateDir, 'kubeconfig'),
      VMLET_STATE_DIR: stateDir,
      VMLET_RUN_DIR: runDir,
    }),
    kubectl: tool('kubectl', { KUBECONFIG: join(stateDir, 'kubeconfig'), HOME: base }),
  };
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

export function readText(path: string): string {
  return readFileSync(path, 'utf8');
}
