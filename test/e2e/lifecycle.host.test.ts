import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { assertNothingLeft } from '../support/faults.ts';
import { missingForHostTests, repository, startInstance } from '../support/instance.ts';
import { run, sandboxProcesses, traces } from '../support/host.ts';
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

test('from kubectl apply to an answering guest and back, leaving nothing', { skip, timeout: 240_000 }, async (t) => {
  const instance = await startInstance(t);
  const before = traces(instance);
  await t.test('kubectl apply', async () => {
    const applied = await instance.kubectl('apply', '-f', join(repository, 'examples/demo.yaml'));
    assert.equal(applied.code, 0, applied.err);
    assert.match(applied.out, /virtualmachineinstance.kubevirt.io\/demo created/);
  });
  const vmi = await waitForPhase(instance, 'demo', 'Running');
  const [v4 = '', v6 = ''] = addresses(vmi);

  await t.test('the guest answers on IPv4 and IPv6 through the pod address', async () => {
    assert.match(await fetchFromGuest(v4), /Hello from demo/);
    assert.match(v6, /:/);
    assert.match(await fetchFromGuest(v6), /Hello from demo/);
  });

  await t.test('the guest took its addresses without static configuration', async () => {
    const page = await fetchFromGuest(v4);
    assert.match(page, /10\.0\.2\.2\/24/);
    assert.match(page, /fd10:0:2::2/);
    assert.match(page, /default via fe80:/);
  });

  for (const [family, podAddress] of [
    ['IPv4', v4],
    ['IPv6', v6],
  ] as const) {
    await t.test(`the guest reaches the outside by ${family}, seen as the pod`, async () => {
      const host = (networkInterfaces()[instance.bridge] ?? []).find(
        (address) => address.family === family && !address.address.startsWith('fe80'),
      )?.address;
      assert.ok(host !== undefined, 'the host bridge has an address');
      const seen: string[] = [];
      const server = createServer((request, response) => {
        seen.push(request.socket.remoteAddress ?? '');
        response.end('outside');
      }).listen(0, host);
      await once(server, 'listening');
      const url = `http://${host.includes(':') ? `[${host}]` : host}:${(server.address() as AddressInfo).port}/`;
      assert.match(await fetchFromGuest(v4, `/cgi-bin/fetch?${url}`), /outside/);
      server.close();
      assert.deepEqual(seen, [podAddress]);
    });
  }

  await t.test('kubectl shows KubeVirt columns, describe has events, explain knows the fields', async () => {
    const get = await instance.kubectl('get', 'vmi', 'demo');
    assert.match(get.out, /^NAME +AGE +PHASE +IP +NODENAME +READY/);
    assert.match(get.out, /demo +\S+ +Running +[0-9.]+ +\S+ +True/);
    const described = await instance.kubectl('describe', 'vmi', 'demo');
    assert.match(described.out, /Started/);
    assert.match((await instance.kubectl('explain', 'vmi.spec.domain.devices.disks')).out, /disks/i);
  });

  await t.test('the sandbox is closed: uid 107, no capability, seccomp, no new privileges', () => {
    const [qemu] = sandboxProcesses(instance, 'qemu-system');
    assert.ok(qemu !== undefined);
    const status = run('cat', `/proc/${qemu}/status`);
    assert.match(status, /^Uid:\t107\t107\t107\t107$/m);
    assert.match(status, /^CapEff:\t0+$/m);
    assert.match(status, /^CapBnd:\t0+$/m);
    assert.match(status, /^Seccomp:\t2$/m);
    assert.match(status, /^NoNewPrivs:\t1$/m);
  });

  await t.test('ip and nft see in the sandbox what was planned', () => {
    const [qemu] = sandboxProcesses(instance, 'qemu-system');
    const inside = (...words: string[]): string => run('nsenter', '-t', String(qemu), '-n', ...words);
    const links = (JSON.parse(inside('ip', '-j', '-d', 'link')) as { ifname: string; master?: string }[]).map(
      (link) => link.ifname,
    );
    assert.deepEqual(links.filter((name) => name !== 'lo').toSorted(), ['eth0', 'k6t-eth0', 'tap0']);
    const rules = inside('nft', '-j', 'list', 'ruleset');
    assert.match(rules, /10\.0\.2\.2/);
    assert.match(rules, /masquerade/);
    assert.match(rules, /fd10:0:2::2/);
  });

  await t.test('inspect and logs tell the same through the API', async () => {
    const logs = await instance.vmlet('logs', 'demo');
    assert.equal(logs.code, 0, logs.err);
    assert.match(logs.out, /demo guest ready/);
    const list = await instance.vmlet('list', '-o', 'wide');
    assert.match(list.out, /demo +VMI +Running +True/);
  });

  await t.test('delete shuts the guest down gracefully and leaves nothing', async () => {
    const started = Date.now();
    await remove(instance, 'demo');
    const ended = await waitFor(
      instance,
      'demo',
      'ended',
      (seen) => seen === undefined || seen.status?.phase === 'Succeeded',
      30_000,
    );
    assert.ok(ended === undefined || ended.status?.reason === 'GuestShutdown');
    await waitGone(instance, 'demo');
    assert.ok(Date.now() - started < 20_000, 'it did not wait for the grace period to end');
    await assertNothingLeft(instance, before);
  });
});

test('twenty rounds of create and delete leave the host as it was', { skip, timeout: 400_000 }, async (t) => {
  const instance = await startInstance(t);
  const before = traces(instance);
  for (let round = 0; round < 20; round++) {
    await create(instance, machineManifest(`round-${round}`));
    await waitForPhase(instance, `round-${round}`, 'Running');
    await remove(instance, `round-${round}`);
    await waitGone(instance, `round-${round}`);
  }
  await assertNothingLeft(instance, before);
});

test('ten VMs run at once and all go', { skip, timeout: 400_000 }, async (t) => {
  const instance = await startInstance(t);
  const before = traces(instance);
  const names = Array.from({ length: 10 }, (_, index) => `many-${index}`);
  await Promise.all(names.map((name) => create(instance, machineManifest(name))));
  const machines = await Promise.all(names.map((name) => waitForPhase(instance, name, 'Running', 180_000)));
  assert.equal(new Set(machines.map((vmi) => addresses(vmi)[0])).size, 10, 'every VM has an address of its own');
  await Promise.all(machines.map((vmi) => fetchFromGuest(addresses(vmi)[0] ?? '', '/', 180_000)));
  await Promise.all(names.map((name) => remove(instance, name)));
  await Promise.all(names.map((name) => waitGone(instance, name, 120_000)));
  await assertNothingLeft(instance, before);
});
