/** Model-specific registers in KVM's structures: struct kvm_msr_list, struct kvm_msrs. Pure. */
import { DecodeError } from '../../base/errors.ts';

/** More than any kernel lists; it says how many when they do not fit. */
export const MSRS_MAX = 2048;
export const MSRS_HEADER_BYTES = 8;
export const MSR_ENTRY_BYTES = 16;

/** Registers that matter for what a guest can do or how it is protected, by their SDM and APM names. */
export const msrNames: Readonly<Record<number, string>> = {
  0x10: 'IA32_TIME_STAMP_COUNTER',
  0x3a: 'IA32_FEATURE_CONTROL',
  0x3b: 'IA32_TSC_ADJUST',
  0x48: 'IA32_SPEC_CTRL',
  0x49: 'IA32_PRED_CMD',
  0x8b: 'IA32_BIOS_SIGN_ID',
  0xce: 'MSR_PLATFORM_INFO',
  0x10a: 'IA32_ARCH_CAPABILITIES',
  0x10b: 'IA32_FLUSH_CMD',
  0x122: 'IA32_TSX_CTRL',
  0x1a0: 'IA32_MISC_ENABLE',
  0x345: 'IA32_PERF_CAPABILITIES',
  0x480: 'IA32_VMX_BASIC',
  0x485: 'IA32_VMX_MISC',
  0x48b: 'IA32_VMX_PROCBASED_CTLS2',
  0x48c: 'IA32_VMX_EPT_VPID_CAP',
  0x491: 'IA32_VMX_VMFUNC',
  0x6e0: 'IA32_TSC_DEADLINE',
  0xda0: 'IA32_XSS',
  0x4000_0000: 'HV_X64_MSR_GUEST_OS_ID',
  0x4b56_4d00: 'MSR_KVM_WALL_CLOCK_NEW',
  0x4b56_4d01: 'MSR_KVM_SYSTEM_TIME_NEW',
  0x4b56_4d02: 'MSR_KVM_ASYNC_PF_EN',
  0x4b56_4d03: 'MSR_KVM_STEAL_TIME',
  0x4b56_4d04: 'MSR_KVM_PV_EOI_EN',
  0xc000_0080: 'IA32_EFER',
  0xc000_0103: 'IA32_TSC_AUX',
  0xc001_011f: 'MSR_AMD64_VIRT_SPEC_CTRL',
  0xc001_1029: 'MSR_AMD64_DE_CFG',
};

/** IA32_ARCH_CAPABILITIES bits (Intel SDM volume 4), by QEMU's names: what the CPU is not affected by. */
const ARCH_CAPABILITIES: Readonly<Record<number, string>> = {
  0: 'rdctl-no',
  1: 'ibrs-all',
  2: 'rsba',
  3: 'skip-l1dfl-vmentry',
  4: 'ssb-no',
  5: 'mds-no',
  6: 'pschange-mc-no',
  7: 'tsx-ctrl',
  8: 'taa-no',
  13: 'sbdr-ssdp-no',
  14: 'fbsdp-no',
  15: 'psdp-no',
  17: 'fb-clear',
  24: 'pbrsb-no',
  26: 'gds-no',
  27: 'rfds-no',
};

export interface MsrValue {
  readonly index: number;
  readonly value: bigint;
}

/** Names of the bits that are set in IA32_ARCH_CAPABILITIES; unknown ones are left out. */
export function archCapabilities(value: bigint): string[] {
  return Object.entries(ARCH_CAPABILITIES).flatMap(([bit, name]) =>
    ((value >> BigInt(bit)) & 1n) === 1n ? [name] : [],
  );
}

/** struct kvm_msr_list: a count and that many indices. Throws DecodeError. */
export function decodeMsrList(bytes: Buffer): number[] {
  if (bytes.length < 4) {
    throw new DecodeError(`struct kvm_msr_list needs 4 bytes, got ${bytes.length}`);
  }
  const count = bytes.readUInt32LE(0);
  if (count > MSRS_MAX || bytes.length < 4 + count * 4) {
    throw new DecodeError(`struct kvm_msr_list says ${count} registers, in ${bytes.length} bytes`, 0);
  }
  return Array.from({ length: count }, (_, index) => bytes.readUInt32LE(4 + index * 4));
}

export function encodeMsrs(indices: readonly number[]): Buffer {
  const bytes = Buffer.alloc(MSRS_HEADER_BYTES + indices.length * MSR_ENTRY_BYTES);
  bytes.writeUInt32LE(indices.length, 0);
  indices.forEach((index, position) => bytes.writeUInt32LE(index, MSRS_HEADER_BYTES + position * MSR_ENTRY_BYTES));
  return bytes;
}

/** The first `count` entries of struct kvm_msrs. Throws DecodeError. */
export function decodeMsrs(bytes: Buffer, count: number): MsrValue[] {
  if (count > MSRS_MAX || bytes.length < MSRS_HEADER_BYTES + count * MSR_ENTRY_BYTES) {
    throw new DecodeError(`struct kvm_msrs of ${bytes.length} bytes has no ${count} registers`);
  }
  return Array.from({ length: count }, (_, position) => {
    const at = MSRS_HEADER_BYTES + position * MSR_ENTRY_BYTES;
    return { index: bytes.readUInt32LE(at), value: bytes.readBigUInt64LE(at + 8) };
  });
}
