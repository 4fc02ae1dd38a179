/** Somebody changes what vmlet made for a running VM: it is put back at once, told, and the guest stays reachable. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pollUntil } from '../../src/base/deadline.ts';
import { eventType } from '../../src/apimachinery/core.ts';
import { vmiType } from '../../src/vm/kinds/virtualmachineinstance/resource.ts';
import { kernelKeepsExits } from '../../src/linux/process/kept-exit.test-helper.ts';
import { run, sandboxProcesses } from '../support/host.ts';
import { missingForHostTests, readText, startInstance, type TestInstance } from '../support/instance.ts';
import { appearance, signalProcess } from '../support/faults.ts';
import { addresses, create, fetchFromGuest, find, machineManifest, waitForPhase } from '../support/machines.ts';

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

  await t.test('a libvirt daemon that is killed is told by name, and the guest runs on', async () => {
    const daemon = await appearance(instance, 'daemon');
    signalProcess(daemon, 'SIGKILL');
    if (kernelKeepsExits) {
      await told('DaemonEnded', /^the libvirt daemon of this VM was ended by SIGKILL: /);
      assert.match(instance.log(), new RegExp(`libvirt daemon \\(pid ${daemon}\\) was ended by SIGKILL`));
    } else {
      t.diagnostic('this kernel may not tell what ended the daemon');
    }
    assert.match(await fetchFromGuest(v4, '/', 20_000), /Hello/);
  });

  await t.test('a QEMU that is killed is noticed at once, and told once with what ended it', async () => {
    // The agent follows it again once it has the daemon again.
    await pollUntil(async () => (await find(instance, 'drift'))?.status?.phase === 'Running' || undefined, {
      timeoutMs: 20_000,
      doing: 'waiting for the daemon',
    });
    const noticed = await killQemu(instance, 'drift', qemu);
    t.diagnostic(`noticed after ${noticed.noticedMs} ms, Failed in the API after ${noticed.failedMs} ms`);
    // Within 50 ms on a quiet host: the kernel takes the memory of the guest first.
    assert.ok(noticed.noticedMs < 300, `noticed after ${noticed.noticedMs} ms`);
    const failed = await find(instance, 'drift');
    assert.equal(failed?.status?.reason, 'QemuDied');
    const message = await told('QemuDied', new RegExp(`pid ${qemu}\\)`));
    const how = kernelKeepsExits ? 'was ended by SIGKILL' : '(was ended by SIGKILL|ended)';
    assert.match(message, new RegExp(`^QEMU \\(pid ${qemu}\\) ${how} without the guest shutting down$`));
    const about = await instance.api.client.list(eventType, { namespace: 'default' });
    assert.equal(about.items.filter((event) => event.message?.includes(`pid ${qemu})`)).length, 1);
  });

  await t.test('also while the libvirt daemon hangs', async () => {
    await create(instance, machineManifest('hung'));
    await waitForPhase(instance, 'hung', 'Running');
    const [second = 0] = sandboxProcesses(instance, 'qemu-system');
    signalProcess(await appearance(instance, 'daemon'), 'SIGSTOP');
    const noticed = await killQemu(instance, 'hung', second);
    t.diagnostic(`noticed after ${noticed.noticedMs} ms, Failed in the API after ${noticed.failedMs} ms`);
    assert.ok(noticed.failedMs < 5000, `Failed after ${noticed.failedMs} ms`);
  });
});

/** Milliseconds from the kill to the agent's log line about it, and to the VMI's end in the API. */
async function killQemu(
  instance: TestInstance,
  name: string,
  pid: number,
): Promise<{ readonly noticedMs: number; readonly failedMs: number }> {
  const startMs = Date.now();
  signalProcess(pid, 'SIGKILL');
  await waitForPhase(instance, name, 'Failed');
  const failedMs = Date.now() - startMs;
  const line = await pollUntil(
    () =>
      instance
        .log()
        .split('\n')
        .find((entry) => entry.includes(`QEMU (pid ${pid}) `)),
    { timeoutMs: 5000, doing: 'the log line of the end' },
  );
  const { time } = JSON.parse(line) as { readonly time: string | number };
  return { noticedMs: new Date(time).getTime() - startMs, failedMs };
}
