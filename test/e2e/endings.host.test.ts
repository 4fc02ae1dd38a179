/** How VMs end: by their Pod, by their guest, by deletion at odd moments, by a restart of the host. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { podType } from '../../src/apimachinery/core.ts';
import { pollUntil } from '../../src/base/deadline.ts';
import { vmType } from '../../src/vm/kinds/virtualmachine/resource.ts';
import type { VirtualMachineInstance } from '../../src/vm/kinds/virtualmachineinstance/types.ts';
import { executable, missingForHostTests, readText, startInstance, type TestInstance } from '../support/instance.ts';
import { assertNothingLeft, condition, waitForEvent, processesOf } from '../support/faults.ts';
import { traces } from '../support/host.ts';
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
import { wipeRuntime } from '../support/wipe.ts';

const skip = missingForHostTests() ?? false;

async function launcherOf(instance: TestInstance, name: string): Promise<string> {
  const { items } = await instance.api.client.list(podType, {
    namespace: 'default',
    labelSelector: `vm.kubevirt.io/name=${name}`,
  });
  assert.equal(items.length, 1);
  return items[0]?.metadata.name ?? '';
}

/** Types a line at the shell on the guest's serial console. */
async function typeInGuest(instance: TestInstance, name: string, line: string): Promise<void> {
  const child = spawn(executable, ['console', name], {
    env: { ...process.env, KUBECONFIG: instance.kubeconfig },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  let shown = '';
  child.stdout.on('data', (chunk: Buffer) => (shown += chunk.toString('latin1')));
  try {
    child.stdin.write(`${line}\n`);
    await pollUntil(() => (shown.includes(line) ? true : undefined), { timeoutMs: 15_000, doing: `echo of ${line}` });
  } finally {
    child.kill('SIGKILL');
  }
}

function booted(vmi: VirtualMachineInstance): Promise<string> {
  return fetchFromGuest(addresses(vmi)[0] ?? '');
}

test('a VM ends as its Pod, its guest or its owner wants', { skip, timeout: 240_000 }, async (t) => {
  const instance = await startInstance(t);
  const before = traces(instance);
  const clean = async (name: string): Promise<void> => {
    await remove(instance, name);
    await waitGone(instance, name);
    await assertNothingLeft(instance, before);
  };

  await t.test('deleting the Pod shuts the guest down: Succeeded', async () => {
    await create(instance, machineManifest('podless', { graceSeconds: 20 }));
    await booted(await waitForPhase(instance, 'podless', 'Running'));
    await instance.api.client.delete(podType, { namespace: 'default', name: await launcherOf(instance, 'podless') });
    const ended = await waitFor(
      instance,
      'podless',
      'ended',
      (vmi) => vmi?.status?.phase === 'Succeeded' || vmi?.status?.phase === 'Failed',
    );
    assert.equal(ended?.status?.phase, 'Succeeded', JSON.stringify(ended?.status));
    assert.equal(ended.status.reason, 'GuestShutdown');
    await clean('podless');
  });

  await t.test('deleting the Pod by force is Failed, and says so', async () => {
    await create(instance, machineManifest('forced'));
    await waitForPhase(instance, 'forced', 'Running');
    const pod = await launcherOf(instance, 'forced');
    const answer = await instance.kubectl('delete', 'pod', pod, '--force', '--grace-period=0');
    assert.equal(answer.code, 0, answer.err);
    const failed = await waitForPhase(instance, 'forced', 'Failed');
    assert.equal(failed.status?.reason, 'SandboxLost');
    assert.match(condition(failed, 'Ready')?.message ?? '', /Pod/);
    await clean('forced');
  });

  await t.test('a VM that waits for an image can be deleted', async () => {
    await create(instance, machineManifest('imageless', { image: '127.0.0.1:1/none:v1' }));
    await waitForPhase(instance, 'imageless', 'Scheduling');
    await clean('imageless');
  });

  await t.test('a VM deleted at once was never started', async () => {
    await create(instance, machineManifest('instant'));
    await clean('instant');
  });

  await t.test('grace 0 in the request ends a guest that has minutes', async () => {
    await create(instance, machineManifest('impatient', { graceSeconds: 600 }));
    await waitForPhase(instance, 'impatient', 'Running');
    const started = Date.now();
    const answer = await instance.kubectl('delete', 'vmi', 'impatient', '--grace-period=0', '--force');
    assert.equal(answer.code, 0, answer.err);
    await waitGone(instance, 'impatient', 30_000);
    assert.ok(Date.now() - started < 30_000);
    await assertNothingLeft(instance, before);
  });

  await t.test('a guest that cannot hear the button is stopped when its grace is over', async () => {
    const manifest = machineManifest('deaf', { graceSeconds: 3 });
    const kernelBoot = manifest.spec.domain.firmware?.kernelBoot;
    assert.ok(kernelBoot !== undefined);
    kernelBoot.kernelArgs = 'console=ttyS0 quiet init=/bin/busybox panic=0';
    await create(instance, manifest);
    await waitForPhase(instance, 'deaf', 'Running');
    const started = Date.now();
    await remove(instance, 'deaf');
    await waitGone(instance, 'deaf');
    const tookMs = Date.now() - started;
    assert.ok(tookMs >= 2000 && tookMs < 15_000, `${tookMs} ms`);
    await waitForEvent(instance, 'deaf', /3 s of grace/);
    await assertNothingLeft(instance, before);
  });

  await t.test('a VM that was started paused is deleted without waiting', async () => {
    const manifest = machineManifest('frozen', { graceSeconds: 60 });
    await create(instance, { ...manifest, spec: { ...manifest.spec, startStrategy: 'Paused' } });
    await waitFor(instance, 'frozen', 'paused', (vmi) => condition(vmi, 'Paused')?.status === 'True');
    const started = Date.now();
    await clean('frozen');
    assert.ok(Date.now() - started < 15_000);
  });

  await t.test('a guest that reboots keeps its QEMU; one that powers off is Succeeded', async () => {
    await create(instance, machineManifest('restless'));
    const vmi = await waitForPhase(instance, 'restless', 'Running');
    await booted(vmi);
    const qemus = processesOf(instance, 'qemu');
    await typeInGuest(instance, 'restless', 'echo b > /proc/sysrq-trigger');
    await pollUntil(() => (/"event":"reboot"/.test(instance.log()) ? true : undefined), {
      timeoutMs: 20_000,
      doing: 'waiting for the reboot',
    });
    await booted(vmi);
    assert.deepEqual(processesOf(instance, 'qemu'), qemus);
    assert.equal((await find(instance, 'restless'))?.status?.phase, 'Running');
    await typeInGuest(instance, 'restless', 'poweroff -f');
    const ended = await waitForPhase(instance, 'restless', 'Succeeded');
    assert.equal(ended.status?.reason, 'GuestShutdown');
    await clean('restless');
  });
});

test(
  'after a restart of the host a VMI is Failed and an Always VM runs again',
  { skip, timeout: 120_000 },
  async (t) => {
    const instance = await startInstance(t);
    const before = traces(instance);
    await create(instance, machineManifest('single'));
    const { spec } = machineManifest('steady');
    await instance.api.client.create(vmType, {
      apiVersion: 'kubevirt.io/v1',
      kind: 'VirtualMachine',
      metadata: { name: 'steady', namespace: 'default' },
      spec: { runStrategy: 'Always', template: { metadata: {}, spec } },
    });
    const first = await waitForPhase(instance, 'steady', 'Running');
    await waitForPhase(instance, 'single', 'Running');
    await create(instance, machineManifest('waiting', { image: '127.0.0.1:1/none:v1' }));
    await waitForPhase(instance, 'waiting', 'Scheduling');
    await instance.stop('SIGKILL');
    await wipeRuntime(instance);

    await instance.start();
    const failed = await waitForPhase(instance, 'single', 'Failed');
    assert.match(condition(failed, 'Ready')?.message ?? '', /restarted/);
    const again = await waitFor(
      instance,
      'steady',
      'Running again',
      (vmi) => vmi?.status?.phase === 'Running' && vmi.metadata.uid !== first.metadata.uid,
      40_000,
    );
    assert.ok(again !== undefined);
    await booted(again);
    assert.equal((await find(instance, 'waiting'))?.status?.phase, 'Scheduling', 'what had not started waits on');
    const pods = await instance.api.client.list(podType, { namespace: 'default' });
    assert.equal(pods.items.length, 2, 'the Pods of what is over are gone');

    await instance.api.client.delete(vmType, { namespace: 'default', name: 'steady' });
    await Promise.all(['single', 'waiting'].map((name) => remove(instance, name)));
    await Promise.all(['single', 'waiting', 'steady'].map((name) => waitGone(instance, name)));
    await assertNothingLeft(instance, before);
  },
);

test('a VM that reaches its memory limit says so', { skip, timeout: 120_000 }, async (t) => {
  const instance = await startInstance(t);
  const before = traces(instance);
  const manifest = machineManifest('starved', { memory: '512Mi' });
  manifest.metadata.annotations = { 'vmlet.io/drift-policy': 'ignore' };
  await create(instance, manifest);
  await waitForPhase(instance, 'starved', 'Running');
  const [qemu = 0] = processesOf(instance, 'qemu');
  // A little above what it has now: the guest's own start takes more than that.
  const { usageFile, limitFile } = memoryFiles(qemu);
  writeFileSync(limitFile, String(Number(readText(usageFile)) + 8 * 1024 * 1024));
  const ended = await waitForPhase(instance, 'starved', 'Failed', 60_000);
  assert.equal(ended.status?.reason, 'OOMKilled');
  await waitForEvent(instance, 'starved', /reached its memory limit/);
  await remove(instance, 'starved');
  await waitGone(instance, 'starved');
  await assertNothingLeft(instance, before);
});

function memoryFiles(pid: number): { readonly usageFile: string; readonly limitFile: string } {
  const lines = readText(`/proc/${pid}/cgroup`).trim().split('\n');
  const v1 = lines.find((line) => line.split(':')[1] === 'memory');
  const directory =
    v1 === undefined
      ? `/sys/fs/cgroup${lines.find((line) => line.startsWith('0::'))?.slice(3) ?? ''}`
      : `/sys/fs/cgroup/memory${v1.split(':')[2] ?? ''}`;
  return v1 === undefined
    ? { usageFile: `${directory}/memory.current`, limitFile: `${directory}/memory.max` }
    : { usageFile: `${directory}/memory.usage_in_bytes`, limitFile: `${directory}/memory.limit_in_bytes` };
}
