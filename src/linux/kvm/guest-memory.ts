import { UPPER_BASE, guestCode, guestLayout, handlerOffsets } from './guest-code.ts';

// Page table entry bits (Intel SDM volume 3, 4.5): present, writable, user, 2 MiB page.
const PRESENT = 1n;
const WRITABLE = 2n;
const USER = 4n;
const LARGE = 0x80n;

/** Descriptors of the GDT: null, kernel code and data, a place holder, user data and code. The TSS follows. */
const flatDescriptors = [
  0n,
  0x00af_9b00_0000_ffffn,
  0x00cf_9300_0000_ffffn,
  0x00cf_fb00_0000_ffffn,
  0x00cf_f300_0000_ffffn,
  0x00af_fb00_0000_ffffn,
] as const;

const KERNEL_CODE_SELECTOR = 8n;
const EXCEPTIONS = 32;
const UNDEFINED_OPCODE = 6;
const PAGE_FAULT = 14;

/** Fills `memory` (guestLayout.memoryBytes, guest physical address 0) with page tables, descriptor tables and the program. */
export function writeGuestMemory(memory: Buffer): void {
  const at = guestLayout;
  const entry = (address: number, flags: bigint): bigint => BigInt(address) | flags;
  const table = PRESENT | WRITABLE | USER;
  memory.fill(0);
  memory.writeBigUInt64LE(entry(at.lowerPdpt, table), at.pml4);
  memory.writeBigUInt64LE(entry(at.lowerDirectory, table), at.lowerPdpt);
  memory.writeBigUInt64LE(entry(0, table | LARGE), at.lowerDirectory);
  memory.writeBigUInt64LE(entry(at.upperPdpt, PRESENT | WRITABLE), at.pml4 + tableOffset(UPPER_BASE, 39n));
  memory.writeBigUInt64LE(entry(at.upperDirectory, PRESENT | WRITABLE), at.upperPdpt + tableOffset(UPPER_BASE, 30n));
  memory.writeBigUInt64LE(entry(0, PRESENT | WRITABLE | LARGE), at.upperDirectory + tableOffset(UPPER_BASE, 21n));

  flatDescriptors.forEach((descriptor, index) => memory.writeBigUInt64LE(descriptor, at.gdt + index * 8));
  writeTssDescriptor(memory, at.gdt + flatDescriptors.length * 8, UPPER_BASE + BigInt(at.tss));
  // rsp0 of the 64-bit TSS: stack for a trap from user mode.
  memory.writeBigUInt64LE(UPPER_BASE + BigInt(at.stackTop), at.tss + 4);
  for (let vector = 0; vector < EXCEPTIONS; vector += 1) {
    const offset =
      vector === UNDEFINED_OPCODE
        ? handlerOffsets.undefinedOpcode
        : vector === PAGE_FAULT
          ? handlerOffsets.pageFault
          : handlerOffsets.other;
    writeInterruptGate(memory, at.idt + vector * 16, UPPER_BASE + BigInt(at.code + offset));
  }
  guestCode.copy(memory, at.code);
}

/** Byte offset in a page table of the entry for `linear`, at the level that starts at bit `shift`. */
function tableOffset(linear: bigint, shift: bigint): number {
  return Number((linear >> shift) & 0x1ffn) * 8;
}

function writeTssDescriptor(memory: Buffer, offset: number, base: bigint): void {
  const LIMIT = 0x67n;
  const AVAILABLE_TSS = 0x89n;
  memory.writeBigUInt64LE(
    LIMIT | ((base & 0xff_ffffn) << 16n) | (AVAILABLE_TSS << 40n) | (((base >> 24n) & 0xffn) << 56n),
    offset,
  );
  memory.writeBigUInt64LE(base >> 32n, offset + 8);
}

function writeInterruptGate(memory: Buffer, offset: number, handler: bigint): void {
  const INTERRUPT_GATE = 0x8en;
  memory.writeBigUInt64LE(
    (handler & 0xffffn) |
      (KERNEL_CODE_SELECTOR << 16n) |
      (INTERRUPT_GATE << 40n) |
      (((handler >> 16n) & 0xffffn) << 48n),
    offset,
  );
  memory.writeBigUInt64LE(handler >> 32n, offset + 8);
}
