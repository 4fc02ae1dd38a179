import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { CpuidEntry } from './cpuid.ts';
import { addressWidths, cpuFeatures, cpuidVendor, decodeCpuid, encodeCpuid, hypervFeatures } from './cpuid.ts';
import { fuzzTargets } from './fuzz.ts';
import { archCapabilities, decodeMsrList, decodeMsrs, encodeMsrs } from './msrs.ts';

const entry = (leaf: number, registers: Partial<CpuidEntry>): CpuidEntry => ({
  leaf,
  subleaf: undefined,
  eax: 0,
  ebx: 0,
  ecx: 0,
  edx: 0,
  ...registers,
});

void test('tables: decode of encode gives the same', () => {
  const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
  const fields = { leaf: u32, subleaf: fc.option(u32, { nil: undefined }), eax: u32, ebx: u32, ecx: u32, edx: u32 };
  fc.assert(
    fc.property(fc.array(fc.record(fields, { noNullPrototype: true }), { maxLength: 20 }), (entries) => {
      assert.deepEqual(decodeCpuid(encodeCpuid(entries)), entries);
    }),
  );
  assert.deepEqual(
    decodeMsrs(encodeMsrs([0x10a, 0xc000_0080]), 2).map(({ index }) => index),
    [0x10a, 0xc000_0080],
  );
  assert.deepEqual(decodeMsrList(Buffer.from('020000003a000000800000c0', 'hex')), [0x3a, 0xc000_0080]);
});

void test('features by name, vendor and widths', () => {
  // GenuineIntel; VMX, x2APIC and hypervisor; AVX2 in subleaf 0 and not in another; NX and long mode; 46 and 48 bits.
  const entries = [
    entry(0, { ebx: 0x756e_6547, edx: 0x4965_6e69, ecx: 0x6c65_746e }),
    entry(1, { ecx: 2 ** 31 + 2 ** 21 + 2 ** 5 }),
    entry(7, { subleaf: 1, ebx: 0xffff_ffff }),
    entry(7, { subleaf: 0, ebx: 2 ** 5, edx: 2 ** 29 }),
    entry(0x8000_0001, { edx: 2 ** 20 + 2 ** 29 }),
    entry(0x8000_0008, { eax: 0x302e }),
    entry(0x4000_0001, { eax: 1 + 2 ** 5 }),
  ];
  assert.equal(cpuidVendor(entries), 'GenuineIntel');
  assert.deepEqual(
    cpuFeatures(entries),
    ['arch-capabilities', 'avx2', 'hypervisor', 'kvm-steal-time', 'kvmclock', 'lm', 'nx', 'vmx', 'x2apic'].sort(),
  );
  assert.deepEqual(addressWidths(entries), { physicalBits: 46, linearBits: 48 });
  assert.deepEqual(hypervFeatures([entry(0x4000_0003, { eax: 2, edx: 2 ** 10 })]), ['hv-crash', 'hv-time']);
  assert.deepEqual(archCapabilities(0x21n), ['rdctl-no', 'mds-no']);
  assert.deepEqual([cpuidVendor([]), addressWidths([])], [undefined, undefined]);
});

void test('counts that do not fit are decode errors', () => {
  const table = encodeCpuid([entry(0, {})]);
  table.writeUInt32LE(2);
  assert.throws(() => decodeCpuid(table), { code: 'Decode' });
  table.writeUInt32LE(0xffff_ffff);
  assert.throws(() => decodeCpuid(table), { code: 'Decode' });
  assert.throws(() => decodeMsrList(Buffer.from('ffffffff', 'hex')), { code: 'Decode' });
  assert.throws(() => decodeMsrs(encodeMsrs([1]), 2), { code: 'Decode' });
});

void test('arbitrary bytes are a value or a DecodeError', () => {
  for (const target of fuzzTargets) {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        try {
          target.decode(Buffer.from(bytes));
        } catch (error) {
          assert.equal((error as { code?: string }).code, 'Decode');
        }
      }),
    );
  }
});
