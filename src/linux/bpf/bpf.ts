/** The bpf(2) system call, as far as programs on cgroups and their maps need it. Needs CAP_BPF and CAP_NET_ADMIN, or root. */
import { UnsupportedError } from '../../base/errors.ts';
import { kernelError } from '../errno/errno.ts';
import { Fd } from '../fd/fd.ts';
import { addressOf, declare, errno } from '../ffi/ffi.ts';
import {
  MAP_INFO_BYTES,
  PROGRAM_INFO_BYTES,
  decodeMapInfo,
  decodeProgramInfo,
  decodeProgramLengths,
  decodeQuery,
  encodeAttach,
  encodeElement,
  encodeId,
  encodeInfo,
  encodeLoad,
  encodeMapCreate,
  encodeProgramInfoRequest,
  encodeQuery,
  type Attribute,
} from './attributes.ts';
import * as uapi from './constants.ts';
import { INSTRUCTION_BYTES } from './instruction.ts';
import type { AttachedPrograms, MapEntry, MapInfo, ProgramInfo } from './types.ts';

// Never waits for anything but the verifier, which is bounded. The attribute and all that it points to are lent for the call.
const cBpf = declare('long syscall(long number, int command, void *attribute, unsigned int size)');

const LOG_BYTES = 64 * 1024;
const LOG_SHOWN_CHARACTERS = 2048;
const RACE_RETRIES_MAX = 4;
/** More entries than any map of device rules has. */
const MAP_ENTRIES_MAX = 4096;

interface Call {
  readonly command: number;
  readonly op: string;
  readonly target: string;
}

function call({ command, op, target }: Call, attribute: Attribute, log?: Buffer): number {
  const number = uapi.SYS_bpf[process.arch];
  if (number === undefined) {
    throw new UnsupportedError(`no system call number of bpf for ${process.arch}; x64 and arm64 are supported`);
  }
  const result = cBpf(number, command, attribute.buffer, attribute.declaredBytes);
  if (result < 0) {
    throw kernelError({ op, target, errno: errno(), extack: log === undefined ? undefined : verifierText(log) });
  }
  return result;
}

/** The end of the verifier's log: the instruction that it refused and why. */
function verifierText(log: Buffer): string {
  const end = log.indexOf(0);
  return log
    .toString('latin1', 0, end < 0 ? log.length : end)
    .trim()
    .slice(-LOG_SHOWN_CHARACTERS);
}

export interface ProgramToLoad {
  /** At most 15 letters, digits, `_` and `.`: what `bpftool` shows. */
  readonly name: string;
  /** Encoded instructions. */
  readonly instructions: Buffer;
  readonly type: number;
  readonly attachType: number;
}

/**
 * Has the kernel verify and load a program. A refusal carries the end of the verifier's log. EPERM before Linux 5.11 may
 * also mean that RLIMIT_MEMLOCK is too small. The program lives as long as the descriptor or what it is attached to.
 */
export function loadProgram(program: ProgramToLoad): Fd {
  const license = Buffer.from('Apache-2.0\0');
  const target = `program "${program.name}"`;
  const fields = {
    programType: program.type,
    instructionCount: program.instructions.length / INSTRUCTION_BYTES,
    instructionsAddress: addressOf(program.instructions),
    licenseAddress: addressOf(license),
    name: program.name,
    expectedAttachType: program.attachType,
  };
  const load = { command: uapi.BPF_PROG_LOAD, op: 'BPF_PROG_LOAD', target };
  try {
    return new Fd(call(load, encodeLoad(fields)), `eBPF ${target}`);
  } catch {
    // The log costs time, so it is asked for only now. This second load may also succeed: memory was short before.
    const log = Buffer.alloc(LOG_BYTES);
    const attribute = encodeLoad({ ...fields, log: { address: addressOf(log), bytes: log.length } });
    return new Fd(call(load, attribute, log), `eBPF ${target}`);
  }
}

export interface Attachment {
  readonly cgroup: Fd;
  readonly program: Fd;
  readonly attachType: number;
  /** BPF_F_ALLOW_*; must be those of the programs already there. */
  readonly flags: number;
  /** This attached program makes place, in one step. Linux 5.6. */
  readonly replace?: Fd;
}

export function attachProgram(attachment: Attachment): void {
  const { cgroup, program, attachType, replace } = attachment;
  const flags = attachment.flags | (replace === undefined ? 0 : uapi.BPF_F_REPLACE);
  call(
    { command: uapi.BPF_PROG_ATTACH, op: 'BPF_PROG_ATTACH', target: `${program.label} to ${cgroup.label}` },
    encodeAttach({ target: cgroup.value, program: program.value, attachType, flags, replace: replace?.value }),
  );
}

/** ENOENT when it is not attached there. */
export function detachProgram(attachment: Omit<Attachment, 'flags' | 'replace'>): void {
  const { cgroup, program, attachType } = attachment;
  call(
    { command: uapi.BPF_PROG_DETACH, op: 'BPF_PROG_DETACH', target: `${program.label} from ${cgroup.label}` },
    encodeAttach({ target: cgroup.value, program: program.value, attachType, flags: 0 }),
  );
}

/** Programs attached to the cgroup itself, or with `effective` all that run for it, those of its ancestors first or last. */
export function queryPrograms(
  cgroup: Fd,
  attachType: number,
  options: { readonly effective?: boolean } = {},
): AttachedPrograms {
  const ids = Buffer.alloc(4 * 4 * uapi.BPF_CGROUP_MAX_PROGS);
  const attribute = encodeQuery({
    target: cgroup.value,
    attachType,
    queryFlags: options.effective === true ? uapi.BPF_F_QUERY_EFFECTIVE : 0,
    idsAddress: addressOf(ids),
    idsMax: ids.length / 4,
  });
  call({ command: uapi.BPF_PROG_QUERY, op: 'BPF_PROG_QUERY', target: cgroup.label }, attribute);
  const { flags, count } = decodeQuery(attribute.buffer);
  const shown = Math.min(count, ids.length / 4);
  return { flags, ids: Array.from({ length: shown }, (_, index) => ids.readUInt32LE(index * 4)) };
}

/** undefined when the program has gone. */
export function openProgram(id: number): Fd | undefined {
  return openById({ command: uapi.BPF_PROG_GET_FD_BY_ID, op: 'BPF_PROG_GET_FD_BY_ID', target: `program ${id}` }, id);
}

export function openMap(id: number): Fd | undefined {
  return openById({ command: uapi.BPF_MAP_GET_FD_BY_ID, op: 'BPF_MAP_GET_FD_BY_ID', target: `map ${id}` }, id);
}

function openById(what: Call, id: number): Fd | undefined {
  return whereThere(() => new Fd(call(what, encodeId(id)), `eBPF ${what.target}`));
}

function whereThere<T>(ask: () => T): T | undefined {
  try {
    return ask();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
      return undefined;
    }
    throw error;
  }
}

export function readProgramInfo(program: Fd): ProgramInfo {
  const target = program.label;
  const ask = (info: Buffer): void =>
    void call(
      { command: uapi.BPF_OBJ_GET_INFO_BY_FD, op: 'BPF_OBJ_GET_INFO_BY_FD', target },
      encodeInfo({ fd: program.value, address: addressOf(info), bytes: PROGRAM_INFO_BYTES }),
    );
  const none = { instructionsAddress: 0n, instructionsBytes: 0, mapIdsAddress: 0n, mapIds: 0 };
  const lengthsOnly = encodeProgramInfoRequest(none);
  ask(lengthsOnly);
  const { instructionsBytes, mapIds } = decodeProgramLengths(lengthsOnly);
  const instructions = Buffer.alloc(instructionsBytes);
  const ids = Buffer.alloc(mapIds * 4);
  const info = encodeProgramInfoRequest({
    instructionsAddress: instructionsBytes === 0 ? 0n : addressOf(instructions),
    instructionsBytes,
    mapIdsAddress: mapIds === 0 ? 0n : addressOf(ids),
    mapIds,
  });
  ask(info);
  // A kernel that hides instructions from this process (kptr_restrict, bpf_dump_raw_ok) clears the address.
  const shown = instructionsBytes > 0 && info.readBigUInt64LE(32) !== 0n;
  return decodeProgramInfo(info, shown ? instructions : Buffer.alloc(0), ids);
}

export function createMap(map: Omit<MapInfo, 'id'>): Fd {
  const target = `map "${map.name}"`;
  return new Fd(
    call({ command: uapi.BPF_MAP_CREATE, op: 'BPF_MAP_CREATE', target }, encodeMapCreate(map)),
    `eBPF ${target}`,
  );
}

export function updateMap(map: Fd, entry: MapEntry): void {
  call(
    { command: uapi.BPF_MAP_UPDATE_ELEM, op: 'BPF_MAP_UPDATE_ELEM', target: map.label },
    encodeElement({ map: map.value, keyAddress: addressOf(entry.key), otherAddress: addressOf(entry.value) }),
  );
}

export function readMapInfo(map: Fd): MapInfo {
  const info = Buffer.alloc(MAP_INFO_BYTES);
  call(
    { command: uapi.BPF_OBJ_GET_INFO_BY_FD, op: 'BPF_OBJ_GET_INFO_BY_FD', target: map.label },
    encodeInfo({ fd: map.value, address: addressOf(info), bytes: info.length }),
  );
  return decodeMapInfo(info);
}

/**
 * All entries of a map, or undefined when it has more than 4096 or changes too fast to be read: an entry that goes
 * between two steps makes the kernel start again from the first.
 */
export function readMapEntries(map: Fd, info: MapInfo): MapEntry[] | undefined {
  for (let attempt = 0; attempt < RACE_RETRIES_MAX; attempt += 1) {
    const entries = readEntriesOnce(map, info);
    if (entries !== 'changed') {
      return entries;
    }
  }
  return undefined;
}

function readEntriesOnce(map: Fd, info: MapInfo): MapEntry[] | 'changed' | undefined {
  const entries: MapEntry[] = [];
  const seen = new Set<string>();
  let key: Buffer | undefined;
  for (;;) {
    const next = nextKey(map, info, key);
    if (next === undefined) {
      return entries;
    }
    if (entries.length === MAP_ENTRIES_MAX) {
      return undefined;
    }
    const value = lookUp(map, info, next);
    const name = next.toString('hex');
    if (value === undefined || seen.has(name)) {
      return 'changed';
    }
    seen.add(name);
    entries.push({ key: next, value });
    key = next;
  }
}

function nextKey(map: Fd, info: MapInfo, key: Buffer | undefined): Buffer | undefined {
  const next = Buffer.alloc(info.keyBytes);
  return whereThere(() => {
    call(
      { command: uapi.BPF_MAP_GET_NEXT_KEY, op: 'BPF_MAP_GET_NEXT_KEY', target: map.label },
      encodeElement({
        map: map.value,
        keyAddress: key === undefined ? 0n : addressOf(key),
        otherAddress: addressOf(next),
      }),
    );
    return next;
  });
}

function lookUp(map: Fd, info: MapInfo, key: Buffer): Buffer | undefined {
  const value = Buffer.alloc(info.valueBytes);
  return whereThere(() => {
    call(
      { command: uapi.BPF_MAP_LOOKUP_ELEM, op: 'BPF_MAP_LOOKUP_ELEM', target: map.label },
      encodeElement({ map: map.value, keyAddress: addressOf(key), otherAddress: addressOf(value) }),
    );
    return value;
  });
}
