/**
 * Forms of union bpf_attr and struct bpf_prog_info. Each function gives the buffer and the number of bytes to declare:
 * newer kernels write some answers behind what an older caller declares, so every buffer is larger than that. Pure.
 */
import { DecodeError, VmletError } from '../../base/errors.ts';
import { BPF_OBJ_NAME_LEN, BPF_TAG_SIZE } from './constants.ts';
import type { MapInfo, ProgramInfo } from './types.ts';

const ATTRIBUTE_BYTES = 256;

export interface Attribute {
  readonly buffer: Buffer;
  readonly declaredBytes: number;
}

export interface LoadFields {
  readonly programType: number;
  readonly instructionCount: number;
  readonly instructionsAddress: bigint;
  readonly licenseAddress: bigint;
  readonly name: string;
  readonly expectedAttachType: number;
  readonly log?: { readonly address: bigint; readonly bytes: number };
}

export function encodeLoad(fields: LoadFields): Attribute {
  const buffer = Buffer.alloc(ATTRIBUTE_BYTES);
  buffer.writeUInt32LE(fields.programType, 0);
  buffer.writeUInt32LE(fields.instructionCount, 4);
  buffer.writeBigUInt64LE(fields.instructionsAddress, 8);
  buffer.writeBigUInt64LE(fields.licenseAddress, 16);
  if (fields.log !== undefined) {
    buffer.writeUInt32LE(1, 24);
    buffer.writeUInt32LE(fields.log.bytes, 28);
    buffer.writeBigUInt64LE(fields.log.address, 32);
  }
  buffer.write(checkedName(fields.name), 48, 'latin1');
  buffer.writeUInt32LE(fields.expectedAttachType, 68);
  return { buffer, declaredBytes: 72 };
}

/** The kernel takes letters, digits, `_` and `.` (bpf_obj_name_cpy). */
function checkedName(name: string): string {
  if (!/^[A-Za-z0-9_.]*$/.test(name) || name.length >= BPF_OBJ_NAME_LEN) {
    throw new VmletError('BadBpfName', `"${name}" is no name of an eBPF object: at most 15 of A-Z a-z 0-9 _ .`);
  }
  return name;
}

export interface AttachFields {
  readonly target: number;
  readonly program: number;
  readonly attachType: number;
  readonly flags: number;
  readonly replace?: number | undefined;
}

export function encodeAttach(fields: AttachFields): Attribute {
  const buffer = Buffer.alloc(ATTRIBUTE_BYTES);
  buffer.writeUInt32LE(fields.target, 0);
  buffer.writeUInt32LE(fields.program, 4);
  buffer.writeUInt32LE(fields.attachType, 8);
  buffer.writeUInt32LE(fields.flags, 12);
  buffer.writeUInt32LE(fields.replace ?? 0, 16);
  return { buffer, declaredBytes: fields.replace === undefined ? 16 : 20 };
}

export interface QueryFields {
  readonly target: number;
  readonly attachType: number;
  readonly queryFlags: number;
  readonly idsAddress: bigint;
  readonly idsMax: number;
}

export function encodeQuery(fields: QueryFields): Attribute {
  const buffer = Buffer.alloc(ATTRIBUTE_BYTES);
  buffer.writeUInt32LE(fields.target, 0);
  buffer.writeUInt32LE(fields.attachType, 4);
  buffer.writeUInt32LE(fields.queryFlags, 8);
  buffer.writeBigUInt64LE(fields.idsAddress, 16);
  buffer.writeUInt32LE(fields.idsMax, 24);
  return { buffer, declaredBytes: 28 };
}

export function decodeQuery(answer: Buffer): { readonly flags: number; readonly count: number } {
  return { flags: answer.readUInt32LE(12), count: answer.readUInt32LE(24) };
}

/** BPF_*_GET_FD_BY_ID. */
export function encodeId(id: number): Attribute {
  const buffer = Buffer.alloc(ATTRIBUTE_BYTES);
  buffer.writeUInt32LE(id, 0);
  return { buffer, declaredBytes: 12 };
}

/** BPF_OBJ_GET_INFO_BY_FD. */
export function encodeInfo(fields: {
  readonly fd: number;
  readonly address: bigint;
  readonly bytes: number;
}): Attribute {
  const buffer = Buffer.alloc(ATTRIBUTE_BYTES);
  buffer.writeUInt32LE(fields.fd, 0);
  buffer.writeUInt32LE(fields.bytes, 4);
  buffer.writeBigUInt64LE(fields.address, 8);
  return { buffer, declaredBytes: 16 };
}

/** BPF_MAP_LOOKUP_ELEM, _UPDATE_ELEM, _GET_NEXT_KEY: `other` is the address of the value or of the next key. */
export function encodeElement(fields: {
  readonly map: number;
  readonly keyAddress: bigint;
  readonly otherAddress: bigint;
}): Attribute {
  const buffer = Buffer.alloc(ATTRIBUTE_BYTES);
  buffer.writeUInt32LE(fields.map, 0);
  buffer.writeBigUInt64LE(fields.keyAddress, 8);
  buffer.writeBigUInt64LE(fields.otherAddress, 16);
  return { buffer, declaredBytes: 32 };
}

export function encodeMapCreate(map: Omit<MapInfo, 'id'>): Attribute {
  const buffer = Buffer.alloc(ATTRIBUTE_BYTES);
  buffer.writeUInt32LE(map.type, 0);
  buffer.writeUInt32LE(map.keyBytes, 4);
  buffer.writeUInt32LE(map.valueBytes, 8);
  buffer.writeUInt32LE(map.maxEntries, 12);
  buffer.write(checkedName(map.name), 28, 'latin1');
  return { buffer, declaredBytes: 44 };
}

/** The part of struct bpf_prog_info that every kernel since 4.15 has. */
export const PROGRAM_INFO_BYTES = 80;
export const MAP_INFO_BYTES = 40;
const PROGRAM_BYTES_MAX = 8 * 1_000_000;
const MAP_IDS_MAX = 64;

/** Asks for instructions and map ids into buffers of the caller's; 0 bytes asks for lengths alone. */
export function encodeProgramInfoRequest(fields: {
  readonly instructionsAddress: bigint;
  readonly instructionsBytes: number;
  readonly mapIdsAddress: bigint;
  readonly mapIds: number;
}): Buffer {
  const buffer = Buffer.alloc(PROGRAM_INFO_BYTES);
  buffer.writeUInt32LE(fields.instructionsBytes, 20);
  buffer.writeBigUInt64LE(fields.instructionsBytes === 0 ? 0n : fields.instructionsAddress, 32);
  buffer.writeUInt32LE(fields.mapIds, 52);
  buffer.writeBigUInt64LE(fields.mapIds === 0 ? 0n : fields.mapIdsAddress, 56);
  return buffer;
}

/** Lengths as the kernel has them, whatever was asked. Refuses what no kernel can mean. */
export function decodeProgramLengths(info: Buffer): { readonly instructionsBytes: number; readonly mapIds: number } {
  const instructionsBytes = info.readUInt32LE(20);
  const mapIds = info.readUInt32LE(52);
  if (instructionsBytes > PROGRAM_BYTES_MAX || instructionsBytes % 8 !== 0 || mapIds > MAP_IDS_MAX) {
    throw new DecodeError(`bpf_prog_info tells ${instructionsBytes} bytes of instructions and ${mapIds} maps`);
  }
  return { instructionsBytes, mapIds };
}

export function decodeProgramInfo(info: Buffer, instructions: Buffer, mapIds: Buffer): ProgramInfo {
  if (info.length < PROGRAM_INFO_BYTES) {
    throw new DecodeError(`bpf_prog_info of ${info.length} bytes`);
  }
  return {
    type: info.readUInt32LE(0),
    id: info.readUInt32LE(4),
    tag: info.toString('hex', 8, 8 + BPF_TAG_SIZE),
    loadTimeNanos: info.readBigUInt64LE(40),
    createdByUid: info.readUInt32LE(48),
    name: text(info.subarray(64, 64 + BPF_OBJ_NAME_LEN)),
    mapIds: Array.from({ length: Math.floor(mapIds.length / 4) }, (_, index) => mapIds.readUInt32LE(index * 4)),
    instructions,
  };
}

export function decodeMapInfo(info: Buffer): MapInfo {
  if (info.length < MAP_INFO_BYTES) {
    throw new DecodeError(`bpf_map_info of ${info.length} bytes`);
  }
  return {
    type: info.readUInt32LE(0),
    id: info.readUInt32LE(4),
    keyBytes: info.readUInt32LE(8),
    valueBytes: info.readUInt32LE(12),
    maxEntries: info.readUInt32LE(16),
    name: text(info.subarray(24, 24 + BPF_OBJ_NAME_LEN)),
  };
}

function text(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.toString('latin1', 0, end < 0 ? bytes.length : end);
}
