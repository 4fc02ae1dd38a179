/** Seccomp profiles in OCI form: checking, compiling to a filter, and what they decide. Pure. */
import { unreachable } from '../../base/assert.ts';
import { UnsupportedError } from '../../base/errors.ts';
import {
  AUDIT_ARCH_AARCH64,
  AUDIT_ARCH_X86_64,
  BPF_ABS,
  BPF_ALU,
  BPF_AND,
  BPF_JEQ,
  BPF_JGE,
  BPF_JGT,
  BPF_JMP,
  BPF_K,
  BPF_LD,
  BPF_MAXINSNS,
  BPF_RET,
  BPF_W,
  SECCOMP_DATA_ARCH_OFFSET,
  SECCOMP_DATA_ARGS_OFFSET,
  SECCOMP_RET_ALLOW,
  SECCOMP_RET_ERRNO,
  SECCOMP_RET_KILL_PROCESS,
  SECCOMP_RET_KILL_THREAD,
  SECCOMP_RET_LOG,
  SECCOMP_RET_TRACE,
  SECCOMP_RET_TRAP,
  SECCOMP_RET_USER_NOTIF,
} from './constants.ts';
import { isSystemCallName, systemCalls } from './syscalls.ts';
import type { BpfFilter, BpfInstruction, OciAction, OciArgument, SeccompArch, SeccompProfile } from './types.ts';

/** SECCOMP_RET_* of the actions of OCI profiles. */
export const actionValues: Readonly<Record<OciAction, number>> = {
  SCMP_ACT_KILL: SECCOMP_RET_KILL_THREAD,
  SCMP_ACT_KILL_THREAD: SECCOMP_RET_KILL_THREAD,
  SCMP_ACT_KILL_PROCESS: SECCOMP_RET_KILL_PROCESS,
  SCMP_ACT_TRAP: SECCOMP_RET_TRAP,
  SCMP_ACT_ERRNO: SECCOMP_RET_ERRNO,
  SCMP_ACT_TRACE: SECCOMP_RET_TRACE,
  SCMP_ACT_NOTIFY: SECCOMP_RET_USER_NOTIF,
  SCMP_ACT_LOG: SECCOMP_RET_LOG,
  SCMP_ACT_ALLOW: SECCOMP_RET_ALLOW,
};
/** runc's errno where a profile names none. */
const EPERM = 1;
/** __X32_SYSCALL_BIT of asm/unistd.h. */
const X32_SYSCALL_BIT = 0x4000_0000;

/** AUDIT_ARCH_* of the machine, which a filter sees. */
export const auditArch: Readonly<Record<SeccompArch, number>> = {
  x64: AUDIT_ARCH_X86_64,
  arm64: AUDIT_ARCH_AARCH64,
};

/**
 * What is wrong with a profile, a sentence each: calls that no machine knows (misspelt: they would be left out silently),
 * an architecture list without this machine, a call with two unconditional actions.
 */
export function findProfileProblems(profile: SeccompProfile, arch: SeccompArch): string[] {
  const problems: string[] = [];
  const wanted = arch === 'x64' ? 'SCMP_ARCH_X86_64' : 'SCMP_ARCH_AARCH64';
  if (
    profile.architectures !== undefined &&
    profile.architectures.length > 0 &&
    !profile.architectures.includes(wanted)
  ) {
    problems.push(`architectures leaves out ${wanted}: every call of this machine would be refused`);
  }
  const unconditional = new Map<string, string>();
  for (const rule of profile.syscalls ?? []) {
    for (const name of rule.names) {
      if (!isSystemCallName(name)) {
        problems.push(`"${name}" is no system call of any machine: correct its spelling or take it out`);
      }
      if ((rule.args ?? []).length === 0) {
        const before = unconditional.get(name);
        if (before !== undefined && before !== rule.action) {
          problems.push(`"${name}" has both ${before} and ${rule.action}: keep one`);
        }
        unconditional.set(name, before ?? rule.action);
      }
    }
  }
  return problems;
}

interface Clause {
  readonly args: readonly OciArgument[];
  readonly result: number;
}

/**
 * Rules per system call number, as libseccomp has them: a rule that repeats the default action is dropped, one without
 * conditions stands for all others of its call, and several conditions on one argument are alternatives.
 */
function collectClauses(profile: SeccompProfile, arch: SeccompArch): ReadonlyMap<number, readonly Clause[]> {
  const byNumber = new Map<number, Clause[]>();
  const defaultResult = resultOf(profile.defaultAction, profile.defaultErrnoRet);
  for (const rule of profile.syscalls ?? []) {
    const result = resultOf(rule.action, rule.errnoRet);
    for (const number of rule.names.flatMap((name) => systemCalls[arch].get(name) ?? [])) {
      if (result === defaultResult) {
        continue;
      }
      const args = rule.args ?? [];
      const isRepeated = new Set(args.map((arg) => arg.index)).size < args.length;
      const clauses = isRepeated ? args.map((arg) => ({ args: [arg], result })) : [{ args, result }];
      byNumber.set(number, [...(byNumber.get(number) ?? []), ...clauses]);
    }
  }
  for (const [number, clauses] of byNumber) {
    const whole = clauses.find((clause) => clause.args.length === 0);
    byNumber.set(number, whole === undefined ? clauses : [whole]);
  }
  return byNumber;
}

function resultOf(name: OciAction, errnoRet: number | undefined): number {
  const value = actionValues[name];
  const takesData = value === SECCOMP_RET_ERRNO || value === SECCOMP_RET_TRACE;
  return takesData ? (value | (errnoRet ?? EPERM)) >>> 0 : value;
}

/**
 * SECCOMP_RET_* value that the profile means for a call, by its model alone. It is what `compileProfile` and a runtime's
 * filter must come to.
 */
export function evaluateProfile(
  profile: SeccompProfile,
  arch: SeccompArch,
  call: { readonly number: number; readonly args?: readonly bigint[] },
): number {
  if (arch === 'x64' && call.number >>> 0 >= X32_SYSCALL_BIT) {
    return SECCOMP_RET_KILL_PROCESS;
  }
  const clauses = collectClauses(profile, arch).get(call.number) ?? [];
  const match = clauses.find((clause) => clause.args.every((arg) => isMet(arg, call.args?.[arg.index] ?? 0n)));
  return match?.result ?? resultOf(profile.defaultAction, profile.defaultErrnoRet);
}

function isMet(arg: OciArgument, given: bigint): boolean {
  const actual = BigInt.asUintN(64, given);
  const value = BigInt(arg.value);
  switch (arg.op) {
    case 'SCMP_CMP_NE':
      return actual !== value;
    case 'SCMP_CMP_LT':
      return actual < value;
    case 'SCMP_CMP_LE':
      return actual <= value;
    case 'SCMP_CMP_EQ':
      return actual === value;
    case 'SCMP_CMP_GE':
      return actual >= value;
    case 'SCMP_CMP_GT':
      return actual > value;
    case 'SCMP_CMP_MASKED_EQ':
      return (actual & value) === BigInt(arg.valueTwo ?? 0);
    default:
      return unreachable(arg.op);
  }
}

/**
 * A filter that decides as the profile says, for the one machine; calls of any other kill the process. Throws
 * UnsupportedError when the profile has a problem (`findProfileProblems`) or is too large for one filter.
 */
export function compileProfile(profile: SeccompProfile, arch: SeccompArch): BpfFilter {
  const problems = findProfileProblems(profile, arch);
  if (problems.length > 0) {
    throw new UnsupportedError(`the seccomp profile cannot be used: ${problems.join('; ')}`);
  }
  const filter: BpfInstruction[] = [
    loadWord(SECCOMP_DATA_ARCH_OFFSET),
    jump(BPF_JEQ, auditArch[arch], { yes: 1, no: 0 }),
    giveBack(SECCOMP_RET_KILL_PROCESS),
    loadWord(0),
    // Calls of the x32 ABI have the same architecture and other numbers: a list of refused names would not hold them.
    ...(arch === 'x64' ? [jump(BPF_JGE, X32_SYSCALL_BIT, { yes: 0, no: 1 }), giveBack(SECCOMP_RET_KILL_PROCESS)] : []),
  ];
  const clausesByNumber = collectClauses(profile, arch);
  for (const [number, clauses] of clausesByNumber) {
    const body = clauses.flatMap(compileClause);
    // A long jump, since a body may be longer than the 255 instructions of a condition's reach.
    filter.push(jump(BPF_JEQ, number, { yes: 1, no: 0 }), { code: BPF_JMP, jt: 0, jf: 0, k: body.length + 1 }, ...body);
    filter.push(giveBack(resultOf(profile.defaultAction, profile.defaultErrnoRet)));
  }
  filter.push(giveBack(resultOf(profile.defaultAction, profile.defaultErrnoRet)));
  if (filter.length > BPF_MAXINSNS) {
    throw new UnsupportedError(
      `the seccomp profile makes ${filter.length} instructions, more than ${BPF_MAXINSNS}: name fewer calls`,
    );
  }
  return filter;
}

/** Returns the clause's result when all conditions hold, and goes on behind it otherwise. */
function compileClause(clause: Clause): BpfInstruction[] {
  const checks = clause.args.map(compileCheck);
  const total = checks.reduce((sum, check) => sum + check.length + 1, 0);
  let position = 0;
  const body = checks.flatMap((check) => {
    position += check.length + 1;
    // Each check ends by going one step on when met, and to its own exit when not.
    return [...check, { code: BPF_JMP, jt: 0, jf: 0, k: total - position + 1 }];
  });
  return [...body, giveBack(clause.result)];
}

/** Instructions that skip exactly one instruction behind them when the condition holds, and none when it does not. */
function compileCheck(arg: OciArgument): BpfInstruction[] {
  const low = SECCOMP_DATA_ARGS_OFFSET + arg.index * 8;
  const high = low + 4;
  const [valueHigh, valueLow] = words(arg.value);
  switch (arg.op) {
    case 'SCMP_CMP_EQ':
      return [
        loadWord(high),
        jump(BPF_JEQ, valueHigh, { yes: 0, no: 2 }),
        loadWord(low),
        jump(BPF_JEQ, valueLow, { yes: 1, no: 0 }),
      ];
    case 'SCMP_CMP_NE':
      return [
        loadWord(high),
        jump(BPF_JEQ, valueHigh, { yes: 0, no: 3 }),
        loadWord(low),
        jump(BPF_JEQ, valueLow, { yes: 0, no: 1 }),
      ];
    case 'SCMP_CMP_GT':
    case 'SCMP_CMP_GE':
      return [
        loadWord(high),
        jump(BPF_JGT, valueHigh, { yes: 4, no: 0 }),
        jump(BPF_JEQ, valueHigh, { yes: 0, no: 2 }),
        loadWord(low),
        jump(arg.op === 'SCMP_CMP_GT' ? BPF_JGT : BPF_JGE, valueLow, { yes: 1, no: 0 }),
      ];
    case 'SCMP_CMP_LT':
    case 'SCMP_CMP_LE':
      return [
        loadWord(high),
        jump(BPF_JGT, valueHigh, { yes: 3, no: 0 }),
        jump(BPF_JEQ, valueHigh, { yes: 0, no: 3 }),
        loadWord(low),
        jump(arg.op === 'SCMP_CMP_LT' ? BPF_JGE : BPF_JGT, valueLow, { yes: 0, no: 1 }),
      ];
    case 'SCMP_CMP_MASKED_EQ': {
      const [wantedHigh, wantedLow] = words(arg.valueTwo ?? 0);
      return [
        loadWord(high),
        { code: BPF_ALU | BPF_AND | BPF_K, jt: 0, jf: 0, k: valueHigh },
        jump(BPF_JEQ, wantedHigh, { yes: 0, no: 3 }),
        loadWord(low),
        { code: BPF_ALU | BPF_AND | BPF_K, jt: 0, jf: 0, k: valueLow },
        jump(BPF_JEQ, wantedLow, { yes: 1, no: 0 }),
      ];
    }
    default:
      return unreachable(arg.op);
  }
}

function words(value: number): readonly [high: number, low: number] {
  return [Math.floor(value / 2 ** 32), value % 2 ** 32];
}

function loadWord(offset: number): BpfInstruction {
  return { code: BPF_LD | BPF_W | BPF_ABS, jt: 0, jf: 0, k: offset };
}

function jump(condition: number, k: number, skip: { readonly yes: number; readonly no: number }): BpfInstruction {
  return { code: BPF_JMP | condition | BPF_K, jt: skip.yes, jf: skip.no, k };
}

function giveBack(value: number): BpfInstruction {
  return { code: BPF_RET | BPF_K, jt: 0, jf: 0, k: value };
}
