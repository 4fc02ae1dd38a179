/** Somebody changes what vmlet made for a running VM: it is put back at once, told, and the guest stays reachable. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pollUntil } from '../../src/base/deadline.ts';
import { eventType } from '../../src/apimachinery/core.ts';
import { vmiType } from '../../src/vm/kinds/virtualmachineinstance/resource.ts';
import { run, sandboxProcesses } from '../support/host.ts';
import { missingForHostTests, readText, startInstance, type TestInstance } from '../support/instance.ts';
import { addresses, create, fetchFromGuest, machineManifest, waitForPhase } from '../support/machines.ts';

const skip = missingForHostTests() ?? false;

/** Messages of the Events about a VMI with this reason. */
async function messages(instance: TestInstance, name: string, reason: string): Promise<string[]> {
  const { items } = await instance.api.client.list(eventType, { namespace: 'default' });
  return items
    .filter((event) => event.involvedObject.name === name && event.reason === reason)
    .map((event) => event.message ?? '');
}

test('what others change for a running VM is put back and told', { skip, timeout: 240_000 }, async (t) => {
  const instance = await startInstance(t, ['--drift-resync', '1']);
  await create(instance, machineManifest('drift'));
  const vmi = await waitForPhase(instance, 'drift', 'Running');
  const [v4 = ''] = addresses(vmi);
  await fetchFromGuest(v4);
  const [qemu = 0] = sandboxProcesses(instance, 'qemu-system');
  const inside = (...words: string[]): string => run('nsenter', '-t', String(qemu), '-n', ...words);
  const told = async (reason: string, pattern: RegExp): Promise<string> =>
    pollUntil(async () => (await messages(instance, 'drift', reason)).find((message) => pattern.test(message)), {
      timeoutMs: 20_000,
      doing: `an Event ${reason} like ${String(pattern)}`,
    });

  await t.test('a deleted TAP is made again and the running QEMU has it', async () => {
    inside('ip', 'link', 'delete', 'tap0');
    await told('DriftRepaired', /create TAP tap0/);
    await told('DriftRepaired', /attach QEMU's queue/);
    assert.match(inside('ip', 'link', 'show', 'tap0'), /master k6t-eth0.*state UP/);
    assert.match(await fetchFromGuest(v4, '/', 20_000), /Hello/);
  });

  await t.test('a flushed firewall is loaded again, with the name of who flushed it', async () => {
    inside('nft', 'flush', 'ruleset');
    const message = await told('DriftRepaired', /load nftables table/);
    assert.match(message, /what nft \(pid \d+\) changed/);
    assert.match(await fetchFromGuest(v4, '/', 20_000), /Hello/);
  });

  await t.test('a changed setting and a changed limit are put back, with who wrote them', async () => {
    inside('sysctl', '-qw', 'net.ipv4.ip_forward=0');
    assert.match(await told('DriftRepaired', /net\/ipv4\/ip_forward/), /what (sysctl \(pid|pid) \d+/);
    assert.equal(inside('sysctl', '-n', 'net.ipv4.ip_forward').trim(), '1');
  });

  await t.test('a CPU limit that was lowered is raised again, with who wrote it', async () => {
    const line = readText(`/proc/${qemu}/cgroup`)
      .split('\n')
      .find((entry) => /[:,]cpu[:,]/.test(entry));
    if (line === undefined) {
      t.diagnostic('no v1 CPU hierarchy here');
      return;
    }
    const [, controllers = '', path = ''] = line.split(':');
    const file = `/sys/fs/cgroup/${controllers}${path}/cpu.shares`;
    const before = readText(file);
    run('sh', '-c', `echo 2 > '${file}'`);
    assert.match(await told('DriftRepaired', /CPU shares|cpu\.shares|cpu-shares/), /what (sh \(pid|pid) \d+/);
    assert.equal(readText(file), before);
  });

  await t.test('what nobody announces is found by the next look: CPU affinity of a thread', async () => {
    run('taskset', '-p', '1', String(qemu));
    await told('DriftRepaired', /^threads: /);
    assert.match(run('taskset', '-p', String(qemu)), /mask: (?!1$)[0-9a-f]+\s*$/m);
  });

  await t.test('with policy report nothing is changed and the difference is told', async () => {
    await instance.api.client.patch(
      vmiType,
      { namespace: 'default', name: 'drift' },
      { type: 'merge', body: { metadata: { annotations: { 'vmlet.io/drift-policy': 'report' } } } },
    );
    // The agent has the new annotation once it reports by it.
    await pollUntil(
      async () => {
        inside('ip', 'link', 'set', 'tap0', 'mtu', '1300');
        const found = await messages(instance, 'drift', 'DriftFound');
        return found.some((message) => /MTU/.test(message)) ? true : undefined;
      },
      { timeoutMs: 20_000, doing: 'the report' },
    );
    assert.match(inside('ip', 'link', 'show', 'tap0'), /mtu 1300/);
  });
});
