/** CPUID tables as KVM gives them (struct kvm_cpuid2), and the features in them by the names of QEMU's CPU flags. Pure. */
import { DecodeError } from '../../base/errors.ts';
import { KVM_CPUID_FLAG_SIGNIFCANT_INDEX } from './constants.ts';

export const CPUID_HEADER_BYTES = 8;
export const CPUID_ENTRY_BYTES = 40;
/** Twice what any CPU gives; KVM_MAX_CPUID_ENTRIES is 256. */
export const CPUID_ENTRIES_MAX = 256;

export type CpuidRegister = 'eax' | 'ebx' | 'ecx' | 'edx';

export interface CpuidEntry {
  readonly leaf: number;
  /** Undefined where the leaf has no subleaves. */
  readonly subleaf: number | undefined;
  readonly eax: number;
  readonly ebx: number;
  readonly ecx: number;
  readonly edx: number;
}

/** Decodes struct kvm_cpuid2. Throws DecodeError. */
export function decodeCpuid(bytes: Buffer): CpuidEntry[] {
  if (bytes.length < CPUID_HEADER_BYTES) {
    throw new DecodeError(`struct kvm_cpuid2 needs ${CPUID_HEADER_BYTES} bytes, got ${bytes.length}`);
  }
  const count = bytes.readUInt32LE(0);
  if (count > CPUID_ENTRIES_MAX || bytes.length < CPUID_HEADER_BYTES + count * CPUID_ENTRY_BYTES) {
    throw new DecodeError(`struct kvm_cpuid2 says ${count} entries, in ${bytes.length} bytes`, 0);
  }
  return Array.from({ length: count }, (_, index): CpuidEntry => {
    const at = CPUID_HEADER_BYTES + index * CPUID_ENTRY_BYTES;
    const isIndexed = (bytes.readUInt32LE(at + 8) & KVM_CPUID_FLAG_SIGNIFCANT_INDEX) !== 0;
    return {
      leaf: bytes.readUInt32LE(at),
      subleaf: isIndexed ? bytes.readUInt32LE(at + 4) : undefined,
      eax: bytes.readUInt32LE(at + 12),
      ebx: bytes.readUInt32LE(at + 16),
      ecx: bytes.readUInt32LE(at + 20),
      edx: bytes.readUInt32LE(at + 24),
    };
  });
}

/** Bytes of struct kvm_cpuid2, with room for `roomEntries`; for requests and tests. */
export function encodeCpuid(entries: readonly CpuidEntry[], roomEntries = entries.length): Buffer {
  const bytes = Buffer.alloc(CPUID_HEADER_BYTES + roomEntries * CPUID_ENTRY_BYTES);
  bytes.writeUInt32LE(roomEntries, 0);
  entries.forEach((entry, index) => {
    const at = CPUID_HEADER_BYTES + index * CPUID_ENTRY_BYTES;
    bytes.writeUInt32LE(entry.leaf, at);
    bytes.writeUInt32LE(entry.subleaf ?? 0, at + 4);
    bytes.writeUInt32LE(entry.subleaf === undefined ? 0 : KVM_CPUID_FLAG_SIGNIFCANT_INDEX, at + 8);
    bytes.writeUInt32LE(entry.eax, at + 12);
    bytes.writeUInt32LE(entry.ebx, at + 16);
    bytes.writeUInt32LE(entry.ecx, at + 20);
    bytes.writeUInt32LE(entry.edx, at + 24);
  });
  return bytes;
}

export function findCpuidEntry(entries: readonly CpuidEntry[], leaf: number, subleaf = 0): CpuidEntry | undefined {
  return entries.find((entry) => entry.leaf === leaf && (entry.subleaf ?? 0) === subleaf);
}

/** `GenuineIntel`, `AuthenticAMD` from leaf 0; undefined without it. */
export function cpuidVendor(entries: readonly CpuidEntry[]): string | undefined {
  const entry = findCpuidEntry(entries, 0);
  if (entry === undefined) {
    return undefined;
  }
  const bytes = Buffer.alloc(12);
  [entry.ebx, entry.edx, entry.ecx].forEach((word, index) => bytes.writeUInt32LE(word, index * 4));
  return bytes.toString('latin1');
}

type FeatureRow = readonly [
  leaf: number,
  subleaf: number,
  register: CpuidRegister,
  bits: Readonly<Record<number, string>>,
];

/** Intel SDM volume 2 (CPUID), AMD APM volume 3 appendix E. Names as QEMU's `-cpu` and libvirt's CPU map have them. */
const CPU_FEATURES: readonly FeatureRow[] = [
  [1, 0, 'ecx', { 0: 'pni', 1: 'pclmulqdq', 5: 'vmx', 9: 'ssse3', 12: 'fma', 13: 'cx16', 17: 'pcid', 19: 'sse4.1' }],
  [1, 0, 'ecx', { 20: 'sse4.2', 21: 'x2apic', 22: 'movbe', 23: 'popcnt', 24: 'tsc-deadline', 25: 'aes', 26: 'xsave' }],
  [1, 0, 'ecx', { 28: 'avx', 29: 'f16c', 30: 'rdrand', 31: 'hypervisor' }],
  [
    1,
    0,
    'edx',
    { 3: 'pse', 4: 'tsc', 6: 'pae', 9: 'apic', 12: 'mtrr', 19: 'clflush', 25: 'sse', 26: 'sse2', 28: 'ht' },
  ],
  [6, 0, 'eax', { 2: 'arat' }],
  [7, 0, 'ebx', { 0: 'fsgsbase', 1: 'tsc_adjust', 2: 'sgx', 3: 'bmi1', 5: 'avx2', 7: 'smep', 8: 'bmi2', 9: 'erms' }],
  [7, 0, 'ebx', { 10: 'invpcid', 16: 'avx512f', 18: 'rdseed', 19: 'adx', 20: 'smap', 23: 'clflushopt', 24: 'clwb' }],
  [7, 0, 'ebx', { 17: 'avx512dq', 29: 'sha', 30: 'avx512bw', 31: 'avx512vl' }],
  [7, 0, 'ecx', { 2: 'umip', 3: 'pku', 5: 'waitpkg', 7: 'cet-ss', 8: 'gfni', 9: 'vaes', 16: 'la57', 22: 'rdpid' }],
  [7, 0, 'ecx', { 24: 'bus-lock-detect' }],
  [7, 0, 'edx', { 4: 'fsrm', 10: 'md-clear', 14: 'serialize', 20: 'cet-ibt', 22: 'amx-bf16', 24: 'amx-tile' }],
  [7, 0, 'edx', { 25: 'amx-int8', 26: 'spec-ctrl', 27: 'stibp', 28: 'flush-l1d', 29: 'arch-capabilities', 31: 'ssbd' }],
  [7, 1, 'eax', { 4: 'avx-vnni', 5: 'avx512-bf16' }],
  [0xd, 1, 'eax', { 0: 'xsaveopt', 1: 'xsavec', 2: 'xgetbv1', 3: 'xsaves' }],
  [0x8000_0001, 0, 'ecx', { 0: 'lahf_lm', 2: 'svm', 5: 'abm', 6: 'sse4a', 8: '3dnowprefetch', 22: 'topoext' }],
  [0x8000_0001, 0, 'edx', { 11: 'syscall', 20: 'nx', 26: 'pdpe1gb', 27: 'rdtscp', 29: 'lm' }],
  [0x8000_0007, 0, 'edx', { 8: 'invtsc' }],
  [0x8000_0008, 0, 'ebx', { 0: 'clzero', 9: 'wbnoinvd', 12: 'ibpb', 14: 'ibrs', 15: 'amd-stibp', 24: 'amd-ssbd' }],
  [0x8000_0008, 0, 'ebx', { 25: 'virt-ssbd', 28: 'amd-psfd' }],
  [0x8000_000a, 0, 'edx', { 0: 'npt', 1: 'lbrv', 2: 'svm-lock', 3: 'nrip-save', 10: 'pause-filter', 16: 'vgif' }],
  [0x8000_001f, 0, 'eax', { 0: 'sme', 1: 'sev', 3: 'sev-es', 4: 'sev-snp' }],
  // Documentation/virt/kvm/x86/cpuid.rst
  [
    0x4000_0001,
    0,
    'eax',
    { 0: 'kvmclock', 1: 'kvm-nopiodelay', 3: 'kvmclock2', 4: 'kvm-asyncpf', 5: 'kvm-steal-time' },
  ],
  [0x4000_0001, 0, 'eax', { 6: 'kvm-pv-eoi', 7: 'kvm-pv-unhalt', 9: 'kvm-pv-tlb-flush', 11: 'kvm-pv-ipi' }],
  [0x4000_0001, 0, 'eax', { 12: 'kvm-poll-control', 13: 'kvm-pv-sched-yield', 14: 'kvm-asyncpf-int' }],
  [0x4000_0001, 0, 'eax', { 15: 'kvm-msi-ext-dest-id', 24: 'kvmclock-stable-bit' }],
];

/** Hyper-V TLFS, as linux' asm/hyperv-tlfs.h has the bits; names as QEMU's `hv-*` properties. */
const HYPERV_FEATURES: readonly FeatureRow[] = [
  [
    0x4000_0003,
    0,
    'eax',
    { 0: 'hv-runtime', 1: 'hv-time', 2: 'hv-synic', 3: 'hv-stimer', 4: 'hv-vapic', 6: 'hv-vpindex' },
  ],
  [0x4000_0003, 0, 'eax', { 7: 'hv-reset', 11: 'hv-frequencies', 13: 'hv-reenlightenment' }],
  [0x4000_0003, 0, 'edx', { 4: 'hv-xmm-input', 10: 'hv-crash', 11: 'hv-syndbg', 19: 'hv-stimer-direct' }],
  [0x4000_0004, 0, 'eax', { 2: 'hv-tlbflush', 5: 'hv-relaxed', 9: 'hv-avic', 10: 'hv-ipi', 14: 'hv-evmcs' }],
];

/** Names of the features in KVM_GET_SUPPORTED_CPUID or KVM_GET_EMULATED_CPUID, sorted. Unknown bits are left out. */
export function cpuFeatures(entries: readonly CpuidEntry[]): string[] {
  return features(entries, CPU_FEATURES);
}

/** Names of the enlightenments in KVM_GET_SUPPORTED_HV_CPUID, sorted. */
export function hypervFeatures(entries: readonly CpuidEntry[]): string[] {
  return features(entries, HYPERV_FEATURES);
}

function features(entries: readonly CpuidEntry[], rows: readonly FeatureRow[]): string[] {
  return rows
    .flatMap(([leaf, subleaf, register, bits]) => {
      const value = findCpuidEntry(entries, leaf, subleaf)?.[register] ?? 0;
      return Object.entries(bits).flatMap(([bit, name]) => (((value >>> Number(bit)) & 1) === 1 ? [name] : []));
    })
    .sort();
}

/** Width of guest physical and linear addresses (leaf 0x80000008); undefined without it. */
export function addressWidths(
  entries: readonly CpuidEntry[],
): { readonly physicalBits: number; readonly linearBits: number } | undefined {
  const entry = findCpuidEntry(entries, 0x8000_0008);
  return entry === undefined ? undefined : { physicalBits: entry.eax & 0xff, linearBits: (entry.eax >>> 8) & 0xff };
}
