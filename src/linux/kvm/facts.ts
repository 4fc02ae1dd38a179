/**
 * What KVM says it can do (Documentation/virt/kvm/api.rst). It says nothing about whether guests run: that is `probe.ts`.
 * All calls answer from tables of the kernel and do not block.
 */
import fs from 'node:fs';
import { UnsupportedError, errorCode } from '../../base/errors.ts';
import { Fd } from '../fd/fd.ts';
import { check, declare } from '../ffi/ffi.ts';
import type { KvmCapability } from './capability-table.ts';
import { kvmCapabilities } from './capability-table.ts';
import {
  KVM_CHECK_EXTENSION,
  KVM_GET_EMULATED_CPUID,
  KVM_GET_MSRS,
  KVM_GET_MSR_FEATURE_INDEX_LIST,
  KVM_GET_MSR_INDEX_LIST,
  KVM_GET_SUPPORTED_CPUID,
  KVM_GET_SUPPORTED_HV_CPUID,
} from './constants.ts';
import type { CpuidEntry } from './cpuid.ts';
import { CPUID_ENTRIES_MAX, decodeCpuid, encodeCpuid } from './cpuid.ts';
import type { MsrValue } from './msrs.ts';
import { MSRS_MAX, decodeMsrList, decodeMsrs, encodeMsrs } from './msrs.ts';

// Buffers are lent for the call.
const cIoctlValue = declare('int ioctl(int fd, unsigned long request, unsigned long argument)');
const cIoctlPointer = declare('int ioctl(int fd, unsigned long request, void *argument)');

export interface KvmFacts {
  /** What KVM_CHECK_EXTENSION answers: 0 for no, 1 or a number (of vCPUs, slots, bits) for yes. */
  readonly capabilities: Readonly<Record<KvmCapability, number>>;
  /** Undefined on machines without CPUID. */
  readonly x86: X86Facts | undefined;
}

export interface X86Facts {
  /** What a guest can be given. */
  readonly supportedCpuid: readonly CpuidEntry[];
  /** What KVM would emulate at a cost; empty when the kernel does not say. */
  readonly emulatedCpuid: readonly CpuidEntry[];
  /** Undefined when the kernel tells it only per vCPU (before Linux 5.11). */
  readonly hypervCpuid: readonly CpuidEntry[] | undefined;
  /** Registers that are saved and restored with a guest. */
  readonly msrs: readonly number[];
  /** Registers that describe features, with the host's values. */
  readonly featureMsrs: readonly MsrValue[];
}

/** Opens the device; UnsupportedError with the remedy of `probeKvm` in mind when that fails. The caller closes it. */
export function openKvm(device = '/dev/kvm'): Fd {
  try {
    return new Fd(fs.openSync(device, fs.constants.O_RDWR), device);
  } catch (error) {
    throw new UnsupportedError(
      `${device} cannot be opened (${errorCode(error)}): load kvm_intel or kvm_amd, or run as root; "vmlet doctor" says more`,
      { cause: error },
    );
  }
}

/** Everything below in one value. */
export function readKvmFacts(kvm: Fd): KvmFacts {
  const capabilities = readCapabilities(kvm);
  return { capabilities, x86: process.arch === 'x64' ? readX86Facts(kvm, capabilities) : undefined };
}

export function readCapabilities(kvm: Fd): Readonly<Record<KvmCapability, number>> {
  const answers = Object.entries(kvmCapabilities).map(([name, number]) => [name, checkExtension(kvm, number)]);
  return Object.fromEntries(answers) as Record<KvmCapability, number>;
}

/** KVM_CHECK_EXTENSION for any number. */
export function checkExtension(kvm: Fd, number: number): number {
  return check(cIoctlValue(kvm.value, KVM_CHECK_EXTENSION, number), `KVM_CHECK_EXTENSION ${number}`, kvm.label);
}

function readX86Facts(kvm: Fd, capabilities: Readonly<Record<KvmCapability, number>>): X86Facts {
  return {
    supportedCpuid: readCpuid(kvm, KVM_GET_SUPPORTED_CPUID, 'KVM_GET_SUPPORTED_CPUID'),
    emulatedCpuid:
      capabilities.KVM_CAP_EXT_EMUL_CPUID === 0 ? [] : readCpuid(kvm, KVM_GET_EMULATED_CPUID, 'KVM_GET_EMULATED_CPUID'),
    hypervCpuid:
      capabilities.KVM_CAP_SYS_HYPERV_CPUID === 0
        ? undefined
        : readCpuid(kvm, KVM_GET_SUPPORTED_HV_CPUID, 'KVM_GET_SUPPORTED_HV_CPUID'),
    msrs: readMsrList(kvm, KVM_GET_MSR_INDEX_LIST, 'KVM_GET_MSR_INDEX_LIST'),
    featureMsrs: capabilities.KVM_CAP_GET_MSR_FEATURES === 0 ? [] : readFeatureMsrs(kvm),
  };
}

function readCpuid(kvm: Fd, request: number, op: string): CpuidEntry[] {
  const table = encodeCpuid([], CPUID_ENTRIES_MAX);
  check(cIoctlPointer(kvm.value, request, table), op, kvm.label);
  return decodeCpuid(table);
}

function readMsrList(kvm: Fd, request: number, op: string): number[] {
  const list = Buffer.alloc(4 + MSRS_MAX * 4);
  list.writeUInt32LE(MSRS_MAX);
  check(cIoctlPointer(kvm.value, request, list), op, kvm.label);
  return decodeMsrList(list);
}

/** One at a time: the kernel stops at the first that it refuses, and a few are listed but not readable on every CPU. */
function readFeatureMsrs(kvm: Fd): MsrValue[] {
  return readMsrList(kvm, KVM_GET_MSR_FEATURE_INDEX_LIST, 'KVM_GET_MSR_FEATURE_INDEX_LIST').flatMap((index) => {
    const bytes = encodeMsrs([index]);
    const count = cIoctlPointer(kvm.value, KVM_GET_MSRS, bytes);
    return count === 1 ? decodeMsrs(bytes, 1) : [];
  });
}
