/** An API server of the tests' own that knows VMs, and the `vmlet` command as a person runs it against it. */
import { spawn } from 'node:child_process';
import { chmodSync, copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Duplex } from 'node:stream';
import { badRequest, conflict, notFound, type StatusError } from '../../src/apimachinery/status.ts';
import { writeKubeconfig } from '../../src/embedded/apiserver/kubeconfig.ts';
import { ensureCustomResourceDefinitions } from '../../src/embedded/apiserver/crd/ensure.ts';
import { startTestServer, type TestServer } from '../../src/embedded/apiserver/test-server.ts';
import type { DelegatedRequest } from '../../src/embedded/apiserver/types.ts';
import { buildCrds } from '../../src/vm/kinds/crds.ts';
import { vmType } from '../../src/vm/kinds/virtualmachine/resource.ts';
import { vmiType } from '../../src/vm/kinds/virtualmachineinstance/resource.ts';
import { serveUpgrade } from '../../src/vm/subresources/websocket.ts';

export const executable = fileURLToPath(new URL('../../bin/vmlet', import.meta.url));
const timeoutMs = 30_000;

export interface Outcome {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly out: string;
  readonly err: string;
}

export interface RunOptions {
  readonly environment?: Readonly<Record<string, string>>;
  readonly input?: string;
  readonly uid?: number;
}

/** Runs a program to its end, with nothing of our environment that could change what vmlet does. */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const child = spawn(command, args, {
    env: { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent', ...options.environment },
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
    ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }),
  });
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input ?? '');
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal, out, err }));
  });
}

export const vmlet = (args: readonly string[], options?: RunOptions): Promise<Outcome> =>
  run(executable, args, options);

export interface CliServer {
  readonly api: TestServer;
  readonly kubeconfig: string;
  /** A copy of the kubeconfig that every user can read. */
  readonly sharedKubeconfig: string;
  /** Bodies of the subresource requests so far, as `PUT virtualmachines/web/start {...}`. */
  readonly requests: readonly string[];
  vmlet(...args: string[]): Promise<Outcome>;
  close(): Promise<void>;
}

/** With the VMs `web` and `worker` (no instance), and the instances `web` and `lonely`, in the namespace `default`. */
export async function startCliServer(): Promise<CliServer> {
  const requests: string[] = [];
  const api = await startTestServer({ delegated: [subresources(requests)] });
  await ensureCustomResourceDefinitions(api.client, buildCrds());
  await createMachines(api);
  const kubeconfig = join(api.directory, 'kubeconfig');
  const { ca, client } = api.certificates;
  writeKubeconfig(kubeconfig, { server: `https://127.0.0.1:${api.port}`, ca: ca.cert, ...client });
  const shared = mkdtempSync(join(tmpdir(), 'vmlet-shared-'));
  chmodSync(shared, 0o755);
  const sharedKubeconfig = join(shared, 'kubeconfig');
  copyFileSync(kubeconfig, sharedKubeconfig);
  chmodSync(sharedKubeconfig, 0o644);
  return {
    api,
    kubeconfig,
    sharedKubeconfig,
    requests,
    vmlet: (...args) => vmlet(args, { environment: { KUBECONFIG: kubeconfig } }),
    async close() {
      rmSync(shared, { recursive: true });
      await api.close();
    },
  };
}

async function createMachines({ client }: TestServer): Promise<void> {
  const namespace = 'default';
  const template = { spec: { domain: { devices: {} } } };
  for (const name of ['web', 'worker']) {
    await client.create(vmType, {
      apiVersion: 'kubevirt.io/v1',
      kind: 'VirtualMachine',
      metadata: { name, namespace },
      spec: { runStrategy: 'Manual', template },
    });
  }
  for (const name of ['web', 'lonely']) {
    const made = await client.create(vmiType, {
      apiVersion: 'kubevirt.io/v1',
      kind: 'VirtualMachineInstance',
      metadata: { name, namespace },
      spec: template.spec,
    });
    const running = {
      phase: 'Running' as const,
      nodeName: 'node-1',
      interfaces: [{ name: 'default', ipAddress: '10.1.2.3', ipAddresses: ['10.1.2.3', 'fd00::3'] }],
      conditions: [
        { type: 'Ready', status: 'True' as const },
        { type: 'SoftwareEmulation', status: 'True' as const },
      ],
    };
    await client.update(vmiType, { ...made, status: running }, { subresource: 'status' });
  }
}

/** Knows `web`; `worker` runs already; the console of `web` says hello and gives back what it gets, `bye` ends it. */
function subresources(requests: string[]) {
  const fail = (request: DelegatedRequest): StatusError | undefined => {
    const about = { group: 'kubevirt.io', resource: request.resource ?? '' };
    const name = request.name ?? '';
    if (name === 'worker') {
      return conflict(about, name, 'VM is already running');
    }
    return name === 'web' ? undefined : notFound(about, name);
  };
  return {
    group: 'subresources.kubevirt.io',
    versions: ['v1'],
    resources: [
      { name: 'virtualmachines/start', singularName: '', namespaced: true, kind: 'VirtualMachine', verbs: ['update'] },
    ],
    handle(request: DelegatedRequest) {
      const { method, resource, name, subresource, body } = request;
      requests.push(`${method} ${resource}/${name}/${subresource} ${JSON.stringify(body)}`);
      const refused = fail(request);
      if (refused !== undefined) {
        return Promise.reject(refused);
      }
      if (subresource === 'inspect') {
        return Promise.resolve({ code: 200, body: { logs: { serial: 'guest ready\n', qemu: 'qemu started' } } });
      }
      return Promise.resolve({ code: 202 });
    },
    upgrade(request: DelegatedRequest, socket: Duplex, head: Buffer, upgradeRequest: never) {
      const connect = (): Promise<Duplex> =>
        request.name === 'web'
          ? Promise.resolve(fakeConsole())
          : Promise.reject(badRequest('No serial consoles are present.'));
      void serveUpgrade(connect, { request: upgradeRequest, socket, head });
    },
  };
}

function fakeConsole(): Duplex {
  const stream = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      stream.push(`<${chunk.toString('hex')}>`);
      if (chunk.includes('bye')) {
        stream.push(null);
      }
      done();
    },
  });
  stream.push('hello from the guest\r\n');
  return stream;
}
