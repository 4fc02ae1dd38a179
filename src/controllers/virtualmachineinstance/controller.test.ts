import assert from 'node:assert/strict';
import { test } from 'node:test';
import { podType, type Pod } from '../../apimachinery/core.ts';
import { silentLogger } from '../../base/logger.ts';
import { pollUntil } from '../../base/deadline.ts';
import type { KubeClient } from '../../client/client.ts';
import { createEventRecorder } from '../../client/events.ts';
import { startInformer } from '../../client/informer.ts';
import { createMemoryClient } from '../../client/memory-client.ts';
import { sampleVmi } from '../../vm/kinds/virtualmachineinstance/fixtures.ts';
import { vmiFinalizer, vmiType } from '../../vm/kinds/virtualmachineinstance/resource.ts';
import { launcherPodIndexers, launcherPodSelector, startVmiController } from './controller.ts';

const key = { namespace: 'default', name: 'web' };
const wait = { timeoutMs: 5000, intervalMs: 5 };

/** As the CRD has it: a VMI's status is written with the object. The memory client keeps every status apart. */
function withStatusInMain(memory: KubeClient): KubeClient {
  return {
    ...memory,
    update: async (type, object, options) => {
      const main = await memory.update(type, object, options);
      const { status } = object as { status?: unknown };
      return type.resource !== vmiType.resource || (main.metadata.finalizers ?? []).length === 0
        ? main
        : memory.update(type, { ...main, status }, { subresource: 'status' });
    },
  };
}

function countWrites(client: KubeClient, count: () => void): KubeClient {
  return {
    ...client,
    create: (...args) => (count(), client.create(...args)),
    update: (...args) => (count(), client.update(...args)),
    patch: (...args) => (count(), client.patch(...args)),
  };
}

test('a VMI is brought up, handed over and cleaned up with few writes', async (t) => {
  const memory = createMemoryClient();
  const stop = new AbortController();
  t.after(() => stop.abort());
  let writes = 0;
  const client = countWrites(withStatusInMain(memory), () => {
    writes += 1;
  });
  const common = { signal: stop.signal, logger: silentLogger };
  await startVmiController({
    client,
    vmis: startInformer(client, vmiType, common),
    pods: startInformer(client, podType, {
      ...common,
      labelSelector: launcherPodSelector,
      indexers: launcherPodIndexers,
    }),
    launcher: { image: 'vmlet-launcher', kvm: false, cpuAllocationRatio: 10 },
    events: createEventRecorder(client, { component: 'virt-controller' }),
    ...common,
  });

  const vmi = sampleVmi();
  delete vmi.metadata.uid;
  vmi.metadata.finalizers = [vmiFinalizer];
  vmi.status = { phase: 'Pending' };
  memory.seed(vmiType, vmi);

  const pod = await pollUntil(async () => (await memory.list(podType)).items[0], {
    ...wait,
    doing: 'waiting for the launcher Pod',
  });
  await pollUntil(async () => ((await memory.get(vmiType, key)).status?.phase === 'Scheduling' ? true : undefined), {
    ...wait,
    doing: 'waiting for Scheduling',
  });
  await memory.createSubresource(podType, pod.metadata, 'binding', { target: { name: 'n1' } });
  const bound = await memory.get(podType, pod.metadata);
  const status: Pod['status'] = {
    phase: 'Running',
    containerStatuses: [
      {
        name: 'compute',
        ready: true,
        restartCount: 0,
        image: 'i',
        imageID: '',
        state: { running: { startedAt: '2026-01-02T03:04:05Z' } },
      },
    ],
  };
  await memory.update(podType, { ...bound, status }, { subresource: 'status' });
  const scheduled = await pollUntil(
    async () => {
      const current = await memory.get(vmiType, key);
      return current.status?.phase === 'Scheduled' ? current : undefined;
    },
    { ...wait, doing: 'waiting for Scheduled' },
  );
  assert.equal(scheduled.metadata.labels?.['kubevirt.io/nodeName'], 'n1');
  // Pod, Event, Scheduling, Scheduled.
  assert.ok(writes <= 4, `${writes} writes`);

  await client.update(vmiType, { ...scheduled, status: { ...scheduled.status, phase: 'Running' } });
  await memory.delete(vmiType, key);
  const deleting = await memory.get(vmiType, key);
  assert.equal((await memory.list(podType)).items.length, 1, 'the Pod outlives the guest');
  await client.update(vmiType, { ...deleting, status: { ...deleting.status, phase: 'Succeeded' } });
  await pollUntil(
    async () => {
      const pods = (await memory.list(podType)).items;
      const [leaving] = pods;
      if (leaving?.metadata.deletionTimestamp !== undefined) {
        // The pod runtime confirms the end of a Pod that is being deleted.
        await memory.delete(podType, leaving.metadata, { gracePeriodSeconds: 0 });
      }
      return pods.length === 0 ? true : undefined;
    },
    { ...wait, doing: 'waiting for the Pod to go' },
  );
  await pollUntil(async () => ((await memory.list(vmiType)).items.length === 0 ? true : undefined), {
    ...wait,
    doing: 'waiting for the VMI to go',
  });
});
