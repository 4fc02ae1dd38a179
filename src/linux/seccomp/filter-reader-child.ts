/**
 * Child process of `readFilters`: seizes the thread named as argument, reads its filters, lets it go, and writes one
 * JSON line. It holds the thread only between PTRACE_INTERRUPT and PTRACE_DETACH, and prints after that.
 */
import fs from 'node:fs';
import { errorCode, errorMessage } from '../../base/errors.ts';
import { check, declare, errno } from '../ffi/ffi.ts';
import { errnoName } from '../errno/errno.ts';
import {
  BPF_MAXINSNS,
  PTRACE_DETACH,
  PTRACE_INTERRUPT,
  PTRACE_SECCOMP_GET_FILTER,
  PTRACE_SEIZE,
  SOCK_FILTER_BYTES,
} from './constants.ts';

// ptrace does not block. waitpid blocks until the thread has stopped: the parent kills this process at its deadline.
// Buffers are lent for the call.
const cPtrace = declare('long ptrace(long request, int pid, unsigned long address, void *data)');
const cWaitpid = declare('int waitpid(int pid, void *status, int options)');

const __WALL = 0x4000_0000;
const FILTERS_MAX = 64;
const STDOUT = 1;

/** Reads all filters of a thread that this process has stopped, the oldest first. */
function readStopped(tid: number): string[] {
  const filters: string[] = [];
  for (let index = 0; index < FILTERS_MAX; index += 1) {
    const buffer = Buffer.alloc(BPF_MAXINSNS * SOCK_FILTER_BYTES);
    const count = cPtrace(PTRACE_SECCOMP_GET_FILTER, tid, index, buffer);
    // ENOENT: no filter of this number. EINVAL at once: the thread has none (or the kernel has no such request).
    if (count < 0 && (errnoName(errno()) === 'ENOENT' || (index === 0 && hasNoFilter(tid)))) {
      return filters;
    }
    check(count, 'PTRACE_SECCOMP_GET_FILTER', `thread ${tid}`);
    filters.push(buffer.toString('hex', 0, count * SOCK_FILTER_BYTES));
  }
  return filters;
}

function hasNoFilter(tid: number): boolean {
  return !/^Seccomp:\s+2$/m.test(fs.readFileSync(`/proc/${tid}/status`, 'utf8'));
}

function read(tid: number): string[] {
  const target = `thread ${tid}`;
  check(cPtrace(PTRACE_SEIZE, tid, 0, null), 'PTRACE_SEIZE', target);
  try {
    check(cPtrace(PTRACE_INTERRUPT, tid, 0, null), 'PTRACE_INTERRUPT', target);
    check(cWaitpid(tid, Buffer.alloc(4), __WALL), 'waitpid', target);
    return readStopped(tid);
  } finally {
    // A thread that has ended in between needs no detaching.
    cPtrace(PTRACE_DETACH, tid, 0, null);
  }
}

function answer(): object {
  const tid = Number(process.argv[2]);
  try {
    return { filters: read(tid) };
  } catch (error) {
    return { error: errorMessage(error), code: errorCode(error) };
  }
}

fs.writeSync(STDOUT, JSON.stringify(answer()));
