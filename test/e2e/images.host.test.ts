import assert from 'node:assert/strict';
import { test } from 'node:test';
import { demoGuest, missingForHostTests, startInstance } from '../support/instance.ts';
import { registryMissing, startRegistry } from '../support/registry.ts';
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

const skip = missingForHostTests() ?? registryMissing ?? false;

test('a guest boots from an image pushed to a registry', { skip, timeout: 180_000 }, async (t) => {
  const registry = await startRegistry(t);
  registry.push(demoGuest, 'demo-guest:v1');
  const instance = await startInstance(t);
  await create(instance, machineManifest('pulled', { image: `${registry.host}/demo-guest:v1` }));
  const vmi = await waitForPhase(instance, 'pulled', 'Running');
  assert.match(await fetchFromGuest(addresses(vmi)[0] ?? ''), /Hello/);
  const events = await instance.kubectl('get', 'events', '-o', 'jsonpath={.items[*].reason}');
  assert.match(events.out, /Pulling/);
  assert.match(events.out, /Pulled/);
  await remove(instance, 'pulled');
  await waitGone(instance, 'pulled');
});

test('a missing image shows with cause and remedy, and resolves by itself', { skip, timeout: 180_000 }, async (t) => {
  const registry = await startRegistry(t);
  const instance = await startInstance(t);
  await create(instance, machineManifest('late', { image: `${registry.host}/late:v1` }));
  const stuck = await waitFor(
    instance,
    'late',
    'image error',
    (vmi) =>
      vmi?.status?.conditions?.some((condition) => /ErrImagePull|ImagePullBackOff/.test(condition.reason ?? '')) ===
      true,
  );
  const message =
    stuck?.status?.conditions?.find((condition) => /ImagePull/.test(condition.reason ?? ''))?.message ?? '';
  assert.match(message, /late:v1/);
  registry.push(demoGuest, 'late:v1');
  await waitForPhase(instance, 'late', 'Running', 90_000);
  await remove(instance, 'late');
  await waitGone(instance, 'late');
});
