import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pollUntil } from '../../src/base/deadline.ts';
import { vmType } from '../../src/vm/kinds/virtualmachine/resource.ts';
import type { VirtualMachine } from '../../src/vm/kinds/virtualmachine/types.ts';
import { missingForHostTests, startInstance, type TestInstance } from '../support/instance.ts';
import {
  addresses,
  fetchFromGuest,
  find,
  machineManifest,
  waitFor,
  waitForPhase,
  waitGone,
} from '../support/machines.ts';

const skip = missingForHostTests() ?? false;

async function printable(instance: TestInstance, name: string, status: string): Promise<VirtualMachine> {
  return pollUntil(
    async () => {
      const vm = await instance.api.client.get(vmType, { namespace: 'default', name });
      return vm.status?.printableStatus === status ? vm : undefined;
    },
    { timeoutMs: 60_000, doing: `VM ${name} to be ${status}` },
  );
}

test(
  'a VirtualMachine is started, paused, restarted and stopped from the command line',
  { skip, timeout: 300_000 },
  async (t) => {
    const instance = await startInstance(t);
    const { spec } = machineManifest('web', { graceSeconds: 15 });
    await instance.api.client.create(vmType, {
      apiVersion: 'kubevirt.io/v1',
      kind: 'VirtualMachine',
      metadata: { name: 'web', namespace: 'default' },
      spec: { runStrategy: 'Manual', template: { metadata: {}, spec } },
    });
    await printable(instance, 'web', 'Stopped');

    assert.equal((await instance.vmlet('start', 'web')).code, 0);
    await printable(instance, 'web', 'Running');
    const first = await waitForPhase(instance, 'web', 'Running');
    await fetchFromGuest(addresses(first)[0] ?? '');

    const again = await instance.vmlet('start', 'web');
    assert.notEqual(again.code, 0);
    assert.match(again.err, /already running/i);

    assert.equal((await instance.vmlet('pause', 'web')).code, 0);
    await waitFor(
      instance,
      'web',
      'paused',
      (vmi) => vmi?.status?.conditions?.some((condition) => condition.type === 'Paused') === true,
    );
    await printable(instance, 'web', 'Paused');
    assert.equal((await instance.vmlet('unpause', 'web')).code, 0);
    await printable(instance, 'web', 'Running');

    assert.equal((await instance.vmlet('restart', 'web')).code, 0);
    await waitFor(
      instance,
      'web',
      'a new VMI',
      (vmi) => vmi !== undefined && vmi.metadata.uid !== first.metadata.uid && vmi.status?.phase === 'Running',
    );

    assert.equal((await instance.vmlet('stop', 'web')).code, 0);
    await waitGone(instance, 'web');
    await printable(instance, 'web', 'Stopped');
  },
);

test('Always brings a VMI back that ended', { skip, timeout: 180_000 }, async (t) => {
  const instance = await startInstance(t);
  const { spec } = machineManifest('steady');
  await instance.api.client.create(vmType, {
    apiVersion: 'kubevirt.io/v1',
    kind: 'VirtualMachine',
    metadata: { name: 'steady', namespace: 'default' },
    spec: { runStrategy: 'Always', template: { metadata: {}, spec } },
  });
  const first = await waitForPhase(instance, 'steady', 'Running');
  assert.equal((await instance.kubectl('delete', 'vmi', 'steady')).code, 0);
  await waitFor(
    instance,
    'steady',
    'a new VMI',
    (vmi) => vmi?.status?.phase === 'Running' && vmi.metadata.uid !== first.metadata.uid,
  );
  assert.equal((await instance.kubectl('delete', 'vm', 'steady')).code, 0);
  await waitGone(instance, 'steady');
  assert.equal(await find(instance, 'steady'), undefined);
});

test('wrong manifests are refused field by field and nothing is stored', { skip, timeout: 60_000 }, async (t) => {
  const instance = await startInstance(t);
  const apply = async (
    change: (manifest: Record<string, unknown> & { spec: Record<string, unknown> }) => void,
  ): Promise<string> => {
    const manifest = structuredClone(machineManifest('bad')) as unknown as Record<string, unknown> & {
      spec: Record<string, unknown>;
    };
    change(manifest);
    const { writeFileSync } = await import('node:fs');
    const file = `${instance.stateDir}/bad.json`;
    writeFileSync(file, JSON.stringify(manifest));
    const answer = await instance.kubectl('apply', '-f', file);
    assert.notEqual(answer.code, 0, answer.out);
    assert.equal(await find(instance, 'bad'), undefined);
    return answer.err;
  };
  assert.match(
    await apply(({ spec }) => (spec['volumes'] = [{ name: 'orphan', emptyDisk: { capacity: 'lots' } }])),
    /spec\.volumes\[0\]/,
  );
  assert.match(await apply(({ spec }) => (spec['bogus'] = 1)), /unknown field.*bogus/);
  assert.match(await apply(({ spec }) => (spec['networks'] = [])), /spec\.domain\.devices\.interfaces\[0\]/);
  assert.match(
    await apply(({ spec }) => {
      (spec['domain'] as { devices: Record<string, unknown> }).devices['tpm'] = {};
    }),
    /spec\.domain\.devices\.tpm/,
  );
});
