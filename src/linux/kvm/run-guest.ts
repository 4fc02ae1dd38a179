/**
 * Runs the probe's guest program on one vCPU, in this thread, until it halts or fails. It may hang for ever in KVM_RUN
 * on a host whose KVM is broken: call it only in a process that somebody else kills (probe-child.ts).
 */
import fs from 'node:fs';
import { VmletError } from '../../base/errors.ts';
import { Fd } from '../fd/fd.ts';
import { addressOf, check, declare, errno } from '../ffi/ffi.ts';
import { errnoName } from '../errno/errno.ts';
import {
  KVM_API_VERSION,
  KVM_CREATE_VCPU,
  KVM_CREATE_VM,
  KVM_EXIT_HLT,
  KVM_EXIT_INTR,
  KVM_EXIT_IO,
  KVM_GET_API_VERSION,
  KVM_GET_SREGS,
  KVM_GET_SUPPORTED_CPUID,
  KVM_GET_VCPU_MMAP_SIZE,
  KVM_RUN,
  KVM_SET_CPUID2,
  KVM_SET_REGS,
  KVM_SET_SREGS,
  KVM_SET_TSS_ADDR,
  KVM_SET_USER_MEMORY_REGION,
  exitReasonNames,
} from './constants.ts';
import { LAST_STEP, STEP_FAILED, STEP_PORT, STEP_UNEXPECTED_EXCEPTION, guestLayout } from './guest-code.ts';
import { writeGuestMemory } from './guest-memory.ts';
import {
  RUN_HEAD_BYTES,
  SREGS_BYTES,
  decodeRunState,
  encodeMemoryRegion,
  encodeRegisters,
  setProtectedMode,
} from './structures.ts';

// KVM_RUN blocks for as long as the guest runs; the others do not. Buffers are lent for the call, but guest memory
// belongs to the kernel too until the VM is closed.
const cIoctlValue = declare('int ioctl(int fd, unsigned long request, unsigned long argument)');
const cIoctlPointer = declare('int ioctl(int fd, unsigned long request, void *argument)');
const cMmap = declare('int64_t mmap(void *address, size_t bytes, int protection, int flags, int fd, long offset)');
const cMemcpy = declare('void *memcpy(void *to, uint64_t from, size_t bytes)');

const PAGE_BYTES = 4096;
const CPUID_ENTRIES_MAX = 256;
const CPUID_ENTRY_BYTES = 40;
const EXITS_MAX = 1000;
/** Below the firmware hole, where KVM on Intel hardware wants its task state for real mode. */
const TSS_ADDRESS = 0xfffb_d000;

/** Runs the guest and calls `onStep` with each step number it reports. Throws when it ends in any other way than planned. */
export function runGuest(device: string, onStep: (step: number) => void): void {
  using kvm = new Fd(fs.openSync(device, fs.constants.O_RDWR), device);
  const version = check(cIoctlValue(kvm.value, KVM_GET_API_VERSION, 0), 'KVM_GET_API_VERSION', device);
  if (version !== KVM_API_VERSION) {
    throw new VmletError('KvmVersion', `${device} speaks API version ${version}, not ${KVM_API_VERSION}`);
  }
  using vm = new Fd(check(cIoctlValue(kvm.value, KVM_CREATE_VM, 0), 'KVM_CREATE_VM', device), 'probe VM');
  check(cIoctlValue(vm.value, KVM_SET_TSS_ADDR, TSS_ADDRESS), 'KVM_SET_TSS_ADDR', 'probe VM');
  const memory = allocatePages(guestLayout.memoryBytes);
  writeGuestMemory(memory);
  const region = encodeMemoryRegion({
    slot: 0,
    guestAddress: 0n,
    bytes: BigInt(memory.length),
    address: addressOf(memory),
  });
  check(cIoctlPointer(vm.value, KVM_SET_USER_MEMORY_REGION, region), 'KVM_SET_USER_MEMORY_REGION', 'probe VM');
  using vcpu = new Fd(check(cIoctlValue(vm.value, KVM_CREATE_VCPU, 0), 'KVM_CREATE_VCPU', 'probe VM'), 'probe vCPU');
  copyCpuid(kvm, vcpu);
  const sregs = Buffer.alloc(SREGS_BYTES);
  check(cIoctlPointer(vcpu.value, KVM_GET_SREGS, sregs), 'KVM_GET_SREGS', vcpu.label);
  setProtectedMode(sregs, { base: guestLayout.gdt, limit: 0x3f });
  check(cIoctlPointer(vcpu.value, KVM_SET_SREGS, sregs), 'KVM_SET_SREGS', vcpu.label);
  const registers = encodeRegisters({ rip: BigInt(guestLayout.code), rsp: BigInt(guestLayout.stackTop) });
  check(cIoctlPointer(vcpu.value, KVM_SET_REGS, registers), 'KVM_SET_REGS', vcpu.label);
  loop(vcpu, mapRunState(kvm, vcpu), onStep);
  // Read after the run, so that the collector cannot have taken the memory away from under the guest.
  if (memory.readUInt8(guestLayout.code) === 0) {
    throw new VmletError('KvmGuest', 'the guest overwrote its own code');
  }
}

function loop(vcpu: Fd, runState: number, onStep: (step: number) => void): void {
  const head = Buffer.alloc(RUN_HEAD_BYTES);
  let last = 0;
  for (let exit = 0; exit < EXITS_MAX; exit += 1) {
    if (cIoctlValue(vcpu.value, KVM_RUN, 0) < 0) {
      if (errnoName(errno()) === 'EINTR') {
        continue;
      }
      check(-1, 'KVM_RUN', vcpu.label);
    }
    cMemcpy(head, runState, head.length);
    const state = decodeRunState(head);
    if (state.exitReason === KVM_EXIT_IO && state.port === STEP_PORT) {
      const byte = Buffer.alloc(1);
      cMemcpy(byte, runState + state.dataOffset, 1);
      last = byte[0] ?? 0;
      if (last === STEP_FAILED || last === STEP_UNEXPECTED_EXCEPTION) {
        throw new VmletError(
          'KvmGuest',
          last === STEP_FAILED
            ? 'the guest took a page fault it had not caused, or saw a wrong result'
            : 'the guest took an exception it had not caused',
        );
      }
      onStep(last);
    } else if (state.exitReason === KVM_EXIT_HLT && last === LAST_STEP) {
      return;
    } else if (state.exitReason !== KVM_EXIT_INTR) {
      const name = exitReasonNames[state.exitReason] ?? `exit reason ${state.exitReason}`;
      throw new VmletError('KvmGuest', `the guest stopped with ${name}, detail 0x${state.detail.toString(16)}`);
    }
  }
  throw new VmletError('KvmGuest', `the guest did not finish within ${EXITS_MAX} exits`);
}

/** Gives the vCPU all CPU features that KVM offers; without them it would refuse long mode. */
function copyCpuid(kvm: Fd, vcpu: Fd): void {
  const table = Buffer.alloc(8 + CPUID_ENTRIES_MAX * CPUID_ENTRY_BYTES);
  table.writeUInt32LE(CPUID_ENTRIES_MAX, 0);
  check(cIoctlPointer(kvm.value, KVM_GET_SUPPORTED_CPUID, table), 'KVM_GET_SUPPORTED_CPUID', kvm.label);
  check(cIoctlPointer(vcpu.value, KVM_SET_CPUID2, table), 'KVM_SET_CPUID2', vcpu.label);
}

/** Maps struct kvm_run for the life of the process; gives its address. */
function mapRunState(kvm: Fd, vcpu: Fd): number {
  const PROT_READ_WRITE = 3;
  const MAP_SHARED = 1;
  const bytes = check(cIoctlValue(kvm.value, KVM_GET_VCPU_MMAP_SIZE, 0), 'KVM_GET_VCPU_MMAP_SIZE', kvm.label);
  return check(cMmap(null, bytes, PROT_READ_WRITE, MAP_SHARED, vcpu.value, 0), 'mmap', vcpu.label);
}

/** Page-aligned memory that the collector does not move. */
function allocatePages(bytes: number): Buffer {
  const buffer = Buffer.alloc(bytes + PAGE_BYTES);
  const misaligned = Number(addressOf(buffer) % BigInt(PAGE_BYTES));
  const start = misaligned === 0 ? 0 : PAGE_BYTES - misaligned;
  return buffer.subarray(start, start + bytes);
}
