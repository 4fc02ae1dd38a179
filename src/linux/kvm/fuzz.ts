/** Decoders of KVM's structures as fuzz targets: any bytes give a value or a DecodeError. */
import { addressWidths, cpuFeatures, cpuidVendor, decodeCpuid, encodeCpuid, hypervFeatures } from './cpuid.ts';
import { decodeMsrList, decodeMsrs, encodeMsrs } from './msrs.ts';

export const fuzzTargets: readonly {
  readonly name: string;
  readonly decode: (bytes: Buffer) => unknown;
  readonly seeds: readonly Buffer[];
}[] = [
  {
    name: 'struct kvm_cpuid2',
    decode: (bytes) => {
      const entries = decodeCpuid(bytes);
      return [cpuFeatures(entries), hypervFeatures(entries), cpuidVendor(entries), addressWidths(entries)];
    },
    seeds: [encodeCpuid([{ leaf: 1, subleaf: undefined, eax: 0x306c3, ebx: 0, ecx: 0xffff_ffff, edx: 0xffff_ffff }])],
  },
  {
    name: 'struct kvm_msr_list',
    decode: decodeMsrList,
    seeds: [Buffer.from('020000003a000000800000c0', 'hex')],
  },
  {
    name: 'struct kvm_msrs',
    decode: (bytes) => decodeMsrs(bytes, bytes.length >= 4 ? bytes.readUInt32LE(0) : 0),
    seeds: [encodeMsrs([0x10a, 0x8b])],
  },
];
