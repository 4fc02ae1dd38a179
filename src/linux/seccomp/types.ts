/** Machines by Node's names. */
export type SeccompArch = 'x64' | 'arm64';

export type OciAction =
  | 'SCMP_ACT_KILL'
  | 'SCMP_ACT_KILL_THREAD'
  | 'SCMP_ACT_KILL_PROCESS'
  | 'SCMP_ACT_TRAP'
  | 'SCMP_ACT_ERRNO'
  | 'SCMP_ACT_TRACE'
  | 'SCMP_ACT_NOTIFY'
  | 'SCMP_ACT_LOG'
  | 'SCMP_ACT_ALLOW';

export type OciOperator =
  | 'SCMP_CMP_NE'
  | 'SCMP_CMP_LT'
  | 'SCMP_CMP_LE'
  | 'SCMP_CMP_EQ'
  | 'SCMP_CMP_GE'
  | 'SCMP_CMP_GT'
  | 'SCMP_CMP_MASKED_EQ';

/** A condition on one argument, compared as unsigned 64-bit values. */
export interface OciArgument {
  /** 0 to 5. */
  readonly index: number;
  /** For SCMP_CMP_MASKED_EQ the mask, otherwise what is compared with. At most 2^53 - 1, as JSON has no more. */
  readonly value: number;
  /** For SCMP_CMP_MASKED_EQ what the masked argument must be. */
  readonly valueTwo?: number;
  readonly op: OciOperator;
}

export interface OciSyscallRule {
  readonly names: readonly string[];
  readonly action: OciAction;
  readonly errnoRet?: number;
  readonly args?: readonly OciArgument[];
}

/** `linux.seccomp` of the OCI runtime specification (config-linux.md), the members that a profile file has. */
export interface SeccompProfile {
  readonly defaultAction: OciAction;
  readonly defaultErrnoRet?: number;
  readonly architectures?: readonly string[];
  readonly flags?: readonly string[];
  readonly syscalls?: readonly OciSyscallRule[];
}

/** One classic BPF instruction (struct sock_filter). */
export interface BpfInstruction {
  readonly code: number;
  /** Instructions to skip when a jump's condition holds, and when not. */
  readonly jt: number;
  readonly jf: number;
  readonly k: number;
}

/** A filter that passed `decodeFilter`: it ends, and reads nothing beyond its data. */
export type BpfFilter = readonly BpfInstruction[];

export interface SystemCall {
  readonly number: number;
  /** AUDIT_ARCH_* value. */
  readonly arch: number;
  /** Up to six; missing ones are 0. */
  readonly args?: readonly bigint[];
}

export interface SeccompDecision {
  readonly action: 'kill-process' | 'kill-thread' | 'trap' | 'errno' | 'user-notify' | 'trace' | 'log' | 'allow';
  /** Lower 16 bits: the errno, or what a tracer gets. */
  readonly data: number;
}

export interface ProcessSeccomp {
  readonly mode: 'disabled' | 'strict' | 'filter';
  /** Undefined before Linux 5.9. */
  readonly filters: number | undefined;
  readonly noNewPrivileges: boolean;
}
