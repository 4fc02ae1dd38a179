/** Seccomp of a running process: mode and count from /proc, and the filters themselves, read back from the kernel. */
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import { CancelledError, DecodeError, UnsupportedError, VmletError, errorCode } from '../../base/errors.ts';
import { hostRoots } from '../sysfs/roots.ts';
import { BPF_MAXINSNS, SECCOMP_RET_ACTION_FULL, SECCOMP_RET_DATA, SOCK_FILTER_BYTES } from './constants.ts';
import { decide } from './decide.ts';
import { decodeFilter } from './filter.ts';
import { auditArch, evaluateProfile } from './profile.ts';
import { systemCalls } from './syscalls.ts';
import type { BpfFilter, ProcessSeccomp, SeccompArch, SeccompProfile } from './types.ts';

const FILTERS_MAX = 64;
const OUTPUT_BYTES_MAX = FILTERS_MAX * BPF_MAXINSNS * SOCK_FILTER_BYTES * 2;
const DEFAULT_TIMEOUT_MS = 5000;
const MODES = ['disabled', 'strict', 'filter'] as const;

/** Seccomp fields of a thread (its pid for the main one); undefined when it is gone. */
export function checkProcess(pid: number, roots = hostRoots()): ProcessSeccomp | undefined {
  try {
    return parseSeccompStatus(fs.readFileSync(`${roots.procfs}/${pid}/status`, 'utf8'));
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ESRCH') {
      return undefined;
    }
    throw error;
  }
}

/** The Seccomp, Seccomp_filters and NoNewPrivs lines of /proc/<pid>/status. Throws DecodeError. */
export function parseSeccompStatus(text: string): ProcessSeccomp {
  const field = (name: string): number | undefined => {
    const value = new RegExp(`^${name}:\\s+(\\d{1,5})$`, 'm').exec(text)?.[1];
    return value === undefined ? undefined : Number(value);
  };
  const mode = MODES[field('Seccomp') ?? 0];
  if (mode === undefined) {
    throw new DecodeError(`unknown seccomp mode ${field('Seccomp')}`);
  }
  return { mode, filters: field('Seccomp_filters'), noNewPrivileges: field('NoNewPrivs') === 1 };
}

/**
 * Filters of a thread in the order of installation, by PTRACE_SECCOMP_GET_FILTER. The thread is stopped for well below a
 * millisecond. A process of its own does it: ptrace belongs to one thread, must not be mixed with Node's own waiting
 * for children, and if it is killed at the deadline the kernel detaches and the thread runs on.
 * Throws UnsupportedError without CAP_SYS_ADMIN, under a seccomp filter of our own, or on a kernel without
 * CONFIG_CHECKPOINT_RESTORE; CancelledError at the deadline; VmletError `SeccompRead` for anything else.
 */
export async function readFilters(tid: number, options: { readonly timeoutMs?: number } = {}): Promise<BpfFilter[]> {
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  const program = fileURLToPath(new URL('./filter-reader-child.ts', import.meta.url));
  const child = spawn(process.execPath, ['--no-warnings', program, `${tid}`], {
    stdio: ['ignore', 'pipe', 'ignore'],
    env: {},
  });
  let output = '';
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    child.kill('SIGKILL');
  }, timeoutMs);
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  child.once('error', (error) => resolve(error.message));
  child.once('close', (code, signal) => resolve(code === 0 ? undefined : `it ended with ${signal ?? code}`));
  child.stdout.setEncoding('latin1');
  child.stdout.on('data', (text: string) => {
    output += output.length < OUTPUT_BYTES_MAX ? text : '';
  });
  const ending = await promise;
  clearTimeout(timer);
  if (timedOut) {
    throw new CancelledError(`reading the seccomp filters of thread ${tid}: no answer within ${timeoutMs} ms`);
  }
  if (ending !== undefined) {
    throw new VmletError('SeccompRead', `reading the seccomp filters of thread ${tid}: ${ending}`);
  }
  return parseReaderOutput(output, tid);
}

/** The child's one line: `{"filters":["<hex>",...]}` or `{"error":"...","code":"EACCES"}`. */
function parseReaderOutput(output: string, tid: number): BpfFilter[] {
  const answer = JSON.parse(output) as {
    readonly filters?: readonly string[];
    readonly error?: string;
    readonly code?: string;
  };
  if (answer.filters !== undefined) {
    return answer.filters.map((hex) => decodeFilter(Buffer.from(hex, 'hex')));
  }
  const text = `reading the seccomp filters of thread ${tid}: ${answer.error ?? 'no answer'}`;
  switch (answer.code) {
    case 'EACCES':
    case 'EPERM':
      throw new UnsupportedError(`${text}: it needs CAP_SYS_ADMIN and a reader that has no seccomp filter itself`);
    case 'EINVAL':
    case 'EIO':
      throw new UnsupportedError(`${text}: the kernel lacks CONFIG_CHECKPOINT_RESTORE`);
    default:
      throw new VmletError('SeccompRead', text);
  }
}

export interface FilterDifference {
  readonly syscall: string;
  /** SECCOMP_RET_* with its data. */
  readonly expected: number;
  readonly actual: { readonly action: string; readonly data: number };
}

/**
 * Calls on which the filters of a process decide otherwise than the profile says. Every known call is asked with each
 * argument value that the profile names for it, its neighbours, and zero. More filters than the profile's own (QEMU's
 * `-sandbox on`) make a process stricter: those differences are right to appear.
 */
export function compareWithProfile(
  filters: readonly BpfFilter[],
  profile: SeccompProfile,
  arch: SeccompArch,
): FilterDifference[] {
  const differences: FilterDifference[] = [];
  for (const [syscall, number] of systemCalls[arch]) {
    for (const args of interestingArguments(profile, syscall)) {
      const expected = evaluateProfile(profile, arch, { number, args });
      const actual = decide(filters, { number, arch: auditArch[arch], args });
      const wanted = decide(
        [[{ code: 0x06, jt: 0, jf: 0, k: expected & (SECCOMP_RET_ACTION_FULL | SECCOMP_RET_DATA) }]],
        { number, arch: auditArch[arch] },
      );
      if (wanted.action !== actual.action || wanted.data !== actual.data) {
        differences.push({ syscall, expected, actual });
        break;
      }
    }
  }
  return differences;
}

function interestingArguments(profile: SeccompProfile, syscall: string): bigint[][] {
  const conditions = (profile.syscalls ?? [])
    .filter((rule) => rule.names.includes(syscall))
    .flatMap((rule) => rule.args ?? [])
    .slice(0, 256);
  const lists: bigint[][] = [[0n, 0n, 0n, 0n, 0n, 0n]];
  for (const condition of conditions) {
    const base = BigInt(condition.op === 'SCMP_CMP_MASKED_EQ' ? (condition.valueTwo ?? 0) : condition.value);
    for (const value of [base, base + 1n, base - 1n, base + (1n << 32n), BigInt(condition.value)]) {
      const args = [0n, 0n, 0n, 0n, 0n, 0n];
      args[condition.index] = BigInt.asUintN(64, value);
      lists.push(args);
    }
  }
  return lists;
}
