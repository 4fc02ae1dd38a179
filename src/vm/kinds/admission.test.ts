import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KubeObject } from '../../apimachinery/object.ts';
import { StatusError } from '../../apimachinery/status.ts';
import { createKindAdmission, isOwnIdentity, type KindAdmissionRequest } from './admission.ts';
import type { VirtualMachine } from './virtualmachine/types.ts';
import { sampleVmi } from './virtualmachineinstance/fixtures.ts';
import type { VirtualMachineInstance } from './virtualmachineinstance/types.ts';

const plugins = createKindAdmission({
  architecture: 'amd64',
  newUuid: () => 'aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee',
  now: () => new Date('2026-01-02T03:04:05.678Z'),
  isOwnIdentity,
});
const admin = { name: 'kubernetes-admin', groups: ['system:masters'] };
const controller = { name: 'system:apiserver', groups: ['system:masters'] };

async function admit(
  resource: string,
  request: Pick<KindAdmissionRequest, 'operation' | 'object'> & Partial<KindAdmissionRequest>,
): Promise<KubeObject | undefined> {
  const type = { group: 'kubevirt.io', resource };
  const plugin = plugins.find((candidate) => candidate.matches(type, request.operation));
  assert.ok(plugin);
  return (await plugin.admit({ type, name: 'web', user: admin, ...request })).object;
}

function causes(expected: readonly string[]): (error: unknown) => true {
  return (error) => {
    assert.ok(error instanceof StatusError);
    assert.equal(error.status.code, 422);
    assert.deepEqual(
      error.status.details?.causes?.map(({ field }) => field),
      expected,
    );
    return true;
  };
}

test('a new VMI gets defaults, the finalizer and a status of its own', async () => {
  const given = sampleVmi();
  given.status = { phase: 'Running' };
  given.spec.domain.memory = { guest: 268435456 as unknown as string };
  const stored = (await admit('virtualmachineinstances', {
    operation: 'CREATE',
    object: given,
  })) as VirtualMachineInstance;
  assert.deepEqual(stored.metadata.finalizers, ['foregroundDeleteVirtualMachine']);
  assert.deepEqual(stored.status, {
    phase: 'Pending',
    phaseTransitionTimestamps: [{ phase: 'Pending', phaseTransitionTimestamp: '2026-01-02T03:04:05Z' }],
    currentCPUTopology: { sockets: 1, cores: 2, threads: 1 },
    memory: { guestAtBoot: '268435456', guestCurrent: '268435456', guestRequested: '268435456' },
  });
  assert.equal(stored.spec.terminationGracePeriodSeconds, 30);
  assert.equal(stored.spec.domain.machine?.type, 'q35');
  assert.equal(stored.spec.domain.firmware?.uuid, 'aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee');
});

test('a VMI without network gets the pod network, unless it says no', async () => {
  const given = sampleVmi();
  delete given.spec.networks;
  delete given.spec.domain.devices.interfaces;
  const stored = (await admit('virtualmachineinstances', {
    operation: 'CREATE',
    object: given,
  })) as VirtualMachineInstance;
  assert.deepEqual(stored.spec.networks, [{ name: 'default', pod: {} }]);
  assert.deepEqual(stored.spec.domain.devices.interfaces, [{ name: 'default', masquerade: {} }]);
  given.spec.domain.devices.autoattachPodInterface = false;
  const alone = (await admit('virtualmachineinstances', {
    operation: 'CREATE',
    object: given,
  })) as VirtualMachineInstance;
  assert.equal(alone.spec.networks, undefined);
});

test('a bad VMI is refused with one cause per field', async () => {
  const given = sampleVmi();
  given.metadata.labels = { 'kubevirt.io/nodeName': 'n1' };
  given.spec.domain.devices.tpm = {};
  given.spec.terminationGracePeriodSeconds = -5;
  await assert.rejects(
    admit('virtualmachineinstances', { operation: 'CREATE', object: given }),
    causes(['metadata.labels[kubevirt.io/nodeName]', 'spec.domain.devices.tpm', 'spec.terminationGracePeriodSeconds']),
  );
});

test('users change neither spec nor status of a VMI; controllers do', async () => {
  const oldObject = sampleVmi();
  oldObject.status = { phase: 'Scheduling' };
  const changed = structuredClone(oldObject);
  changed.spec.terminationGracePeriodSeconds = 0;
  await assert.rejects(
    admit('virtualmachineinstances', { operation: 'UPDATE', object: changed, oldObject }),
    causes(['spec']),
  );
  const own = await admit('virtualmachineinstances', {
    operation: 'UPDATE',
    object: changed,
    oldObject,
    user: controller,
  });
  assert.equal(own, changed);
  const labelled = structuredClone(oldObject);
  labelled.metadata.labels = { app: 'x' };
  labelled.status = { phase: 'Failed' };
  const stored = (await admit('virtualmachineinstances', {
    operation: 'UPDATE',
    object: labelled,
    oldObject,
  })) as VirtualMachineInstance;
  assert.equal(stored.status?.phase, 'Scheduling');
  assert.deepEqual(stored.metadata.labels, { app: 'x' });
});

test('a VM keeps its template as it was given and gets its finalizer', async () => {
  const { spec } = sampleVmi();
  const vm: VirtualMachine = {
    apiVersion: 'kubevirt.io/v1',
    kind: 'VirtualMachine',
    metadata: { name: 'web', namespace: 'default' },
    spec: { runStrategy: 'Manual', template: { spec } },
  };
  const stored = (await admit('virtualmachines', { operation: 'CREATE', object: vm })) as VirtualMachine;
  assert.deepEqual(stored.metadata.finalizers, ['kubevirt.io/virtualMachineControllerFinalize']);
  assert.deepEqual(stored.spec.template.spec, spec);
  vm.spec.running = true;
  vm.spec.instancetype = { name: 'small' };
  vm.spec.template.spec.domain.devices.sound = {};
  await assert.rejects(
    admit('virtualmachines', { operation: 'CREATE', object: vm }),
    causes(['spec.runStrategy', 'spec.instancetype', 'spec.template.spec.domain.devices.sound']),
  );
});

test('an object of the wrong shape passes to the schema validation', async () => {
  const object = { ...sampleVmi(), spec: { domain: 7 } } as unknown as KubeObject;
  assert.equal(await admit('virtualmachineinstances', { operation: 'CREATE', object }), object);
});

test('a word that is no drift policy is refused, on a VMI and in the template of a VM', async () => {
  const annotations = { 'vmlet.io/drift-policy': 'repare' };
  const given = sampleVmi();
  given.metadata.annotations = annotations;
  await assert.rejects(
    admit('virtualmachineinstances', { operation: 'CREATE', object: given }),
    causes(['metadata.annotations[vmlet.io/drift-policy]']),
  );
  await assert.rejects(
    admit('virtualmachineinstances', { operation: 'UPDATE', object: given, oldObject: sampleVmi() }),
    causes(['metadata.annotations[vmlet.io/drift-policy]']),
  );
  const vm: VirtualMachine = {
    apiVersion: 'kubevirt.io/v1',
    kind: 'VirtualMachine',
    metadata: { name: 'web', namespace: 'default' },
    spec: { runStrategy: 'Always', template: { metadata: { annotations }, spec: sampleVmi().spec } },
  };
  await assert.rejects(
    admit('virtualmachines', { operation: 'CREATE', object: vm }),
    causes(['spec.template.metadata.annotations[vmlet.io/drift-policy]']),
  );
});
