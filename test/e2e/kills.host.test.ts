/** Ends the processes of one sandbox by force at each moment of a VM's life: what follows is true and leaves nothing. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pollUntil } from '../../src/base/deadline.ts';
import type { VirtualMachineInstance } from '../../src/vm/kinds/virtualmachineinstance/types.ts';
import { missingForHostTests, startInstance, type TestInstance } from '../support/instance.ts';
import {
  appearance,
  assertNothingLeft,
  condition,
  processesOf,
  signalProcess,
  waitForEvent,
  type Victim,
} from '../support/faults.ts';
import { traces } from '../support/host.ts';
import {
  addresses,
  create,
  fetchFromGuest,
  machineManifest,
  remove,
  waitFor,
  waitForPhase,
  waitGone,
} from '../support/machines.ts';

const skip = missingForHostTests() ?? false;

/** Running with one QEMU, or Failed and saying why. */
async function converged(instance: TestInstance, name: string): Promise<VirtualMachineInstance> {
  const vmi = await waitFor(instance, name, 'Running or Failed', (seen) => {
    assert.ok(processesOf(instance, 'qemu').length <= 1, 'never two QEMUs');
    return (
      seen?.status?.phase === 'Failed' ||
      (seen?.status?.phase === 'Running' && processesOf(instance, 'qemu').length === 1)
    );
  });
  assert.ok(vmi !== undefined);
  if (vmi.status?.phase === 'Failed') {
    assert.match(vmi.status.reason ?? '', /^[A-Z]\w+$/);
    const ready = condition(vmi, 'Ready');
    assert.equal(ready?.status, 'False');
    assert.ok((ready?.message ?? '').length > 10, 'the message says why');
  }
  return vmi;
}

interface Case {
  readonly victim: Victim;
  /** The process whose appearance, or the phase whose publication, is the moment of the kill. */
  readonly when: Victim | 'Running';
  readonly end: 'Running' | 'Failed' | 'either';
}

const starts: readonly Case[] = [
  { victim: 'daemon', when: 'daemon', end: 'Running' },
  { victim: 'daemon', when: 'qemu', end: 'either' },
  { victim: 'daemon', when: 'Running', end: 'Running' },
  { victim: 'qemu', when: 'qemu', end: 'either' },
  { victim: 'qemu', when: 'Running', end: 'Failed' },
  { victim: 'init', when: 'init', end: 'Failed' },
  { victim: 'init', when: 'qemu', end: 'Failed' },
  { victim: 'init', when: 'Running', end: 'Failed' },
];

test(
  'a kill at any moment of a start ends in Running or in Failed with its reason',
  { skip, timeout: 200_000 },
  async (t) => {
    const instance = await startInstance(t);
    const before = traces(instance);
    for (const [index, { victim, when, end }] of starts.entries()) {
      await t.test(`${victim} when ${when === 'Running' ? 'the VM is Running' : `${when} appears`}`, async () => {
        const name = `start-${index}`;
        await create(instance, machineManifest(name));
        const moment =
          when === 'Running' ? await waitForPhase(instance, name, 'Running') : await appearance(instance, when);
        signalProcess(
          typeof moment === 'number' && victim === when ? moment : await appearance(instance, victim),
          'SIGKILL',
        );
        if (end === 'Failed') {
          await waitForPhase(instance, name, 'Failed');
        }
        const vmi = await converged(instance, name);
        assert.ok(end === 'either' || vmi.status?.phase === end, JSON.stringify(vmi.status));
        if (vmi.status?.phase === 'Running') {
          await fetchFromGuest(addresses(vmi)[0] ?? '');
        }
        t.diagnostic(`${victim} at ${when}: ${vmi.status?.phase} ${vmi.status?.reason ?? ''}`);
        await remove(instance, name);
        await waitGone(instance, name);
        await assertNothingLeft(instance, before);
      });
    }
  },
);

test('a kill while the guest shuts down does not hold up the deletion', { skip, timeout: 120_000 }, async (t) => {
  const instance = await startInstance(t);
  const before = traces(instance);
  for (const victim of ['daemon', 'qemu', 'init'] as const) {
    await t.test(victim, async () => {
      const name = `end-${victim}`;
      await create(instance, machineManifest(name, { graceSeconds: 8 }));
      await waitForPhase(instance, name, 'Running');
      await remove(instance, name);
      signalProcess(await appearance(instance, victim), 'SIGKILL');
      await waitGone(instance, name, 30_000);
      await assertNothingLeft(instance, before);
    });
  }
});

test(
  'a daemon that hangs blocks nobody else, is named in the status, and goes on when it can',
  { skip, timeout: 150_000 },
  async (t) => {
    const instance = await startInstance(t);
    const before = traces(instance);
    await create(instance, machineManifest('hung'));
    const hung = await waitForPhase(instance, 'hung', 'Running');
    const daemon = await appearance(instance, 'daemon');
    signalProcess(daemon, 'SIGSTOP');
    t.after(() => signalProcess(daemon, 'SIGCONT'));
    await instance.kubectl('label', 'vmi', 'hung', 'look=again');
    const started = Date.now();
    await create(instance, machineManifest('other'));
    await waitForPhase(instance, 'other', 'Running');
    assert.ok(Date.now() - started < 15_000, 'another VM starts meanwhile');
    await remove(instance, 'other');
    await waitGone(instance, 'other');

    const named = (vmi: VirtualMachineInstance | undefined): boolean =>
      condition(vmi, 'Synchronized')?.status === 'False' &&
      /libvirt/.test(condition(vmi, 'Synchronized')?.message ?? '');
    // A call that was on its way when the daemon stopped has its own deadline of 30 s.
    const seen = await waitFor(instance, 'hung', 'status that names the daemon', named, 50_000);
    assert.equal(seen?.status?.phase, 'Running', 'the guest itself runs on');
    await waitForEvent(instance, 'hung', /libvirt/);
    assert.match(await fetchFromGuest(addresses(hung)[0] ?? ''), /Hello/);

    signalProcess(daemon, 'SIGCONT');
    const mended = (vmi: VirtualMachineInstance | undefined): boolean =>
      condition(vmi, 'Synchronized')?.status === 'True';
    await waitFor(instance, 'hung', 'synchronized again', mended);

    await t.test('vmlet stops and starts while a daemon hangs', async () => {
      signalProcess(daemon, 'SIGSTOP');
      await instance.kubectl('label', 'vmi', 'hung', 'look=once-more');
      for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
        const asked = Date.now();
        await instance.stop(signal);
        assert.ok(Date.now() - asked < 8000, `${signal} took ${Date.now() - asked} ms`);
        await instance.start();
        assert.ok(Date.now() - asked < 20_000, `the start after ${signal} took ${Date.now() - asked} ms`);
      }
      signalProcess(daemon, 'SIGCONT');
      await waitFor(instance, 'hung', 'synchronized after the restarts', mended);
    });

    await t.test('a start that hangs is given up when the VM is deleted', async () => {
      await create(instance, machineManifest('stuck'));
      const other = await pollUntil(() => processesOf(instance, 'daemon').find((pid) => pid !== daemon), {
        timeoutMs: 20_000,
        intervalMs: 1,
        doing: 'waiting for the daemon of the second VM',
      });
      await pollUntil(() => (/"vmi":"default\/stuck".*"disks ready"/.test(instance.log()) ? true : undefined), {
        timeoutMs: 20_000,
        intervalMs: 1,
        doing: 'waiting for the start to reach the daemon',
      });
      signalProcess(other, 'SIGSTOP');
      await remove(instance, 'stuck');
      await waitGone(instance, 'stuck', 40_000);
    });

    await t.test('a VM whose daemon hangs can be deleted', async () => {
      signalProcess(await appearance(instance, 'daemon'), 'SIGSTOP');
      await remove(instance, 'hung');
      await waitGone(instance, 'hung', 60_000);
      await assertNothingLeft(instance, before);
    });
  },
);
