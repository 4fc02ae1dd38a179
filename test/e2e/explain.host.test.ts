/** `vmlet explain` tells what a manifest would cause, and causes nothing; for a running VM it tells what differs. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Explanation } from '../../src/vm/explanation/explanation.ts';
import { vmiType } from '../../src/vm/kinds/virtualmachineinstance/resource.ts';
import { run, sandboxProcesses, traces } from '../support/host.ts';
import { missingForHostTests, repository, startInstance, type TestInstance } from '../support/instance.ts';
import { create, machineManifest, waitForPhase } from '../support/machines.ts';

const skip = missingForHostTests() ?? false;
const example = join(repository, 'examples/vm.yaml');

async function explain(
  instance: TestInstance,
  ...words: string[]
): Promise<{ code: number | null; said: Explanation }> {
  const { code, out, err } = await instance.vmlet('explain', ...words, '-o', 'json');
  assert.notEqual(out, '', err);
  return { code, said: JSON.parse(out) as Explanation };
}

function steps({ parts }: Explanation, part: string): string[] {
  return parts.filter((one) => one.part === part).flatMap((one) => one.steps.map(({ what }) => what));
}

test('explain tells what a manifest would cause and changes nothing', { skip, timeout: 240_000 }, async (t) => {
  const instance = await startInstance(t);
  const before = traces(instance);

  await t.test('every part of the start is there, each step with a reason', async () => {
    const { code, said } = await explain(instance, '-f', example);
    assert.equal(code, 0);
    assert.deepEqual(
      said.parts.map(({ part }) => part),
      ['Pod', 'images', 'pod network', 'sandbox', 'cgroup', 'network', 'files', 'domain'],
    );
    assert.ok(said.parts.every((one) => one.steps.every(({ what, why }) => what !== '' && why !== '')));
    assert.match(steps(said, 'network').join('\n'), /create TAP tap0[^]*load nftables table inet/);
    const define = said.parts.flatMap((one) => one.steps).find(({ what }) => what.startsWith('define libvirt domain'));
    assert.match(define?.detail ?? '', /<domain[^]*<\/domain>/);
  });

  await t.test('nothing was stored, nothing was made', async () => {
    assert.match((await instance.kubectl('get', 'vm,vmi,pods', '-A')).err, /No resources found/);
    assert.deepEqual(traces(instance), before);
  });

  await t.test('a manifest that would be refused names the field, and one without a VM is told so', async () => {
    const bad = join(instance.stateDir, 'bad.yaml');
    writeFileSync(bad, JSON.stringify({ ...machineManifest('bad', { memory: 'much' }) }));
    const refused = await instance.vmlet('explain', '-f', bad);
    assert.equal(refused.code, 1);
    assert.match(refused.err, /spec\.domain\.memory\.guest/);
    writeFileSync(bad, 'kind: ConfigMap\n');
    assert.match((await instance.vmlet('explain', '-f', bad)).err, /holds no VirtualMachine/);
    writeFileSync(bad, 'kind: [\n');
    assert.match((await instance.vmlet('explain', '-f', bad)).err, /bad\.yaml/);
    assert.equal((await instance.vmlet('explain')).code, 2);
  });

  await t.test('conflicts are found: a missing Secret, no room', async () => {
    const manifest = machineManifest('hindered', { memory: '900Ti' });
    manifest.spec.volumes = [{ name: 'seed', cloudInitNoCloud: { secretRef: { name: 'nowhere' } } }];
    manifest.spec.domain.devices.disks = [{ name: 'seed', disk: { bus: 'virtio' } }];
    const file = join(instance.stateDir, 'hindered.json');
    writeFileSync(file, JSON.stringify(manifest));
    const { code, said } = await explain(instance, '-f', file);
    assert.equal(code, 1);
    const problems = said.conflicts.map(({ problem }) => problem).join('\n');
    assert.match(problems, /Secret "nowhere"/);
    assert.match(problems, /Insufficient memory/);
    assert.ok(said.conflicts.every(({ meaning, remedy }) => meaning !== '' && remedy !== ''));
  });

  await t.test('of a running VM: nothing, then what somebody changed', async () => {
    const manifest = machineManifest('live');
    manifest.metadata.annotations = { 'vmlet.io/drift-policy': 'report' };
    await create(instance, manifest);
    await waitForPhase(instance, 'live', 'Running');
    const planned = await explain(instance, 'live');
    assert.equal(planned.code, 0);
    assert.deepEqual(planned.said.parts, []);
    const [qemu = 0] = sandboxProcesses(instance, 'qemu-system');
    run('nsenter', '-t', String(qemu), '-n', 'ip', 'link', 'set', 'tap0', 'mtu', '1300');
    const changed = await explain(instance, 'live');
    assert.equal(changed.code, 1);
    assert.match(steps(changed.said, 'network').join('\n'), /tap0: MTU/);
    const file = join(instance.stateDir, 'live.json');
    writeFileSync(file, JSON.stringify(manifest));
    assert.match((await explain(instance, '-f', file)).said.conflicts[0]?.problem ?? '', /"live" exists/);
    await instance.api.client.delete(vmiType, { namespace: 'default', name: 'live' });
  });
});
