/** Resource limits of any process, without it taking part (prlimit(2)). */
import { assert } from '../../base/assert.ts';
import { errnoName, kernelError } from '../errno/errno.ts';
import { declare, errno } from '../ffi/ffi.ts';
import { RLIM_INFINITY, resources } from './constants.ts';

// Does not block. The structures are lent for the call. struct rlimit is two words on 64-bit machines.
const cPrlimit = declare('int prlimit(int pid, int resource, const void *wanted, void *before)');

const RLIMIT_BYTES = 16;

export type Resource = keyof typeof resources;

/** Bytes, seconds, microseconds or a count: getrlimit(2) says which for each resource. */
export type LimitValue = bigint | 'unlimited';

export interface ResourceLimit {
  /** What is enforced; the process may raise it up to `hard`. */
  readonly soft: LimitValue;
  readonly hard: LimitValue;
}

/** Undefined when there is no such process; 0 is our own. EPERM needs CAP_SYS_RESOURCE over the process's user namespace. */
export function readResourceLimit(pid: number, resource: Resource): ResourceLimit | undefined {
  return prlimit(pid, resource);
}

/** Sets both limits at once and gives those before. Undefined, and nothing set, when there is no such process. */
export function setResourceLimit(pid: number, resource: Resource, limit: ResourceLimit): ResourceLimit | undefined {
  return prlimit(pid, resource, limit);
}

/** Sets where `limit` is given; gives the limits before. */
export function prlimit(pid: number, resource: Resource, limit?: ResourceLimit): ResourceLimit | undefined {
  const before = Buffer.alloc(RLIMIT_BYTES);
  const wanted = limit === undefined ? null : encodeLimit(limit);
  if (cPrlimit(pid, resources[resource], wanted, before) === 0) {
    return { soft: decodeValue(before.readBigUInt64LE(0)), hard: decodeValue(before.readBigUInt64LE(8)) };
  }
  const number = errno();
  if (errnoName(number) === 'ESRCH') {
    return undefined;
  }
  const doing = limit === undefined ? resource : `${resource} to ${limit.soft}:${limit.hard}`;
  throw kernelError({ op: 'prlimit', target: `${doing} of process ${pid}`, errno: number });
}

function encodeLimit(limit: ResourceLimit): Buffer {
  const buffer = Buffer.alloc(RLIMIT_BYTES);
  buffer.writeBigUInt64LE(encodeValue(limit.soft), 0);
  buffer.writeBigUInt64LE(encodeValue(limit.hard), 8);
  return buffer;
}

function encodeValue(value: LimitValue): bigint {
  if (value === 'unlimited') {
    return RLIM_INFINITY;
  }
  assert(value >= 0n && value < RLIM_INFINITY, `limit ${value} does not fit`);
  return value;
}

function decodeValue(value: bigint): LimitValue {
  return value === RLIM_INFINITY ? 'unlimited' : value;
}
