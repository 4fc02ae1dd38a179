import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { podType, type Pod } from '../../apimachinery/core.ts';
import { pollUntil } from '../../base/deadline.ts';
import { silentLogger } from '../../base/logger.ts';
import { startInformer } from '../../client/informer.ts';
import { createMemoryClient, type MemoryClient } from '../../client/memory-client.ts';
import { sampleVmi } from '../../vm/inspection/testing/sample.ts';
import { vmiType } from '../../vm/kinds/virtualmachineinstance/resource.ts';
import type { VirtualMachineInstance } from '../../vm/kinds/virtualmachineinstance/types.ts';
import type { StartTrace } from '../../vm/trace/trace.ts';
import { traceIdOf } from '../../vm/trace/traceparent.ts';
import { createTraceRecorder, type TraceRecorder } from './recorder.ts';
import { openTraceStore } from './store.ts';

interface World {
  readonly client: MemoryClient;
  readonly directory: string;
  readonly sent: [StartTrace, string | undefined][];
  start(): TraceRecorder;
}

function createWorld(t: TestContext): World {
  const directory = mkdtempSync(join(tmpdir(), 'vmlet-traces-'));
  const stop = new AbortController();
  t.after(() => {
    stop.abort();
    rmSync(directory, { recursive: true });
  });
  const client = createMemoryClient();
  const sent: World['sent'] = [];
  const options = { signal: stop.signal, logger: silentLogger };
  return {
    client,
    directory,
    sent,
    start() {
      const recorder = createTraceRecorder({
        nodeName: 'host1',
        store: openTraceStore(join(directory, 'traces')),
        logger: silentLogger,
        send: (trace, only) => sent.push([trace, only]),
      });
      recorder.watch({
        vmis: startInformer(client, vmiType, options),
        pods: startInformer(client, podType, options),
      });
      return recorder;
    },
  };
}

async function createVmi(
  client: MemoryClient,
  annotations: Record<string, string> = {},
): Promise<VirtualMachineInstance> {
  return client.create(vmiType, { ...sampleVmi, metadata: { name: 'web', namespace: 'lab', annotations } });
}

function names(trace: StartTrace | undefined): string[] {
  return (trace?.marks ?? []).map(({ name }) => name);
}

async function reached(recorder: TraceRecorder, uid: string, name: string): Promise<StartTrace> {
  return pollUntil(
    () => {
      const trace = recorder.find(uid);
      return names(trace).includes(name) ? trace : undefined;
    },
    { timeoutMs: 5000, doing: `the mark ${name}` },
  );
}

async function startVm({ client }: World, recorder: TraceRecorder, vmi: VirtualMachineInstance): Promise<string> {
  const uid = vmi.metadata.uid ?? '';
  await reached(recorder, uid, 'VMI created');
  const owner = { apiVersion: vmi.apiVersion, kind: vmi.kind, name: 'web', uid, controller: true };
  const pod: Pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', namespace: 'lab', ownerReferences: [owner] },
    spec: { containers: [{ name: 'compute', image: 'x' }] },
  };
  const made = await client.create(podType, pod);
  await reached(recorder, uid, 'Pod created');
  const running = {
    name: 'compute',
    ready: true,
    restartCount: 0,
    image: 'x',
    imageID: '',
    state: { running: { startedAt: '2026-01-01T00:00:00Z' } },
  };
  const bound = await client.update(podType, { ...made, spec: { ...made.spec, nodeName: 'host1' } });
  await reached(recorder, uid, 'Pod bound');
  const status: NonNullable<Pod['status']> = { phase: 'Running', containerStatuses: [running] };
  await client.update(podType, { ...bound, status }, { subresource: 'status' });
  await reached(recorder, uid, 'sandbox running');
  for (const step of ['start begun', 'network up', 'odd step', 'disks ready', 'domain defined', 'domain started']) {
    recorder.step(vmi, step);
  }
  const now = await client.get(vmiType, { namespace: 'lab', name: 'web' });
  await client.update(vmiType, { ...now, status: { phase: 'Running' } }, { subresource: 'status' });
  await reached(recorder, uid, 'Running');
  return uid;
}

const all =
  'VMI created,Pod created,Pod bound,sandbox running,start begun,network up,disks ready,domain defined,domain started,Running';

test('every moment of a start is noted, sent, written, told after a restart, and removed with the VM', async (t) => {
  const world = createWorld(t);
  const recorder = world.start();
  const vmi = await createVmi(world.client);
  const uid = await startVm(world, recorder, vmi);
  assert.equal(names(recorder.find(uid)).join(','), all);
  assert.equal(recorder.find(uid)?.traceId, traceIdOf(uid));
  assert.deepEqual(
    world.sent.map(([, only]) => only),
    [undefined],
  );
  recorder.step(vmi, 'guest addressed');
  recorder.step(vmi, 'guest addressed');
  recorder.step(vmi, 'start begun');
  assert.equal(names(recorder.find(uid)).join(','), `${all},guest addressed`);
  assert.deepEqual(
    world.sent.map(([, only]) => only),
    [undefined, 'guest'],
  );
  await recorder.close();
  const file = join(world.directory, 'traces', `${uid}.json`);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.deepEqual(JSON.parse(readFileSync(file, 'utf8')), recorder.find(uid));

  const again = world.start();
  assert.deepEqual(again.find(uid), recorder.find(uid));
  await world.client.delete(vmiType, { namespace: 'lab', name: 'web' });
  await pollUntil(() => (readdirSync(join(world.directory, 'traces')).length === 0 ? true : undefined), {
    timeoutMs: 5000,
    doing: 'the removal of the file',
  });
  assert.equal(again.find(uid), undefined);
  await again.close();
});

test('files that are no traces, or of VMs that are gone, are removed at the start', async (t) => {
  const world = createWorld(t);
  const store = openTraceStore(join(world.directory, 'traces'));
  const gone: StartTrace = {
    vmi: { namespace: 'lab', name: 'gone', uid: 'gone-1' },
    node: 'host1',
    traceId: traceIdOf('gone-1'),
    marks: [],
  };
  await store.write(gone);
  await store.write({ ...gone, vmi: { ...gone.vmi, uid: '../escape' } });
  writeFileSync(join(world.directory, 'traces', 'broken.json'), '{');
  writeFileSync(join(world.directory, 'traces', 'half.json.new'), '{');
  writeFileSync(join(world.directory, 'traces', 'other.json'), JSON.stringify(gone));
  assert.deepEqual(readdirSync(world.directory), ['traces']);
  const recorder = world.start();
  await pollUntil(() => (readdirSync(join(world.directory, 'traces')).length === 0 ? true : undefined), {
    timeoutMs: 5000,
    doing: 'the removal of the files',
  });
  await recorder.close();
});

test('a traceparent is taken over, and one that is not sampled is not sent', async (t) => {
  const world = createWorld(t);
  const recorder = world.start();
  const traceId = '0af7651916cd43dd8448eb211c80319c';
  const vmi = await createVmi(world.client, { traceparent: `00-${traceId}-b7ad6b7169203331-00` });
  const uid = await startVm(world, recorder, vmi);
  assert.equal(recorder.find(uid)?.traceId, traceId);
  assert.equal(recorder.find(uid)?.parentSpanId, 'b7ad6b7169203331');
  assert.deepEqual(world.sent, []);
  await recorder.close();
});

test('a VM that ran before has no trace', async (t) => {
  const world = createWorld(t);
  const vmi = await createVmi(world.client);
  await world.client.update(vmiType, { ...vmi, status: { phase: 'Running' } }, { subresource: 'status' });
  const recorder = world.start();
  const other = await world.client.create(vmiType, { ...sampleVmi, metadata: { name: 'other', namespace: 'lab' } });
  await reached(recorder, other.metadata.uid ?? '', 'VMI created');
  assert.equal(recorder.find(vmi.metadata.uid ?? ''), undefined);
  await recorder.close();
});
