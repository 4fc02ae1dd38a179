/**
 * What a disk may hold after a power cut. `record-writes.c` has logged every write and flush of the store's file and every
 * acknowledgement, in order:
 *
 *   type u8 ('W' write, 'S' flush, 'T' truncate, 'A' acknowledgement) | offset u64 | length u64 | bytes
 *
 * At a cut, everything before the last flush is on the disk. Of what was written since, each sector of 512 bytes may be there or
 * not, by itself: that gives lost, torn and reordered writes.
 */
import { readFileSync } from 'node:fs';
import type { Random } from './random.ts';

export type LogRecord =
  | { readonly type: 'W'; readonly offset: number; readonly bytes: Buffer }
  | { readonly type: 'T'; readonly length: number }
  | { readonly type: 'S' }
  | { readonly type: 'A'; readonly lines: readonly string[] };

const headBytes = 17;
const sectorBytes = 512;

export function readWriteLog(path: string): LogRecord[] {
  const log = readFileSync(path);
  const records: LogRecord[] = [];
  let at = 0;
  while (at + headBytes <= log.length) {
    const type = log.toString('latin1', at, at + 1);
    const offset = Number(log.readBigUInt64LE(at + 1));
    const length = Number(log.readBigUInt64LE(at + 9));
    const bytes = log.subarray(at + headBytes, at + headBytes + length);
    at += headBytes + length;
    switch (type) {
      case 'W':
        records.push({ type, offset, bytes });
        break;
      case 'T':
        records.push({ type, length: offset });
        break;
      case 'S':
        records.push({ type });
        break;
      case 'A':
        records.push({
          type,
          lines: bytes
            .toString('utf8')
            .split('\n')
            .filter((line) => line !== ''),
        });
        break;
      default:
        throw new Error(`the log of writes has a record of type ${type}`);
    }
  }
  return records;
}

/** The disk as it grows: `advance` takes records in order, `cut` gives what may be there if the power went now. */
export function createDisk() {
  let durable: Buffer = Buffer.alloc(0);
  let unflushed: LogRecord[] = [];
  const acknowledged: string[] = [];

  function apply(file: Buffer, record: LogRecord, keep: (sector: number) => boolean): Buffer {
    if (record.type === 'T') {
      return keep(0) ? resize(file, record.length) : file;
    }
    if (record.type !== 'W') {
      return file;
    }
    const end = record.offset + record.bytes.length;
    let result = end > file.length && keep(-1) ? resize(file, end) : file;
    for (let at = record.offset; at < end;) {
      const next = Math.min(end, (Math.floor(at / sectorBytes) + 1) * sectorBytes);
      if (keep(at)) {
        result = next > result.length ? resize(result, next) : result;
        record.bytes.copy(result, at, at - record.offset, next - record.offset);
      }
      at = next;
    }
    return result;
  }

  return {
    acknowledged: acknowledged as readonly string[],
    advance(record: LogRecord): void {
      if (record.type === 'S') {
        for (const written of unflushed) {
          durable = apply(durable, written, () => true);
        }
        unflushed = [];
      } else if (record.type === 'A') {
        acknowledged.push(...record.lines);
      } else {
        unflushed.push(record);
      }
    },
    /** `share` of the sectors not flushed made it. */
    cut(random: Random, share: number): Buffer {
      let file: Buffer = Buffer.from(durable);
      for (const written of unflushed) {
        file = apply(file, written, () => random.below(1000) < share * 1000);
      }
      return file;
    },
  };
}

function resize(file: Buffer, length: number): Buffer {
  if (length <= file.length) {
    return Buffer.from(file.subarray(0, length));
  }
  const grown = Buffer.alloc(length);
  file.copy(grown);
  return grown;
}
