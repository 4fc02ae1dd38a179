/** Decoders of this folder that take bytes from the kernel or from programs of others. Each gives a value or a DecodeError. */
import {
  MAP_INFO_BYTES,
  PROGRAM_INFO_BYTES,
  decodeMapInfo,
  decodeProgramInfo,
  decodeProgramLengths,
} from './attributes.ts';
import { exit, load, move } from './build.ts';
import { formatInstructions } from './format.ts';
import { decodeInstructions, encodeInstructions } from './instruction.ts';

const program = encodeInstructions([
  load(2, { base: 1, offset: 0, bytes: 4 }),
  { kind: 'load64', target: 3, source: 1, value: 0x1122_3344_5566n },
  { kind: 'jump', operation: 'jset', bits: 32, left: 2, operand: { register: 3 }, offset: 1 },
  { kind: 'store', bytes: 8, base: 10, offset: -8, operand: { immediate: -1 } },
  { kind: 'call', function: 1, source: 0 },
  move(0, { immediate: 1 }),
  exit,
]);

const programInfo = Buffer.alloc(PROGRAM_INFO_BYTES, 1);
// Lengths that a kernel can mean: bytes of instructions, map ids.
programInfo.writeUInt32LE(16, 20);
programInfo.writeUInt32LE(1, 52);

export const fuzzTargets: readonly {
  readonly name: string;
  decode(this: void, bytes: Buffer): unknown;
  readonly seeds: readonly Buffer[];
}[] = [
  {
    name: 'bpf instructions',
    decode: (bytes) => formatInstructions(decodeInstructions(bytes)),
    seeds: [program],
  },
  {
    name: 'bpf_prog_info',
    decode(bytes) {
      const info = decodeProgramInfo(bytes, Buffer.alloc(0), bytes.subarray(0, 9));
      return [info, decodeProgramLengths(bytes)];
    },
    seeds: [programInfo],
  },
  {
    name: 'bpf_map_info',
    decode: decodeMapInfo,
    seeds: [Buffer.alloc(MAP_INFO_BYTES, 1)],
  },
];
