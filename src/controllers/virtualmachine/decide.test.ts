import assert from 'node:assert/strict';
import { test } from 'node:test';
import type {
  PrintableStatus,
  RunStrategy,
  StateChangeRequest,
  VirtualMachine,
  VirtualMachineStatus,
} from '../../vm/kinds/virtualmachine/types.ts';
import { sampleVmi } from '../../vm/kinds/virtualmachineinstance/fixtures.ts';
import type { VirtualMachineInstance, VmiPhase } from '../../vm/kinds/virtualmachineinstance/types.ts';
import { decide, type VmDecision } from './decide.ts';
import { backoffSeconds } from './start-failure.ts';
import { renderVmi } from '../../vm/kinds/virtualmachine/vmi-template.ts';

const now = new Date('2026-01-02T03:04:05Z');
const vmiUid = 'vmi-1';

interface Case {
  strategy: RunStrategy | boolean;
  vmi?: {
    phase: VmiPhase;
    deleting?: boolean;
    foreign?: boolean;
    ran?: boolean;
    conditions?: NonNullable<VirtualMachineInstance['status']>['conditions'];
  };
  requests?: StateChangeRequest[];
  status?: VirtualMachineStatus;
  deleting?: boolean;
}

function vmOf(input: Case): VirtualMachine {
  const { spec } = sampleVmi();
  return {
    apiVersion: 'kubevirt.io/v1',
    kind: 'VirtualMachine',
    metadata: {
      name: 'web',
      namespace: 'default',
      uid: 'vm-1',
      generation: 3,
      finalizers: ['kubevirt.io/virtualMachineControllerFinalize'],
      ...(input.deleting === true ? { deletionTimestamp: '2026-01-02T03:04:00Z' } : {}),
    },
    spec: {
      ...(typeof input.strategy === 'boolean' ? { running: input.strategy } : { runStrategy: input.strategy }),
      template: { metadata: { labels: { app: 'web' } }, spec },
    },
    status: {
      ...input.status,
      ...(input.requests === undefined ? {} : { stateChangeRequests: input.requests }),
    },
  };
}

function vmiOf(vm: VirtualMachine, input: NonNullable<Case['vmi']>): VirtualMachineInstance {
  const vmi = renderVmi(vm, { paused: false });
  vmi.metadata.uid = vmiUid;
  if (input.foreign === true) {
    delete vmi.metadata.ownerReferences;
  }
  if (input.deleting === true) {
    vmi.metadata.deletionTimestamp = '2026-01-02T03:04:00Z';
  }
  vmi.status = {
    phase: input.phase,
    conditions: input.conditions ?? [],
    ...(input.ran === true
      ? { phaseTransitionTimestamps: [{ phase: 'Running', phaseTransitionTimestamp: '2026-01-02T03:00:00Z' }] }
      : {}),
  };
  return vmi;
}

function run(input: Case): VmDecision & { kinds: string[]; status: VirtualMachineStatus | undefined } {
  const vm = vmOf(input);
  const vmi = input.vmi === undefined ? undefined : vmiOf(vm, input.vmi);
  const decision = decide({ vm, vmi, now, random: 0 });
  const update = decision.actions.find((action) => action.kind === 'updateStatus');
  return { ...decision, kinds: decision.actions.map(({ kind }) => kind), status: update?.vm.status };
}

const startRequest: StateChangeRequest = { action: 'Start' };
const stopRequest: StateChangeRequest = { action: 'Stop', uid: vmiUid };

/** Without the status write, which most decisions have. */
const doing: readonly (readonly [string, Case, readonly string[]])[] = [
  ['Always makes a VMI', { strategy: 'Always' }, ['createVmi']],
  ['running: true makes a VMI', { strategy: true }, ['createVmi']],
  ['running: false makes none', { strategy: false }, []],
  ['running: false ends one', { strategy: false, vmi: { phase: 'Running' } }, ['deleteVmi']],
  ['Always leaves a running one', { strategy: 'Always', vmi: { phase: 'Running' } }, []],
  ['Always replaces one that ended', { strategy: 'Always', vmi: { phase: 'Succeeded', ran: true } }, ['deleteVmi']],
  ['Always waits for one that goes', { strategy: 'Always', vmi: { phase: 'Running', deleting: true } }, []],
  [
    'Always restarts on a Stop of this VMI',
    { strategy: 'Always', vmi: { phase: 'Running' }, requests: [stopRequest, startRequest] },
    ['deleteVmi'],
  ],
  [
    'a Stop of another VMI is done',
    { strategy: 'Always', vmi: { phase: 'Running' }, requests: [{ action: 'Stop', uid: 'old' }] },
    [],
  ],
  ['Halted makes none', { strategy: 'Halted' }, []],
  ['Halted ends one', { strategy: 'Halted', vmi: { phase: 'Running' } }, ['deleteVmi']],
  ['Halted and a Start: becomes Always', { strategy: 'Halted', requests: [startRequest] }, ['updateVm']],
  ['Manual makes none', { strategy: 'Manual' }, []],
  ['Manual makes one on Start', { strategy: 'Manual', requests: [startRequest] }, ['createVmi']],
  [
    'Manual ends one on Stop',
    { strategy: 'Manual', vmi: { phase: 'Running' }, requests: [stopRequest] },
    ['deleteVmi'],
  ],
  ['Manual keeps one that ended', { strategy: 'Manual', vmi: { phase: 'Failed', ran: true } }, []],
  ['Manual restarts', { strategy: 'Manual', requests: [stopRequest, startRequest] }, ['createVmi']],
  ['Once makes one', { strategy: 'Once' }, ['createVmi']],
  ['Once makes no second', { strategy: 'Once', status: { runStrategy: 'Once' } }, []],
  ['Once keeps one that ended', { strategy: 'Once', vmi: { phase: 'Succeeded', ran: true } }, []],
  ['RerunOnFailure makes one', { strategy: 'RerunOnFailure' }, ['createVmi']],
  [
    'RerunOnFailure makes no second by itself',
    { strategy: 'RerunOnFailure', status: { runStrategy: 'RerunOnFailure' } },
    [],
  ],
  [
    'RerunOnFailure keeps one that succeeded',
    { strategy: 'RerunOnFailure', vmi: { phase: 'Succeeded', ran: true } },
    [],
  ],
  [
    'RerunOnFailure replaces one that failed',
    { strategy: 'RerunOnFailure', vmi: { phase: 'Failed', ran: true } },
    ['deleteVmi'],
  ],
  [
    'RerunOnFailure makes one on Start',
    { strategy: 'RerunOnFailure', status: { runStrategy: 'RerunOnFailure' }, requests: [startRequest] },
    ['createVmi'],
  ],
  ['deletion ends the VMI', { strategy: 'Always', deleting: true, vmi: { phase: 'Running' } }, ['deleteVmi']],
  ['deletion ends with the finalizer', { strategy: 'Always', deleting: true }, ['updateVm']],
  [
    'deletion leaves a foreign VMI',
    { strategy: 'Always', deleting: true, vmi: { phase: 'Running', foreign: true } },
    ['updateVm'],
  ],
  ['a foreign VMI is left alone', { strategy: 'Halted', vmi: { phase: 'Running', foreign: true } }, []],
];

for (const [name, input, kinds] of doing) {
  test(`VM: ${name}`, () => {
    assert.deepEqual(
      run(input).kinds.filter((kind) => kind !== 'updateStatus'),
      kinds,
    );
  });
}

const words: readonly (readonly [PrintableStatus, Case])[] = [
  ['Stopped', { strategy: 'Halted' }],
  ['Stopped', { strategy: 'Once', vmi: { phase: 'Succeeded', ran: true } }],
  ['Starting', { strategy: 'Always', vmi: { phase: 'Pending' } }],
  ['Starting', { strategy: 'Always', vmi: { phase: 'Scheduled' } }],
  ['Running', { strategy: 'Always', vmi: { phase: 'Running' } }],
  ['Paused', { strategy: 'Always', vmi: { phase: 'Running', conditions: [{ type: 'Paused', status: 'True' }] } }],
  ['Stopping', { strategy: 'Always', vmi: { phase: 'Running', deleting: true } }],
  ['Terminating', { strategy: 'Always', deleting: true, vmi: { phase: 'Running' } }],
  [
    'ErrorUnschedulable',
    {
      strategy: 'Always',
      vmi: { phase: 'Scheduling', conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable' }] },
    },
  ],
  [
    'ErrImagePull',
    {
      strategy: 'Always',
      vmi: { phase: 'Scheduling', conditions: [{ type: 'Synchronized', status: 'False', reason: 'ErrImagePull' }] },
    },
  ],
  [
    'ImagePullBackOff',
    {
      strategy: 'Always',
      vmi: { phase: 'Scheduling', conditions: [{ type: 'Synchronized', status: 'False', reason: 'ImagePullBackOff' }] },
    },
  ],
  ['CrashLoopBackOff', { strategy: 'Always', vmi: { phase: 'Failed' } }],
  [
    'CrashLoopBackOff',
    {
      strategy: 'Always',
      status: { startFailure: { consecutiveFailCount: 1, retryAfterTimestamp: '2026-01-02T03:04:15Z' } },
    },
  ],
];

for (const [word, input] of words) {
  test(`VM is ${word}: ${JSON.stringify(input)}`, () => {
    assert.equal(run(input).status?.printableStatus, word);
  });
}

test('early failures back off, and a guest that ran clears them', () => {
  const failed = run({ strategy: 'Always', vmi: { phase: 'Failed' } });
  assert.deepEqual(failed.status?.startFailure, {
    consecutiveFailCount: 1,
    lastFailedVMIUID: vmiUid,
    retryAfterTimestamp: '2026-01-02T03:04:15Z',
  });
  const waiting = run({ strategy: 'Always', status: failed.status ?? {} });
  assert.deepEqual(
    waiting.actions.filter(({ kind }) => kind === 'createVmi'),
    [],
  );
  assert.equal(waiting.requeueAfterMs, 10_000);
  const ran = run({ strategy: 'Always', vmi: { phase: 'Running' }, status: failed.status ?? {} });
  assert.equal(ran.status?.startFailure, undefined);
  assert.deepEqual(
    [1, 2, 3, 5, 6, 100].map((count) => backoffSeconds(count, 0)),
    [10, 40, 90, 250, 300, 300],
  );
  assert.equal(backoffSeconds(2, 1), 60);
});

test('a failed VMI under RerunOnFailure is stopped and started again, even across a crash', () => {
  const first = run({ strategy: 'RerunOnFailure', vmi: { phase: 'Failed', ran: true } });
  assert.deepEqual(first.kinds, ['updateStatus', 'deleteVmi']);
  assert.deepEqual(first.status?.stateChangeRequests, [stopRequest, startRequest]);
  const between = run({
    strategy: 'RerunOnFailure',
    vmi: { phase: 'Failed', ran: true, deleting: true },
    status: first.status ?? {},
  });
  assert.ok(!between.kinds.includes('createVmi'));
  const after = run({ strategy: 'RerunOnFailure', status: first.status ?? {} });
  assert.deepEqual(after.kinds, ['createVmi']);
});

test('a paused Start makes a paused VMI', () => {
  const { actions } = run({ strategy: 'Manual', requests: [{ action: 'Start', data: { paused: 'true' } }] });
  const [create] = actions;
  assert.ok(create?.kind === 'createVmi');
  assert.equal(create.vmi.spec.startStrategy, 'Paused');
  assert.deepEqual(create.vmi.metadata.labels, { app: 'web' });
  assert.equal(create.vmi.metadata.ownerReferences?.[0]?.uid, 'vm-1');
  assert.match(
    create.vmi.spec.domain.firmware?.uuid ?? '',
    /^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/u,
  );
});

test('a changed template asks for a restart; the status says what is running', () => {
  const vm = vmOf({ strategy: 'Always' });
  const vmi = vmiOf(vm, { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] });
  vm.metadata.generation = 4;
  vm.spec.template.spec.domain.cpu = { cores: 4 };
  const { actions } = decide({ vm, vmi, now, random: 0 });
  const [update] = actions;
  assert.ok(update?.kind === 'updateStatus');
  const { status } = update.vm;
  assert.equal(status?.conditions?.find(({ type }) => type === 'RestartRequired')?.status, 'True');
  assert.deepEqual(
    [status?.created, status?.ready, status?.observedGeneration, status?.desiredGeneration],
    [true, true, 3, 4],
  );
});

test('a decision carried out asks for nothing more', () => {
  for (const [, input] of words) {
    const first = run(input);
    const again = run({ ...input, ...(first.status === undefined ? {} : { status: first.status }) });
    assert.ok(!again.kinds.includes('updateStatus'), JSON.stringify(input));
  }
});

test('a refused VMI shows in the VM', () => {
  const vm = vmOf({ strategy: 'Always' });
  const { actions } = decide({ vm, vmi: undefined, now, random: 0, createFailure: 'spec.x: Invalid' });
  const [update] = actions;
  assert.ok(update?.kind === 'updateStatus');
  const failure = update.vm.status?.conditions?.find(({ type }) => type === 'Failure');
  assert.deepEqual([failure?.status, failure?.reason, failure?.message], ['True', 'FailedCreate', 'spec.x: Invalid']);
});
