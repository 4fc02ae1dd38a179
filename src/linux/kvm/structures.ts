/** Structures of asm/kvm.h and linux/kvm.h that the probe reads and writes. */

export const SREGS_BYTES = 312;
export const REGS_BYTES = 144;
const SEGMENT_BYTES = 24;

/** struct kvm_userspace_memory_region. */
export function encodeMemoryRegion(region: {
  slot: number;
  guestAddress: bigint;
  bytes: bigint;
  address: bigint;
}): Buffer {
  const buffer = Buffer.alloc(32);
  buffer.writeUInt32LE(region.slot, 0);
  buffer.writeBigUInt64LE(region.guestAddress, 8);
  buffer.writeBigUInt64LE(region.bytes, 16);
  buffer.writeBigUInt64LE(region.address, 24);
  return buffer;
}

/** struct kvm_regs with only what the start needs: interrupts off. */
export function encodeRegisters(start: { rip: bigint; rsp: bigint }): Buffer {
  const RFLAGS_FIXED = 2n;
  const buffer = Buffer.alloc(REGS_BYTES);
  buffer.writeBigUInt64LE(start.rsp, 48);
  buffer.writeBigUInt64LE(start.rip, 128);
  buffer.writeBigUInt64LE(RFLAGS_FIXED, 136);
  return buffer;
}

/**
 * Changes struct kvm_sregs, as read from a fresh vCPU, to 32-bit protected mode with flat segments, no paging, and the
 * given GDT.
 */
export function setProtectedMode(sregs: Buffer, gdt: { base: number; limit: number }): void {
  const segment = (index: number, fields: { selector: number; type: number }): void => {
    const at = index * SEGMENT_BYTES;
    sregs.writeBigUInt64LE(0n, at);
    sregs.writeUInt32LE(0xffff_ffff, at + 8);
    sregs.writeUInt16LE(fields.selector, at + 12);
    // type, present, dpl, db, s, l, g, avl, unusable
    Buffer.from([fields.type, 1, 0, 1, 1, 0, 1, 0, 0]).copy(sregs, at + 14);
  };
  const CODE = 0xb;
  const DATA = 0x3;
  segment(0, { selector: 0x08, type: CODE });
  for (const index of [1, 2, 3, 4, 5]) {
    segment(index, { selector: 0x10, type: DATA });
  }
  const GDT_OFFSET = 192;
  const CR0_OFFSET = 224;
  const CR4_OFFSET = 248;
  const EFER_OFFSET = 264;
  // CR0: protection enable, extension type, numeric error.
  const CR0 = 0x31n;
  sregs.writeBigUInt64LE(BigInt(gdt.base), GDT_OFFSET);
  sregs.writeUInt16LE(gdt.limit, GDT_OFFSET + 8);
  sregs.writeBigUInt64LE(CR0, CR0_OFFSET);
  sregs.writeBigUInt64LE(0n, CR4_OFFSET);
  sregs.writeBigUInt64LE(0n, EFER_OFFSET);
}

/** The head of struct kvm_run, which is shared with the kernel. For KVM_EXIT_IO `dataOffset` is where the byte stands. */
export interface RunState {
  readonly exitReason: number;
  readonly port: number;
  readonly dataOffset: number;
  /** hardware_entry_failure_reason or the suberror of an internal error. */
  readonly detail: bigint;
}

export const RUN_HEAD_BYTES = 64;

export function decodeRunState(head: Buffer): RunState {
  return {
    exitReason: head.readUInt32LE(8),
    port: head.readUInt16LE(34),
    dataOffset: Number(head.readBigUInt64LE(40)),
    detail: head.readBigUInt64LE(32),
  };
}
