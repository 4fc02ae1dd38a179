/** The pod network of running VMs: what others change on the host and in the pod is put back, and nobody poses as another. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { eventType } from '../../src/apimachinery/core.ts';
import { pollUntil } from '../../src/base/deadline.ts';
import { run, sandboxProcesses } from '../support/host.ts';
import { missingForHostTests, startInstance, type TestInstance } from '../support/instance.ts';
import { addresses, create, fetchFromGuest, machineManifest, waitForPhase } from '../support/machines.ts';

const skip = missingForHostTests() ?? false;

async function told(instance: TestInstance, kind: 'Node' | 'Pod', pattern: RegExp): Promise<string> {
  return pollUntil(
    async () => {
      const { items } = await instance.api.client.list(eventType);
      const messages = items
        .filter(({ involvedObject, reason }) => involvedObject.kind === kind && reason?.startsWith('Drift') === true)
        .map(({ message }) => message ?? '');
      return messages.find((message) => pattern.test(message));
    },
    { timeoutMs: 20_000, doing: `an Event on the ${kind} like ${String(pattern)}:\n${instance.log().slice(-1500)}` },
  );
}

function hostLinkOf(instance: TestInstance): string {
  const [link] = readdirSync(`/sys/class/net/${instance.bridge}/brif`);
  assert.ok(link !== undefined, 'the bridge has a port');
  return link;
}

for (const binding of ['masquerade', 'bridge'] as const) {
  test(`a ${binding} VM keeps its network whatever happens to the pod's`, { skip, timeout: 600_000 }, async (t) => {
    const instance = await startInstance(t, ['--drift-resync', '60']);
    await create(instance, machineManifest('net', { binding }));
    const vmi = await waitForPhase(instance, 'net', 'Running');
    const [v4 = ''] = addresses(vmi);
    await fetchFromGuest(v4, '/', 180_000);
    const [qemu = 0] = sandboxProcesses(instance, 'qemu-system');
    const inside = (...words: string[]): string => run('nsenter', '-t', String(qemu), '-n', ...words);
    const answers = async (): Promise<void> => assert.match(await fetchFromGuest(v4, '/', 30_000), /Hello/);
    const link = hostLinkOf(instance);

    await t.test("a deleted link of the pod is made anew inside the VM's namespace", async () => {
      run('ip', 'link', 'delete', link);
      await told(instance, 'Pod', /create link vml/);
      assert.equal(hostLinkOf(instance), link);
      await answers();
    });

    await t.test('a link taken out of the bridge, or down, is put back', async () => {
      run('ip', 'link', 'set', link, 'nomaster');
      await told(instance, 'Pod', /port of/);
      run('ip', 'link', 'set', link, 'down');
      await told(instance, 'Pod', /: up/);
      await answers();
    });

    await t.test('a deleted bridge is made anew, with its address and ports', async () => {
      run('ip', 'link', 'delete', instance.bridge);
      await told(instance, 'Node', /create bridge/);
      await pollUntil(() => readdirSync(`/sys/class/net/${instance.bridge}/brif`)[0], {
        timeoutMs: 5000,
        doing: 'the port is back',
      });
      await answers();
    });

    await t.test('a gateway address that was removed is back', async () => {
      run('ip', 'address', 'flush', 'dev', instance.bridge);
      await told(instance, 'Node', /add address 10\./);
      await answers();
    });

    await t.test('a firewall that was flushed is loaded again, with the name of who did it', async () => {
      run('nft', 'delete', 'table', 'inet', instance.bridge);
      assert.match(await told(instance, 'Node', /load nftables table inet/), /nft \(pid \d+\)/);
      run('nft', 'flush', 'table', 'bridge', instance.bridge);
      assert.match(await told(instance, 'Node', /nftables table bridge/), /nft \(pid \d+\)/);
      await answers();
    });

    if (binding === 'masquerade') {
      await t.test("the pod's address, routes and link", async () => {
        inside('ip', 'address', 'flush', 'dev', 'eth0');
        await told(instance, 'Pod', /add address .* to eth0 in the pod/);
        inside('ip', 'link', 'set', 'eth0', 'down');
        await told(instance, 'Pod', /set link eth0 in the pod: up/);
        inside('ip', 'route', 'del', 'default');
        await told(instance, 'Pod', /add default route via 10\.[\d.]+ on eth0/);
        inside('ip', 'link', 'set', 'eth0', 'mtu', '1300');
        await told(instance, 'Pod', /set link eth0 in the pod: MTU/);
        await answers();
      });
    }
    assert.deepEqual(sandboxProcesses(instance, 'qemu-system'), [qemu], 'the guest was not restarted');
    const took = [...instance.log().matchAll(/(?:host|pod) network: put back within (\d+) ms/g)].map(([, ms]) =>
      Number(ms),
    );
    t.diagnostic(`ms from notice to repair: ${took.join(' ')}`);
    assert.ok((took.toSorted((a, b) => a - b)[took.length >> 1] ?? Infinity) <= 100, took.join(' '));
  });
}
