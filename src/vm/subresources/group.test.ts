import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Duplex, PassThrough } from 'node:stream';
import { once } from 'node:events';
import { test, type TestContext } from 'node:test';
import { WebSocket } from 'ws';
import { pollUntil } from '../../base/deadline.ts';
import { StatusError } from '../../apimachinery/status.ts';
import { createMemoryClient, type MemoryClient } from '../../client/memory-client.ts';
import { vmType } from '../kinds/virtualmachine/resource.ts';
import type { RunStrategy, VirtualMachine, VirtualMachineStatus } from '../kinds/virtualmachine/types.ts';
import { sampleVmi } from '../kinds/virtualmachineinstance/fixtures.ts';
import { vmiType } from '../kinds/virtualmachineinstance/resource.ts';
import type { VirtualMachineInstance, VmiPhase } from '../kinds/virtualmachineinstance/types.ts';
import { createSubresourceGroup, type GroupRequest, type SubresourceGroup } from './group.ts';
import type { NodeSubresources } from './subresource.ts';
import { plainSubprotocol } from './websocket.ts';

const key = { namespace: 'default', name: 'web' };

interface World {
  readonly client: MemoryClient;
  readonly group: SubresourceGroup;
  readonly calls: string[];
}

function createWorld(options: { console?: () => Duplex } = {}): World {
  const client = createMemoryClient();
  const calls: string[] = [];
  const node: NodeSubresources = {
    pause: async () => void calls.push('pause'),
    unpause: async () => void calls.push('unpause'),
    console: async () => options.console?.() ?? new PassThrough(),
    inspect: async (_vmi, options) => ({ links: [], deep: options?.deep }),
    inspectNetwork: async () => ({ hops: [] }),
    trace: async (vmi) => (vmi.metadata.labels?.['untraced'] === undefined ? { marks: [] } : undefined),
    explain: async (namespace, manifest) => ({ namespace, kind: manifest['kind'] }),
    audit: async ({ repair }) => ({ findings: [], repair }),
  };
  return { client, calls, group: createSubresourceGroup({ client, node, version: '1.2.3' }) };
}

function seedVm(client: MemoryClient, strategy: RunStrategy, status?: VirtualMachineStatus): void {
  const vm: VirtualMachine = {
    apiVersion: 'kubevirt.io/v1',
    kind: 'VirtualMachine',
    metadata: { ...key },
    spec: { runStrategy: strategy, template: { spec: sampleVmi().spec } },
    ...(status === undefined ? {} : { status }),
  };
  client.seed(vmType, vm);
}

function seedVmi(
  client: MemoryClient,
  phase: VmiPhase,
  change: (vmi: VirtualMachineInstance) => void = () => {},
): void {
  const vmi = sampleVmi();
  vmi.status = { phase, nodeName: 'n1' };
  change(vmi);
  client.seed(vmiType, vmi);
}

function request(path: string, body?: object): GroupRequest {
  const [resource, subresource] = path.split('/');
  const method = ['console', 'inspect', 'inspectnetwork', 'trace'].includes(subresource ?? '') ? 'GET' : 'PUT';
  return { method, version: 'v1', ...key, resource, subresource, query: new URLSearchParams(), body };
}

/** Strategy, VMI phase if any, call and body, then the code and either the message or the VM's change. */
const table: readonly (readonly [
  RunStrategy,
  VmiPhase | undefined,
  string,
  object | undefined,
  number,
  RegExp | object,
])[] = [
  ['Halted', undefined, 'start', undefined, 202, { runStrategy: 'Always' }],
  ['Halted', undefined, 'start', { paused: true }, 202, { requests: [{ action: 'Start', data: { paused: 'true' } }] }],
  ['Halted', 'Running', 'start', undefined, 409, /VM is already running/],
  ['Manual', undefined, 'start', {}, 202, { requests: [{ action: 'Start' }] }],
  ['Manual', 'Succeeded', 'start', {}, 202, { requests: [{ action: 'Stop' }, { action: 'Start' }] }],
  ['RerunOnFailure', 'Failed', 'start', {}, 409, /does not support starting VM from failed state/],
  ['Always', undefined, 'start', {}, 409, /Always does not support manual start requests/],
  ['Always', undefined, 'start', { paused: 'yes' }, 400, /paused must be/],
  ['Always', undefined, 'start', { dryRun: ['Some'] }, 400, /dryRun must be/],
  ['Halted', undefined, 'start', { dryRun: ['All'] }, 202, { runStrategy: 'Halted' }],
  ['Always', 'Running', 'stop', undefined, 202, { runStrategy: 'Halted' }],
  ['Always', 'Running', 'stop', { gracePeriod: 0 }, 202, { runStrategy: 'Halted', grace: 0 }],
  ['Once', 'Running', 'stop', {}, 202, { runStrategy: 'Halted' }],
  ['Manual', undefined, 'stop', {}, 409, /VM is not running/],
  ['Manual', 'Running', 'stop', {}, 202, { requests: [{ action: 'Stop' }] }],
  ['Halted', 'Running', 'stop', {}, 409, /only supports manual stop requests with a shorter graceperiod/],
  ['Halted', 'Running', 'stop', { gracePeriod: 1 }, 202, { requests: [{ action: 'Stop' }], grace: 1 }],
  ['Halted', 'Running', 'stop', { gracePeriod: -1 }, 400, /gracePeriod has to be/],
  ['Always', 'Running', 'restart', {}, 202, { requests: [{ action: 'Stop' }, { action: 'Start' }] }],
  ['Always', 'Running', 'restart', { gracePeriodSeconds: 0 }, 202, { grace: 0 }],
  ['Always', 'Running', 'restart', { gracePeriodSeconds: 5 }, 400, /only gracePeriod=0 is supported/],
  ['Always', undefined, 'restart', {}, 409, /VM is not running: Halted/],
  ['Halted', 'Running', 'restart', {}, 409, /RunStategy Halted does not support manual restart requests/],
];

for (const [strategy, phase, call, body, code, expected] of table) {
  test(`${call} of a ${strategy} VM, VMI ${phase ?? 'absent'}, ${JSON.stringify(body)}: ${code}`, async () => {
    const { client, group } = createWorld();
    seedVm(client, strategy);
    if (phase !== undefined) {
      seedVmi(client, phase);
    }
    if (code !== 202) {
      assert.ok(expected instanceof RegExp);
      await assert.rejects(group.handle(request(`virtualmachines/${call}`, body)), (error) => {
        assert.ok(error instanceof StatusError);
        assert.equal(error.status.code, code);
        assert.match(error.message, expected);
        return true;
      });
      return;
    }
    assert.equal((await group.handle(request(`virtualmachines/${call}`, body))).code, 202);
    const vm = await client.get(vmType, key);
    const change = expected as { runStrategy?: string; requests?: { action: string }[]; grace?: number };
    if (change.runStrategy !== undefined) {
      assert.equal(vm.spec.runStrategy, change.runStrategy);
    }
    if (change.requests !== undefined) {
      const uid = phase === undefined ? undefined : (await client.get(vmiType, key)).metadata.uid;
      const wanted = change.requests.map((entry) => (entry.action === 'Stop' ? { ...entry, uid } : entry));
      assert.deepEqual(vm.status?.stateChangeRequests, wanted);
    }
    if (change.grace !== undefined) {
      assert.equal((await client.get(vmiType, key)).spec.terminationGracePeriodSeconds, change.grace);
    }
  });
}

test('a second start waits its turn; a stop replaces what waits', async () => {
  const { client, group } = createWorld();
  seedVm(client, 'Manual', { stateChangeRequests: [{ action: 'Start' }] });
  await assert.rejects(group.handle(request('virtualmachines/start')), /stop\/start already underway/u);
  seedVmi(client, 'Running');
  await group.handle(request('virtualmachines/stop'));
  const { status } = await client.get(vmType, key);
  assert.deepEqual(
    status?.stateChangeRequests?.map(({ action }) => action),
    ['Stop'],
  );
});

test('pause and unpause mind the state of the VMI', async () => {
  const { client, group, calls } = createWorld();
  await assert.rejects(group.handle(request('virtualmachineinstances/pause')), { code: 'NotFound' });
  seedVmi(client, 'Scheduled');
  await assert.rejects(group.handle(request('virtualmachineinstances/pause')), /VM is not running/u);
  seedVmi(client, 'Running');
  await assert.rejects(group.handle(request('virtualmachineinstances/unpause')), /VMI is not paused/u);
  assert.equal((await group.handle(request('virtualmachineinstances/pause'))).code, 202);
  seedVmi(client, 'Running', (vmi) => {
    vmi.status = { phase: 'Running', conditions: [{ type: 'Paused', status: 'True' }] };
  });
  await assert.rejects(group.handle(request('virtualmachineinstances/pause')), /VMI is already paused/u);
  await group.handle(request('virtualmachineinstances/unpause', { dryRun: ['All'] }));
  await group.handle(request('virtualmachineinstances/unpause'));
  assert.deepEqual(calls, ['pause', 'unpause']);
});

test('unknown subresources and wrong methods are refused; version and inspect answer', async () => {
  const { client, group } = createWorld();
  seedVmi(client, 'Running');
  await assert.rejects(group.handle(request('virtualmachineinstances/dance')), { code: 'NotFound' });
  await assert.rejects(group.handle({ ...request('virtualmachines/start'), method: 'GET' }), {
    code: 'MethodNotAllowed',
  });
  const answer = async (what: string, query = ''): Promise<object | undefined> =>
    (await group.handle({ ...request(`virtualmachineinstances/${what}`), query: new URLSearchParams(query) })).body;
  assert.deepEqual(await answer('inspect'), { links: [], deep: false });
  assert.deepEqual(await answer('inspect', 'deep=true'), { links: [], deep: true });
  assert.deepEqual(await answer('inspectnetwork'), { hops: [] });
  assert.deepEqual(await answer('trace'), { marks: [] });
  seedVmi(client, 'Running', (vmi) => {
    vmi.metadata.labels = { untraced: '' };
  });
  await assert.rejects(answer('trace'), { code: 'Conflict', message: /its start was not seen/ });
  const version = await group.handle({
    ...request('version'),
    method: 'GET',
    namespace: undefined,
    name: undefined,
    subresource: undefined,
  });
  assert.equal((version.body as { gitVersion: string }).gitVersion, 'v1.2.3');
  assert.ok(group.resources.some(({ name, verbs }) => name === 'virtualmachines/start' && verbs[0] === 'update'));
});

async function serve(t: TestContext, group: SubresourceGroup): Promise<string> {
  const server = createServer();
  server.on('upgrade', (incoming, socket, head) => {
    group.upgrade(request('virtualmachineinstances/console'), socket, head, incoming);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

test('the console carries bytes both ways and ends on both sides', async (t) => {
  const toGuest: Buffer[] = [];
  const closed = Promise.withResolvers<void>();
  const guest = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      toGuest.push(chunk);
      this.push(Buffer.concat([Buffer.from('echo '), chunk]));
      done();
    },
    destroy(_error, done) {
      closed.resolve();
      done(null);
    },
  });
  const { client, group } = createWorld({ console: () => guest });
  seedVmi(client, 'Running');
  const webSocket = new WebSocket(await serve(t, group), [plainSubprotocol]);
  await once(webSocket, 'open');
  assert.equal(webSocket.protocol, plainSubprotocol);
  const bytes = Buffer.from([0, 255, 13, 10]);
  webSocket.send(bytes);
  const [answer, isBinary] = (await once(webSocket, 'message')) as [Buffer, boolean];
  assert.equal(isBinary, true);
  assert.deepEqual(answer, Buffer.concat([Buffer.from('echo '), bytes]));
  assert.deepEqual(Buffer.concat(toGuest), bytes);
  webSocket.close();
  await closed.promise;
});

test('a slow guest slows the client down instead of filling memory', async (t) => {
  const guest = new Duplex({
    writableHighWaterMark: 1024,
    read() {},
    // It never takes its first input.
    write() {},
  });
  const { client, group } = createWorld({ console: () => guest });
  seedVmi(client, 'Running');
  const webSocket = new WebSocket(await serve(t, group), [plainSubprotocol]);
  await once(webSocket, 'open');
  const chunk = Buffer.alloc(256 * 1024);
  let sent = 0;
  // The kernel's socket buffers take some; then sends stay unfinished.
  for (let index = 0; index < 64; index += 1) {
    webSocket.send(chunk, () => {
      sent += 1;
    });
  }
  await pollUntil(() => (guest.writableLength > 0 ? true : undefined), {
    timeoutMs: 5000,
    doing: 'waiting for a write',
  });
  assert.ok(guest.writableLength <= 2 * chunk.length + 1024, `${guest.writableLength} bytes wait in the console`);
  assert.ok(sent < 64);
  guest.destroy();
  const [code] = (await once(webSocket, 'close')) as [number];
  assert.equal(code, 1000);
});

test('a console that cannot be opened is refused with a Status', async (t) => {
  const { client, group } = createWorld();
  const address = await serve(t, group);
  const refused = async (): Promise<number | undefined> => {
    const webSocket = new WebSocket(address, [plainSubprotocol]);
    webSocket.on('error', () => {});
    const [, response] = (await once(webSocket, 'unexpected-response')) as [unknown, { statusCode?: number }];
    webSocket.terminate();
    return response.statusCode;
  };
  assert.equal(await refused(), 404);
  seedVmi(client, 'Scheduled');
  assert.equal(await refused(), 400);
  seedVmi(client, 'Failed');
  assert.equal(await refused(), 409);
  seedVmi(client, 'Running', (vmi) => {
    vmi.spec.domain.devices.autoattachSerialConsole = false;
  });
  assert.equal(await refused(), 400);
});

test('explain-vm is of a namespace and takes a manifest', async () => {
  const { group } = createWorld();
  const ask = (method: string, body: unknown) =>
    group.handle({
      method,
      version: 'v1',
      namespace: 'lab',
      resource: 'explain-vm',
      name: undefined,
      subresource: undefined,
      query: new URLSearchParams(),
      body,
    });
  const manifest = { kind: 'VirtualMachine', metadata: { name: 'web' } };
  assert.deepEqual((await ask('PUT', manifest)).body, { namespace: 'lab', kind: 'VirtualMachine' });
  for (const bad of [undefined, 'x', [], {}]) {
    await assert.rejects(ask('PUT', bad), /must be a VirtualMachine/);
  }
  await assert.rejects(ask('GET', manifest), /not supported|Not Supported|not allowed/i);
});

test('audit is of the node; repairing wants a PUT that says so', async () => {
  const { group } = createWorld();
  const ask = (method: string, body: unknown, namespace?: string) =>
    group.handle({
      method,
      version: 'v1',
      namespace,
      resource: 'audit',
      name: undefined,
      subresource: undefined,
      query: new URLSearchParams(),
      body,
    });
  assert.deepEqual((await ask('GET', undefined)).body, { findings: [], repair: false });
  assert.deepEqual((await ask('PUT', { repair: true })).body, { findings: [], repair: true });
  for (const bad of [undefined, {}, { repair: 'yes' }]) {
    await assert.rejects(ask('PUT', bad), /repair/);
  }
  await assert.rejects(ask('POST', { repair: true }), /not supported|not allowed/i);
  await assert.rejects(ask('GET', undefined, 'default'), { code: 'NotFound' });
});
