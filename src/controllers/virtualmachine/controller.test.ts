import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventType } from '../../apimachinery/core.ts';
import { invalid } from '../../apimachinery/status.ts';
import { pollUntil } from '../../base/deadline.ts';
import { silentLogger } from '../../base/logger.ts';
import type { KubeClient } from '../../client/client.ts';
import { createEventRecorder } from '../../client/events.ts';
import { startInformer } from '../../client/informer.ts';
import { createMemoryClient } from '../../client/memory-client.ts';
import { vmType } from '../../vm/kinds/virtualmachine/resource.ts';
import type { VirtualMachine } from '../../vm/kinds/virtualmachine/types.ts';
import { sampleVmi } from '../../vm/kinds/virtualmachineinstance/fixtures.ts';
import { vmiType } from '../../vm/kinds/virtualmachineinstance/resource.ts';
import { startVmController } from './controller.ts';

const key = { namespace: 'default', name: 'web' };

function sampleVm(): VirtualMachine {
  return {
    apiVersion: 'kubevirt.io/v1',
    kind: 'VirtualMachine',
    metadata: { ...key },
    spec: { runStrategy: 'Always', template: { spec: sampleVmi().spec } },
  };
}

async function start(client: KubeClient, signal: AbortSignal): Promise<void> {
  const common = { signal, logger: silentLogger };
  await startVmController({
    client,
    vms: startInformer(client, vmType, common),
    vmis: startInformer(client, vmiType, common),
    events: createEventRecorder(client, { component: 'virt-controller' }),
    random: () => 0,
    ...common,
  });
}

function eventually<T>(doing: string, probe: () => Promise<T | undefined>): Promise<T> {
  return pollUntil(probe, { timeoutMs: 5000, intervalMs: 5, doing });
}

test('a VM makes its VMI, replaces it when it ends, and takes it along when it goes', async (t) => {
  const client = createMemoryClient();
  const stop = new AbortController();
  t.after(() => stop.abort());
  await start(client, stop.signal);
  await client.create(vmType, sampleVm());
  const find = async (): Promise<string | undefined> => (await client.list(vmiType)).items[0]?.metadata.uid;
  const first = await eventually('the first VMI', find);
  const vmi = await client.get(vmiType, key);
  const ran = [{ phase: 'Running' as const, phaseTransitionTimestamp: '2026-01-02T03:04:05Z' }];
  const ended = { phase: 'Succeeded' as const, phaseTransitionTimestamps: ran };
  await client.update(vmiType, { ...vmi, status: ended }, { subresource: 'status' });
  await eventually('a second VMI', async () => {
    const uid = await find();
    return uid === undefined || uid === first ? undefined : uid;
  });
  await client.delete(vmType, key);
  await eventually('the VM to go', async () => ((await client.list(vmType)).items.length === 0 ? true : undefined));
  assert.equal(await find(), undefined);
});

test('a VMI that the API refuses shows as a condition and an event', async (t) => {
  const memory = createMemoryClient();
  const stop = new AbortController();
  t.after(() => stop.abort());
  const client: KubeClient = {
    ...memory,
    create: async (type, object, options) => {
      if (type.resource === vmiType.resource) {
        throw invalid(vmiType, 'web', [{ type: 'Forbidden', field: 'spec.x', detail: 'no' }]);
      }
      return memory.create(type, object, options);
    },
  };
  await start(client, stop.signal);
  await memory.create(vmType, sampleVm());
  const failure = await eventually('the condition', async () =>
    (await memory.get(vmType, key)).status?.conditions?.find(({ type }) => type === 'Failure'),
  );
  assert.match(failure.message ?? '', /spec\.x: Forbidden: no/u);
  const event = await eventually('the event', async () => (await memory.list(eventType)).items[0]);
  assert.equal(event.reason, 'FailedCreate');
});
