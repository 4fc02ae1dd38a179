/** The whole on a host of another kernel, with pure cgroup v2 and KVM: a VM from its manifest, and what doctor says. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { pollUntil } from '../../src/base/deadline.ts';
import { detachDevicePrograms, readDevicePrograms } from '../../src/linux/cgroup/devices/devices.ts';
import { missingForHostTests, startInstance } from '../support/instance.ts';
import { sandboxProcesses, traces } from '../support/host.ts';
import {
  addresses,
  create,
  fetchFromGuest,
  machineManifest,
  remove,
  waitForPhase,
  waitGone,
} from '../support/machines.ts';
import { outsideProfile } from './guest-only.ts';

const outside = outsideProfile('libvirt');
const skip = outside === false ? (missingForHostTests() ?? false) : outside;
/** Everything here is about twenty times slower than on a machine. */
const slowMs = 400_000;

interface Report {
  readonly checks: readonly { readonly name: string; readonly status: string; readonly seen: string }[];
}

void test(
  'a VM runs with KVM in a v2 cgroup, answers, and goes without a trace',
  { skip, timeout: 880_000 },
  async (t) => {
    const instance = await startInstance(t, ['--drift-resync', '5']);
    const before = traces(instance);
    await t.test('doctor calls cgroup v2 and KVM usable', async () => {
      const { out, err } = await instance.vmlet('doctor', '-o', 'json');
      const { checks } = JSON.parse(out === '' ? `{"checks":[{"seen":${JSON.stringify(err)}}]}` : out) as Report;
      const states = new Map(checks.map((check) => [check.name, check]));
      for (const name of [
        'kvm-guest-code',
        'kvm-device',
        ...[...states.keys()].filter((key) => key.startsWith('cgroup-')),
      ]) {
        const check = states.get(name);
        t.diagnostic(`${name}: ${check?.status}: ${check?.seen}`);
        assert.ok(['ok', 'warning'].includes(check?.status ?? ''), `${name}: ${JSON.stringify(check)}`);
      }
      assert.equal(states.get('kvm-guest-code')?.status, 'ok');
    });

    await create(instance, machineManifest('guest'));
    const vmi = await waitForPhase(instance, 'guest', 'Running', slowMs);

    await t.test('QEMU uses KVM, in the cgroup of its Pod', () => {
      const [qemu, ...more] = sandboxProcesses(instance, 'qemu-system');
      assert.ok(qemu !== undefined);
      assert.deepEqual(more, []);
      const words = readFileSync(`/proc/${qemu}/cmdline`, 'utf8').split('\0');
      assert.ok(
        words.some((word, index) => (word === '-accel' && words[index + 1] === 'kvm') || /accel=kvm/.test(word)),
        words.join(' '),
      );
      // One line and no controller named: pure v2.
      assert.match(readFileSync(`/proc/${qemu}/cgroup`, 'utf8'), /^0::\/.*\n$/);
    });

    await t.test('nothing differs from what is wanted, and limits that somebody takes away come back', async () => {
      const planned = async (): Promise<unknown> => {
        const { out, err } = await instance.vmlet('inspect', 'guest', '-o', 'json');
        return out === '' ? err : (JSON.parse(out) as { plan: unknown }).plan;
      };
      assert.deepEqual(await planned(), []);
      const [qemu = 0] = sandboxProcesses(instance, 'qemu-system');
      const path = readFileSync(`/proc/${qemu}/cgroup`, 'utf8').trim().slice('0::'.length);
      const directory = `/sys/fs/cgroup${path}`;
      const limit = readFileSync(`${directory}/pids.max`, 'utf8');
      assert.match(limit, /^[0-9]+\n$/);
      detachDevicePrograms(directory);
      writeFileSync(`${directory}/pids.max`, 'max');
      await pollUntil(
        () => {
          const [program] = readDevicePrograms(directory).filter(({ inherited }) => !inherited);
          const isBack = program !== undefined && readFileSync(`${directory}/pids.max`, 'utf8') === limit;
          return isBack ? program : undefined;
        },
        { timeoutMs: slowMs, doing: 'the limits to come back' },
      );
      assert.deepEqual(await planned(), []);
    });

    await t.test('the guest answers on the pod address', async () => {
      assert.match(await fetchFromGuest(addresses(vmi)[0] ?? '', '/', slowMs), /Hello from/);
    });

    await t.test('it goes without a trace', async () => {
      await remove(instance, 'guest');
      await waitGone(instance, 'guest', slowMs);
      assert.deepEqual(traces(instance), before);
    });
  },
);
