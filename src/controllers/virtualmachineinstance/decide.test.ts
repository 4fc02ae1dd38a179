import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContainerState, Pod } from '../../apimachinery/core.ts';
import { sampleVmi } from '../../vm/kinds/virtualmachineinstance/fixtures.ts';
import type { VirtualMachineInstance, VmiPhase } from '../../vm/kinds/virtualmachineinstance/types.ts';
import { renderLauncherPod } from '../../vm/launcher/launcher-pod.ts';
import { decide, type VmiAction } from './decide.ts';

const now = new Date('2026-01-02T03:04:05Z');

interface Case {
  phase?: VmiPhase;
  node?: string;
  deleting?: boolean;
  pod?: {
    phase?: 'Pending' | 'Running' | 'Failed' | 'Succeeded';
    state?: ContainerState;
    deleting?: boolean;
    unschedulable?: boolean;
  };
}

function vmiOf(input: Case): VirtualMachineInstance {
  const vmi = sampleVmi();
  vmi.metadata.finalizers = ['foregroundDeleteVirtualMachine'];
  vmi.status = { phase: input.phase ?? 'Pending' };
  if (input.node !== undefined) {
    vmi.metadata.labels = { 'kubevirt.io/nodeName': input.node };
  }
  if (input.deleting === true) {
    vmi.metadata.deletionTimestamp = '2026-01-02T03:04:00Z';
  }
  return vmi;
}

function podOf(vmi: VirtualMachineInstance, input: NonNullable<Case['pod']>): Pod {
  const pod = renderLauncherPod(vmi, { image: 'vmlet-launcher', kvm: true, cpuAllocationRatio: 10 });
  pod.metadata.uid = 'pod-1';
  pod.spec.nodeName = 'n1';
  if (input.deleting === true) {
    pod.metadata.deletionTimestamp = '2026-01-02T03:04:00Z';
  }
  const running = input.state?.running !== undefined;
  pod.status = {
    phase: input.phase ?? (running ? 'Running' : 'Pending'),
    qosClass: 'Burstable',
    conditions: input.unschedulable
      ? [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: '0/1 nodes are available.' }]
      : [],
    containerStatuses:
      input.state === undefined
        ? []
        : [{ name: 'compute', ready: running, restartCount: 0, image: 'i', imageID: '', state: input.state }],
  };
  return pod;
}

function run(input: Case): { actions: VmiAction[]; kinds: string[]; after: VirtualMachineInstance | undefined } {
  const vmi = vmiOf(input);
  const actions = decide({ vmi, pods: input.pod === undefined ? [] : [podOf(vmi, input.pod)], now });
  const update = actions.find((action) => action.kind === 'updateVmi');
  return { actions, kinds: actions.map(({ kind }) => kind), after: update?.vmi };
}

const up: ContainerState = { running: { startedAt: '2026-01-02T03:04:01Z' } };
const backOff: ContainerState = { waiting: { reason: 'ImagePullBackOff', message: 'no such manifest.' } };

const table: readonly (readonly [string, Case, readonly string[], VmiPhase?])[] = [
  ['new: make the Pod', {}, ['createPod']],
  ['Pod made: Scheduling', { pod: {} }, ['updateVmi'], 'Scheduling'],
  [
    'image cannot be pulled: say so',
    { phase: 'Scheduling', pod: { state: backOff } },
    ['updateVmi', 'event'],
    'Scheduling',
  ],
  ['no node fits: say so', { phase: 'Scheduling', pod: { unschedulable: true } }, ['updateVmi', 'event'], 'Scheduling'],
  ['sandbox up: hand over', { phase: 'Scheduling', pod: { state: up } }, ['updateVmi'], 'Scheduled'],
  ['sandbox up at first sight: hand over', { pod: { state: up } }, ['updateVmi'], 'Scheduled'],
  ['Pod failed', { phase: 'Scheduling', pod: { phase: 'Failed' } }, ['updateVmi', 'event', 'deletePod'], 'Failed'],
  ['Pod is being deleted: wait', { phase: 'Scheduling', pod: { deleting: true } }, []],
  ['Pod gone before hand-over', { phase: 'Scheduling' }, ['updateVmi', 'event'], 'Failed'],
  ['handed over: the agent’s', { phase: 'Scheduled', node: 'n1', pod: { state: up } }, []],
  ['running: the agent’s', { phase: 'Running', node: 'n1', pod: { state: up } }, []],
  ['Pod lost while running: the agent says so', { phase: 'Running', node: 'n1' }, []],
  ['ended: Pod goes', { phase: 'Succeeded', node: 'n1', pod: { state: up } }, ['deletePod']],
  ['ended, Pod on its way out', { phase: 'Failed', node: 'n1', pod: { deleting: true } }, []],
  ['ended, Pod gone', { phase: 'Failed', node: 'n1' }, ['updateVmi'], 'Failed'],
  ['deleted before the Pod', { deleting: true }, ['updateVmi'], 'Pending'],
  ['deleted before hand-over: Pod goes first', { phase: 'Scheduling', deleting: true, pod: {} }, ['deletePod']],
  [
    'deleted while running: the guest shuts down first',
    { phase: 'Running', node: 'n1', deleting: true, pod: { state: up } },
    [],
  ],
  [
    'deleted and ended: Pod goes',
    { phase: 'Succeeded', node: 'n1', deleting: true, pod: { state: up } },
    ['deletePod'],
  ],
  ['deleted, Pod gone: let go', { phase: 'Running', node: 'n1', deleting: true }, ['updateVmi'], 'Running'],
];

for (const [name, input, kinds, phase] of table) {
  test(`VMI: ${name}`, () => {
    const result = run(input);
    assert.deepEqual(result.kinds, kinds);
    assert.equal(result.after?.status?.phase, phase);
    if (input.deleting === true && result.after !== undefined) {
      assert.deepEqual(result.after.metadata.finalizers, []);
    }
  });
}

test('a decision carried out asks for nothing more', () => {
  for (const pod of [{}, { state: backOff }, { unschedulable: true }, { phase: 'Failed' as const, deleting: true }]) {
    const { after } = run({ pod });
    assert.ok(after);
    const again = decide({ vmi: after, pods: [podOf(after, pod)], now: new Date('2026-01-02T03:05:00Z') });
    assert.deepEqual(again, [], JSON.stringify(pod));
  }
});

test('progress of the Pod alone causes no write', () => {
  const { after } = run({ pod: {} });
  assert.ok(after);
  const creating: ContainerState = { waiting: { reason: 'ContainerCreating' } };
  assert.deepEqual(decide({ vmi: after, pods: [podOf(after, { state: creating })], now }), []);
});

test('hand-over names the node, clears the image problem and keeps the transition times', () => {
  const first = run({ pod: { state: backOff } }).after;
  assert.ok(first);
  const problem = first.status?.conditions?.find(({ type }) => type === 'Synchronized');
  assert.equal(problem?.status, 'False');
  assert.equal(problem?.reason, 'ImagePullBackOff');
  assert.match(problem?.message ?? '', /^no such manifest\. Check the image reference/);
  const [action] = decide({ vmi: first, pods: [podOf(first, { state: up })], now });
  assert.ok(action?.kind === 'updateVmi');
  const { metadata, status } = action.vmi;
  assert.equal(metadata.labels?.['kubevirt.io/nodeName'], 'n1');
  assert.equal(status?.nodeName, 'n1');
  assert.deepEqual(status?.activePods, { 'pod-1': 'n1' });
  assert.equal(status?.qosClass, 'Burstable');
  assert.deepEqual(
    status?.conditions?.map(({ type, status }) => [type, status]),
    [
      ['Ready', 'False'],
      ['PodScheduled', 'True'],
    ],
  );
  assert.deepEqual(
    status?.phaseTransitionTimestamps?.map(({ phase }) => phase),
    ['Scheduling', 'Scheduled'],
  );
});

test('how a VM ended stays in its Ready condition when the Pod is gone', () => {
  const vmi = vmiOf({ phase: 'Failed', node: 'n1' });
  const told = { type: 'Ready', status: 'False' as const, reason: 'QemuDied', message: 'the QEMU process ended' };
  vmi.status = { ...vmi.status, activePods: { 'pod-1': 'n1' }, conditions: [told] };
  const [action] = decide({ vmi, pods: [], now });
  assert.ok(action?.kind === 'updateVmi');
  assert.deepEqual(action.vmi.status?.conditions, [told]);
  assert.equal(action.vmi.status?.activePods, undefined);
});
