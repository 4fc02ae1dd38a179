import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import { openFds } from '../fd/fd.ts';
import { addressWidths, cpuFeatures, cpuidVendor, hypervFeatures } from './cpuid.ts';
import { openKvm, readKvmFacts } from './facts.ts';

const skip = (() => {
  try {
    openKvm().close();
    return false;
  } catch (error) {
    return String(error);
  }
})();

void test('what KVM says of itself fits together and with /proc/cpuinfo', { skip }, (t) => {
  using kvm = openKvm();
  const { capabilities, x86 } = readKvmFacts(kvm);
  assert.ok(capabilities.KVM_CAP_USER_MEMORY > 0);
  assert.ok(capabilities.KVM_CAP_MAX_VCPUS >= capabilities.KVM_CAP_NR_VCPUS);
  assert.ok(capabilities.KVM_CAP_NR_MEMSLOTS >= 32);
  if (x86 === undefined) {
    t.diagnostic(`no CPUID on ${process.arch}`);
    return;
  }
  const cpuinfo = fs.readFileSync('/proc/cpuinfo', 'utf8');
  const field = (name: string): string => new RegExp(`^${name}\\s*:\\s*(.*)$`, 'm').exec(cpuinfo)?.[1] ?? '';
  assert.equal(cpuidVendor(x86.supportedCpuid), field('vendor_id'));
  const offered = cpuFeatures(x86.supportedCpuid);
  assert.ok(offered.includes('lm') && offered.includes('nx'), offered.join(' '));
  const flags = new Set(field('flags').split(' '));
  for (const name of ['avx', 'avx2', 'aes', 'avx512f', 'sha']) {
    assert.ok(
      !offered.includes(name) || flags.has(name.replace('sha', 'sha_ni')),
      `KVM offers ${name}, the host has none`,
    );
  }
  assert.ok((addressWidths(x86.supportedCpuid)?.physicalBits ?? 0) >= 32);
  const EFER = 0xc000_0080;
  assert.ok(x86.msrs.includes(EFER) || x86.msrs.length > 0);
  assert.equal(new Set(x86.featureMsrs.map(({ index }) => index)).size, x86.featureMsrs.length);
  if (x86.hypervCpuid !== undefined && x86.hypervCpuid.length > 0) {
    assert.ok(hypervFeatures(x86.hypervCpuid).includes('hv-vpindex'), 'KVM always offers the VP index');
  }
  t.diagnostic(`${offered.length} features, ${x86.msrs.length} MSRs, ${x86.featureMsrs.length} feature MSRs`);
});

void test('no descriptor stays open, and a missing device is named', { skip }, () => {
  assert.deepEqual(openFds(), []);
  assert.throws(() => openKvm('/dev/kvm-not-there'), { code: 'Unsupported', message: /kvm_intel/ });
});
