import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMemoryClient } from '../../client/memory-client.ts';
import { readHostFacts, registerNode } from './register.ts';

void test('a device that this host no longer offers goes from the Node', async () => {
  const client = createMemoryClient();
  const facts = (devices: Readonly<Record<string, number>>) =>
    readHostFacts({ vmletVersion: '0', devices, labels: {}, conditions: [] });
  const tun = 'devices.kubevirt.io/tun';
  const kvm = 'devices.kubevirt.io/kvm';
  const before = await registerNode(client, facts({ [tun]: 10, [kvm]: 10 }));
  assert.equal(before.status?.allocatable?.[kvm], '10');
  const after = await registerNode(client, facts({ [tun]: 10 }));
  assert.equal(after.status?.allocatable?.[kvm], undefined);
  assert.equal(after.status?.capacity?.[kvm], undefined);
  assert.equal(after.status?.allocatable?.[tun], '10');
  assert.equal(after.status?.conditions?.[0]?.type, 'Ready');
});
