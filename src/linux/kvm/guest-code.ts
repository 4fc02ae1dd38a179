/**
 * The guest program of the probe, x86_64: what every stock 64-bit kernel does in its first instructions, one step after
 * another. It starts in 32-bit protected mode without paging at physical 0x10000 and reports each step on an I/O port.
 *
 * The bytes were made by GNU as 2.40 and ld with `-Ttext=0x10000`; each line is one instruction as objdump shows it.
 */

/** I/O port that takes the number of a finished step. */
export const STEP_PORT = 0x5e;
export const STEP_FAILED = 0xff;
export const STEP_UNEXPECTED_EXCEPTION = 0xfe;

/** What each step proves, by its number. */
export const guestSteps: Readonly<Record<number, string>> = {
  1: 'turned on paging and ran 64-bit code',
  2: 'ran 64-bit code in the upper half of the address space, where kernels live',
  3: 'handled an exception through its own interrupt table',
  4: 'handled a page fault with the right address',
  5: 'executed CPUID',
  6: 'entered user mode and came back by a system call',
  7: 'reloaded its page tables and ran on',
};

export const LAST_STEP = 7;

/** Physical addresses of what the program uses. */
export const guestLayout = {
  pml4: 0x1000,
  lowerPdpt: 0x2000,
  lowerDirectory: 0x3000,
  upperPdpt: 0x4000,
  upperDirectory: 0x5000,
  gdt: 0x7000,
  idt: 0x8000,
  tss: 0x9000,
  code: 0x1_0000,
  stackTop: 0x2_0000,
  memoryBytes: 0x20_0000,
} as const;

/** Linear address in the upper half at which the same 2 MiB are mapped again: that of a stock Linux kernel's text. */
export const UPPER_BASE = 0xffff_ffff_8100_0000n;

/** Offsets of the handlers from the start of the program. */
export const handlerOffsets = { undefinedOpcode: 0x10e, pageFault: 0x11a, other: 0x132 } as const;

const listing: readonly (readonly [hex: string, text: string])[] = [
  ['b800100000', 'mov $0x1000,%eax'],
  ['0f22d8', 'mov %eax,%cr3'],
  ['0f20e0', 'mov %cr4,%eax'],
  ['83c820', 'or $0x20,%eax'],
  ['0f22e0', 'mov %eax,%cr4'],
  ['b9800000c0', 'mov $0xc0000080,%ecx'],
  ['0f32', 'rdmsr'],
  ['0d01010000', 'or $0x101,%eax'],
  ['0f30', 'wrmsr'],
  ['0f20c0', 'mov %cr0,%eax'],
  ['0d00000080', 'or $0x80000000,%eax'],
  ['0f22c0', 'mov %eax,%cr0'],
  ['ea310001000800', 'ljmp $0x8,$0x10031'],
  // long_mode:
  ['b001', 'mov $0x1,%al'],
  ['e65e', 'out %al,$0x5e'],
  ['48b841000181ffffffff', 'movabs $0xffffffff81010041,%rax'],
  ['ffe0', 'jmp *%rax'],
  // upper:
  ['b002', 'mov $0x2,%al'],
  ['e65e', 'out %al,$0x5e'],
  ['48bc00000281ffffffff', 'movabs $0xffffffff81020000,%rsp'],
  ['0f0115e2000000', 'lgdt 0xe2(%rip) # 0x10138'],
  ['0f011de5000000', 'lidt 0xe5(%rip) # 0x10142'],
  ['b810000000', 'mov $0x10,%eax'],
  ['8ed8', 'mov %eax,%ds'],
  ['8ec0', 'mov %eax,%es'],
  ['8ed0', 'mov %eax,%ss'],
  ['b830000000', 'mov $0x30,%eax'],
  ['0f00d8', 'ltr %ax'],
  ['31db', 'xor %ebx,%ebx'],
  ['0f0b', 'ud2'],
  ['83fb06', 'cmp $0x6,%ebx'],
  ['0f858b000000', 'jne 0x10108'],
  ['b003', 'mov $0x3,%al'],
  ['e65e', 'out %al,$0x5e'],
  ['48bf00004081ffffffff', 'movabs $0xffffffff81400000,%rdi'],
  ['488b07', 'mov (%rdi),%rax'],
  ['83fb0e', 'cmp $0xe,%ebx'],
  ['7575', 'jne 0x10108'],
  ['b004', 'mov $0x4,%al'],
  ['e65e', 'out %al,$0x5e'],
  ['31c0', 'xor %eax,%eax'],
  ['0fa2', 'cpuid'],
  ['85c0', 'test %eax,%eax'],
  ['7469', 'je 0x10108'],
  ['b005', 'mov $0x5,%al'],
  ['e65e', 'out %al,$0x5e'],
  ['b9810000c0', 'mov $0xc0000081,%ecx'],
  ['31c0', 'xor %eax,%eax'],
  ['ba08001800', 'mov $0x180008,%edx'],
  ['0f30', 'wrmsr'],
  ['b9820000c0', 'mov $0xc0000082,%ecx'],
  ['488d051e000000', 'lea 0x1e(%rip),%rax # 0x100db'],
  ['4889c2', 'mov %rax,%rdx'],
  ['48c1ea20', 'shr $0x20,%rdx'],
  ['0f30', 'wrmsr'],
  ['b9d4000100', 'mov $0x100d4,%ecx'],
  ['41bb02000000', 'mov $0x2,%r11d'],
  ['480f07', 'sysretq'],
  // user:
  ['bb55000000', 'mov $0x55,%ebx'],
  ['0f05', 'syscall'],
  // system_call:
  ['48bc00000281ffffffff', 'movabs $0xffffffff81020000,%rsp'],
  ['83fb55', 'cmp $0x55,%ebx'],
  ['751e', 'jne 0x10108'],
  ['b006', 'mov $0x6,%al'],
  ['e65e', 'out %al,$0x5e'],
  ['0f20d8', 'mov %cr3,%rax'],
  ['0f22d8', 'mov %rax,%cr3'],
  ['48b800000181ffffffff', 'movabs $0xffffffff81010000,%rax'],
  ['0f0138', 'invlpg (%rax)'],
  ['b007', 'mov $0x7,%al'],
  ['e65e', 'out %al,$0x5e'],
  // hang:
  ['f4', 'hlt'],
  ['ebfd', 'jmp 0x10105'],
  // fail:
  ['b0ff', 'mov $0xff,%al'],
  ['e65e', 'out %al,$0x5e'],
  ['ebf7', 'jmp 0x10105'],
  // on_undefined:
  ['bb06000000', 'mov $0x6,%ebx'],
  ['4883042402', 'addq $0x2,(%rsp)'],
  ['48cf', 'iretq'],
  // on_page_fault:
  ['0f20d1', 'mov %cr2,%rcx'],
  ['4839f9', 'cmp %rdi,%rcx'],
  ['75e6', 'jne 0x10108'],
  ['bb0e000000', 'mov $0xe,%ebx'],
  ['4883c408', 'add $0x8,%rsp'],
  ['4883042403', 'addq $0x3,(%rsp)'],
  ['48cf', 'iretq'],
  // on_other:
  ['b0fe', 'mov $0xfe,%al'],
  ['e65e', 'out %al,$0x5e'],
  ['ebcd', 'jmp 0x10105'],
  // gdt_pointer: limit and base
  ['3f0000700081ffffffff', '.word 0x3f; .quad 0xffffffff81007000'],
  // idt_pointer:
  ['ff0f00800081ffffffff', '.word 0xfff; .quad 0xffffffff81008000'],
];

export const guestCode = Buffer.from(listing.map(([hex]) => hex).join(''), 'hex');
