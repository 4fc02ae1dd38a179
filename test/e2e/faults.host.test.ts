import assert from 'node:assert/strict';
import { readlinkSync } from 'node:fs';
import { test } from 'node:test';
import { assertNothingLeft } from '../support/faults.ts';
import { missingForHostTests, startInstance } from '../support/instance.ts';
import { sandboxProcesses, traces } from '../support/host.ts';
import {
  addresses,
  create,
  fetchFromGuest,
  find,
  machineManifest,
  remove,
  waitFor,
  waitForPhase,
  waitGone,
} from '../support/machines.ts';

const skip = missingForHostTests() ?? false;

/** Names of the steps in a VM's start at which vmlet can be killed (failpoint() in the sources). */
const startSteps = [
  'admitted',
  'pod created',
  'pod bound',
  'pod network up',
  'sandbox up',
  'network up',
  'disks ready',
  'domain defined',
  'domain started',
];

test('a guest survives the restart and the crash of vmlet', { skip, timeout: 240_000 }, async (t) => {
  const instance = await startInstance(t);
  const before = traces(instance);
  await create(instance, machineManifest('survivor', { graceSeconds: 20 }));
  const vmi = await waitForPhase(instance, 'survivor', 'Running');
  const address = addresses(vmi)[0] ?? '';
  await fetchFromGuest(address);
  const [qemu] = sandboxProcesses(instance, 'qemu-system');
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    await instance.stop(signal);
    assert.deepEqual(sandboxProcesses(instance, 'qemu-system'), [qemu], `QEMU runs on after ${signal}`);
    assert.match(await fetchFromGuest(address), /Hello/, 'the guest answers while vmlet is away');
    await instance.start();
    const seen = await find(instance, 'survivor');
    assert.equal(seen?.status?.phase, 'Running');
    assert.equal(seen?.metadata.uid, vmi.metadata.uid);
  }
  await remove(instance, 'survivor');
  await waitGone(instance, 'survivor');
  await assertNothingLeft(instance, before);
});

test('a killed libvirt daemon comes back and the guest does not notice', { skip, timeout: 120_000 }, async (t) => {
  const instance = await startInstance(t);
  await create(instance, machineManifest('daemonless', { graceSeconds: 20 }));
  const vmi = await waitForPhase(instance, 'daemonless', 'Running');
  await fetchFromGuest(addresses(vmi)[0] ?? '');
  const [qemu] = sandboxProcesses(instance, 'qemu-system');
  const daemon = [...sandboxProcesses(instance, 'libvirtd'), ...sandboxProcesses(instance, 'virtqemud')][0];
  assert.ok(daemon !== undefined);
  process.kill(daemon, 'SIGKILL');
  await remove(instance, 'daemonless');
  const ended = await waitFor(
    instance,
    'daemonless',
    'ended',
    (seen) => seen === undefined || seen.status?.phase === 'Succeeded',
    40_000,
  );
  assert.notEqual(ended?.status?.phase, 'Failed');
  assert.ok(qemu !== undefined);
  await waitGone(instance, 'daemonless');
});

test('the death of QEMU is Failed with its reason', { skip, timeout: 120_000 }, async (t) => {
  const instance = await startInstance(t);
  const before = traces(instance);
  await create(instance, machineManifest('victim'));
  await waitForPhase(instance, 'victim', 'Running');
  const [qemu] = sandboxProcesses(instance, 'qemu-system');
  assert.ok(qemu !== undefined);
  process.kill(qemu, 'SIGKILL');
  const failed = await waitForPhase(instance, 'victim', 'Failed');
  assert.equal(failed.status?.reason, 'QemuDied');
  assert.match(failed.status?.conditions?.find((condition) => condition.type === 'Ready')?.message ?? '', /QEMU/);
  await remove(instance, 'victim');
  await waitGone(instance, 'victim');
  await assertNothingLeft(instance, before);
});

for (const step of startSteps) {
  test(`kill -9 of vmlet at "${step}" converges after restart`, { skip, timeout: 180_000 }, async (t) => {
    const instance = await startInstance(t);
    const before = traces(instance);
    await instance.stop('SIGTERM');
    await instance.start({ VMLET_KILL_AT_STEP: step });
    await create(instance, machineManifest('killed')).catch(() => undefined);
    await instance.ended(60_000);
    await instance.start();
    const vmi = await waitForPhase(instance, 'killed', 'Running');
    assert.equal(sandboxProcesses(instance, 'qemu-system').length, 1, 'exactly one QEMU');
    await fetchFromGuest(addresses(vmi)[0] ?? '');
    await remove(instance, 'killed');
    await waitGone(instance, 'killed');
    await assertNothingLeft(instance, before);
  });
}

test('kill -9 of vmlet while a VM is deleted leaves nothing after restart', { skip, timeout: 180_000 }, async (t) => {
  const instance = await startInstance(t);
  const before = traces(instance);
  await instance.stop('SIGTERM');
  await instance.start({ VMLET_KILL_AT_STEP: 'ended' });
  await create(instance, machineManifest('dying'));
  await waitForPhase(instance, 'dying', 'Running');
  await remove(instance, 'dying').catch(() => undefined);
  await instance.ended(60_000);
  await instance.start();
  await waitGone(instance, 'dying');
  await assertNothingLeft(instance, before);
});

test('two VMs never share a network namespace', { skip, timeout: 120_000 }, async (t) => {
  const instance = await startInstance(t);
  await create(instance, machineManifest('one'));
  await create(instance, machineManifest('two', { binding: 'bridge' }));
  await waitForPhase(instance, 'one', 'Running');
  const bridged = await waitForPhase(instance, 'two', 'Running');
  const namespaces = sandboxProcesses(instance, 'qemu-system').map((pid) => readlinkSync(`/proc/${pid}/ns/net`));
  assert.equal(new Set(namespaces).size, 2);
  assert.match(await fetchFromGuest(addresses(bridged)[0] ?? ''), /Hello/, 'the guest holds the pod address itself');
  await Promise.all(['one', 'two'].map((name) => remove(instance, name)));
  await Promise.all(['one', 'two'].map((name) => waitGone(instance, name)));
});
