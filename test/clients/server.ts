/** An API server with the kinds of VMs and one Pod whose node is a stand-in on this host. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { podType } from '../../src/apimachinery/core.ts';
import { badRequest } from '../../src/apimachinery/status.ts';
import { ensureCustomResourceDefinitions } from '../../src/embedded/apiserver/crd/ensure.ts';
import { writeKubeconfig } from '../../src/embedded/apiserver/kubeconfig.ts';
import type { PodStreamBackend } from '../../src/embedded/apiserver/pod-streams/backend.ts';
import { startTestServer } from '../../src/embedded/apiserver/test-server.ts';
import type { TestServer } from '../../src/embedded/apiserver/test-server.ts';
import { createKindAdmission, isOwnIdentity } from '../../src/vm/kinds/admission.ts';
import { buildCrds } from '../../src/vm/kinds/crds.ts';

export interface ClientsServer extends TestServer {
  readonly kubeconfig: string;
}

/** Commands of exec run on this host: tests give harmless ones. */
const backend: PodStreamBackend = {
  openLog: async () => Readable.from(['one\n', 'two\n']),
  async exec(_pod, { command, stdin }) {
    const [program = 'false', ...args] = command;
    const child = spawn(program, args, { stdio: [stdin ? 'pipe' : 'ignore', 'pipe', 'pipe'] });
    const { stdout, stderr } = child;
    assert.ok(stdout !== null && stderr !== null);
    return {
      stdin: child.stdin ?? undefined,
      stdout,
      stderr,
      resize() {},
      exitCode: once(child, 'exit').then(([code]) => (code as number | null) ?? 137),
      kill: () => void child.kill('SIGKILL'),
    };
  },
  async connect() {
    throw badRequest('nobody listens');
  },
};

export async function startClientsServer(): Promise<ClientsServer> {
  const server = await startTestServer({
    podStreams: backend,
    admission: createKindAdmission({
      architecture: 'amd64',
      newUuid: randomUUID,
      now: () => new Date(),
      isOwnIdentity,
    }),
  });
  const { ca, client } = server.certificates;
  const kubeconfig = join(server.directory, 'kubeconfig');
  writeKubeconfig(kubeconfig, { server: `https://127.0.0.1:${server.port}`, ca: ca.cert, ...client });
  await ensureCustomResourceDefinitions(server.client, buildCrds());
  const made = await server.client.create(podType, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web', namespace: 'default' },
    spec: { containers: [{ name: 'compute', image: 'x' }] },
  });
  const status = { ...made.status, phase: 'Running' as const };
  await server.client.update(podType, { ...made, status }, { subresource: 'status' });
  return { ...server, kubeconfig };
}

/** A VM that the server's admission takes. */
export function machine(name: string, labels: Readonly<Record<string, string>> = {}): object {
  return {
    apiVersion: 'kubevirt.io/v1',
    kind: 'VirtualMachineInstance',
    metadata: { name, labels },
    spec: { domain: { memory: { guest: '64Mi' }, devices: {} } },
  };
}
