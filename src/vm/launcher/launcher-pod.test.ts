import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { sampleVmi } from '../kinds/virtualmachineinstance/fixtures.ts';
import { renderLauncherPod, type LauncherSettings } from './launcher-pod.ts';
import { memoryOverheadBytes } from './overhead.ts';

const settings: LauncherSettings = { image: 'vmlet-launcher', kvm: true, cpuAllocationRatio: 10 };
const golden = new URL('golden/launcher-pod.json', import.meta.url);
const MiB = 1024n * 1024n;

function fullVmi(): ReturnType<typeof sampleVmi> {
  const vmi = sampleVmi();
  vmi.metadata.labels = { app: 'web', 'kubevirt.io/nodeName': 'stale' };
  vmi.metadata.annotations = { 'kubectl.kubernetes.io/last-applied-configuration': '{}', team: 'a' };
  vmi.spec.architecture = 'amd64';
  vmi.spec.nodeSelector = { zone: 'x' };
  vmi.spec.domain.firmware = {
    kernelBoot: { container: { image: 'kernel:1', kernelPath: '/vmlinuz', imagePullSecret: 'registry' } },
  };
  return vmi;
}

/** To accept a wanted change: UPDATE_GOLDEN=1 node --test src/vm/launcher/launcher-pod.test.ts */
test('the Pod is the golden one', async () => {
  const pod = `${JSON.stringify(renderLauncherPod(fullVmi(), settings), null, 2)}\n`;
  if (process.env['UPDATE_GOLDEN'] === '1') {
    await writeFile(golden, pod);
  }
  assert.equal(pod, await readFile(golden, 'utf8'));
});

test('the same VMI gives the same Pod; another UID gives another name', () => {
  const vmi = sampleVmi();
  const first = renderLauncherPod(vmi, settings);
  assert.deepEqual(first, renderLauncherPod(structuredClone(vmi), settings));
  vmi.metadata.uid = '99999999-2222-4333-8444-555555555555';
  assert.notEqual(renderLauncherPod(vmi, settings).metadata.name, first.metadata.name);
});

test('names fit whatever the VMI is called', () => {
  const vmi = sampleVmi();
  vmi.metadata.name = `${'a'.repeat(42)}.${'b'.repeat(200)}`;
  const pod = renderLauncherPod(vmi, settings);
  assert.ok(pod.metadata.name.length <= 63);
  assert.match(pod.metadata.name, /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/u);
  assert.ok((pod.metadata.labels?.['vm.kubevirt.io/name'] ?? '').length <= 63);
});

test('memory: request is guest plus overhead, limit is limit plus overhead', () => {
  const vmi = sampleVmi();
  vmi.spec.domain.devices.autoattachGraphicsDevice = false;
  vmi.spec.domain.memory = { guest: '512Mi' };
  vmi.spec.domain.resources = { limits: { memory: '1Gi' } };
  const overhead = 1n * MiB + 20n * MiB + 50n * MiB + 16n * MiB + 8n * MiB;
  assert.equal(memoryOverheadBytes(vmi.spec, { emulated: false }), overhead);
  const resources = renderLauncherPod(vmi, settings).spec.containers[0]?.resources;
  assert.equal(resources?.requests?.['memory'], `${512n + overhead / MiB}Mi`);
  assert.equal(resources?.limits?.['memory'], `${1024n + overhead / MiB}Mi`);
  assert.equal(resources?.requests?.['cpu'], '200m');
  vmi.spec.domain.resources.overcommitGuestOverhead = true;
  assert.equal(renderLauncherPod(vmi, settings).spec.containers[0]?.resources?.requests?.['memory'], '512Mi');
});

test('an emulated guest asks for no KVM and more memory', () => {
  const vmi = sampleVmi();
  const emulated = renderLauncherPod(vmi, { ...settings, kvm: false }).spec.containers[0]?.resources;
  assert.equal(emulated?.requests?.['devices.kubevirt.io/kvm'], undefined);
  assert.equal(emulated?.limits?.['devices.kubevirt.io/tun'], '1');
  const more = memoryOverheadBytes(vmi.spec, { emulated: true }) - memoryOverheadBytes(vmi.spec, { emulated: false });
  assert.equal(more, 128n * MiB);
});

test('vhost-net is asked for where there is one and a card that uses it', () => {
  const vmi = sampleVmi();
  const limitsOf = (): Record<string, string> | undefined =>
    renderLauncherPod(vmi, { ...settings, vhostNet: true }).spec.containers[0]?.resources?.limits;
  assert.equal(limitsOf()?.['devices.kubevirt.io/vhost-net'], '1');
  vmi.spec.domain.devices.interfaces = [{ name: 'default', masquerade: {}, model: 'e1000e' }];
  assert.equal(limitsOf()?.['devices.kubevirt.io/vhost-net'], undefined);
});

test('guest size comes from the request when memory.guest is absent, and vCPUs from the CPU limit', () => {
  const vmi = sampleVmi();
  delete vmi.spec.domain.memory;
  delete vmi.spec.domain.cpu;
  vmi.spec.domain.resources = { requests: { memory: '1Gi' }, limits: { cpu: '2500m' } };
  const resources = renderLauncherPod(vmi, settings).spec.containers[0]?.resources;
  // 2 page tables, 20 + 50 + 3 x 8 + 8 + 32.
  assert.equal(resources?.requests?.['memory'], `${1024 + 2 + 134}Mi`);
  assert.equal(resources?.requests?.['cpu'], '2500m');
});
