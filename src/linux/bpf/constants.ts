/** UAPI values of linux/bpf.h and linux/bpf_common.h, verbatim names. */

/** System call number per machine (asm/unistd.h); libc has no wrapper. */
export const SYS_bpf: Readonly<Record<string, number>> = { x64: 321, arm64: 280 };

// enum bpf_cmd
export const BPF_MAP_CREATE = 0;
export const BPF_MAP_LOOKUP_ELEM = 1;
export const BPF_MAP_UPDATE_ELEM = 2;
export const BPF_MAP_GET_NEXT_KEY = 4;
export const BPF_PROG_LOAD = 5;
export const BPF_PROG_ATTACH = 8;
export const BPF_PROG_DETACH = 9;
export const BPF_PROG_GET_FD_BY_ID = 13;
export const BPF_MAP_GET_FD_BY_ID = 14;
export const BPF_OBJ_GET_INFO_BY_FD = 15;
export const BPF_PROG_QUERY = 16;

export const BPF_MAP_TYPE_HASH = 1;
export const BPF_PROG_TYPE_CGROUP_DEVICE = 15;
export const BPF_CGROUP_DEVICE = 6;

export const BPF_F_ALLOW_OVERRIDE = 1;
export const BPF_F_ALLOW_MULTI = 2;
export const BPF_F_REPLACE = 4;
export const BPF_F_QUERY_EFFECTIVE = 1;

export const BPF_OBJ_NAME_LEN = 16;
export const BPF_TAG_SIZE = 8;
/** The kernel refuses more attached programs per cgroup (BPF_CGROUP_MAX_PROGS). */
export const BPF_CGROUP_MAX_PROGS = 64;

/** access_type of struct bpf_cgroup_dev_ctx is (BPF_DEVCG_ACC_* << 16) | BPF_DEVCG_DEV_*. */
export const BPF_DEVCG_ACC_MKNOD = 1;
export const BPF_DEVCG_ACC_READ = 2;
export const BPF_DEVCG_ACC_WRITE = 4;
export const BPF_DEVCG_DEV_BLOCK = 1;
export const BPF_DEVCG_DEV_CHAR = 2;

// Instruction classes.
export const BPF_LD = 0x00;
export const BPF_LDX = 0x01;
export const BPF_ST = 0x02;
export const BPF_STX = 0x03;
export const BPF_ALU = 0x04;
export const BPF_JMP = 0x05;
export const BPF_JMP32 = 0x06;
export const BPF_ALU64 = 0x07;

// Sizes and modes of loads and stores.
export const BPF_W = 0x00;
export const BPF_H = 0x08;
export const BPF_B = 0x10;
export const BPF_DW = 0x18;
export const BPF_IMM = 0x00;
export const BPF_MEM = 0x60;

// Operations of BPF_ALU and BPF_ALU64.
export const aluOperations = {
  0x00: 'add',
  0x10: 'sub',
  0x20: 'mul',
  0x30: 'div',
  0x40: 'or',
  0x50: 'and',
  0x60: 'lsh',
  0x70: 'rsh',
  0x80: 'neg',
  0x90: 'mod',
  0xa0: 'xor',
  0xb0: 'mov',
  0xc0: 'arsh',
} as const;

// Operations of BPF_JMP and BPF_JMP32 that compare two values.
export const jumpOperations = {
  0x10: 'jeq',
  0x20: 'jgt',
  0x30: 'jge',
  0x40: 'jset',
  0x50: 'jne',
  0x60: 'jsgt',
  0x70: 'jsge',
  0xa0: 'jlt',
  0xb0: 'jle',
  0xc0: 'jslt',
  0xd0: 'jsle',
} as const;

export const BPF_JA = 0x00;
export const BPF_CALL = 0x80;
export const BPF_EXIT = 0x90;
/** The operand is a register, not the immediate. */
export const BPF_X = 0x08;

/** src_reg of a 64-bit immediate load whose value is a map: by descriptor when loading, by id when read back. */
export const BPF_PSEUDO_MAP_FD = 1;
export const BPF_FUNC_map_lookup_elem = 1;
