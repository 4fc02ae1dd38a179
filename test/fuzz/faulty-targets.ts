/** Decoders with the faults that the runner must find. Their first byte says when. */
import { DecodeError } from '../../src/base/errors.ts';

const hoard: Buffer[] = [];
const seeds = [Buffer.from('fe000000', 'hex')];
const isBad = (bytes: Buffer): boolean => bytes[0] === 0xff;

export const fuzzTargets = [
  {
    name: 'wrong error',
    seeds,
    decode(bytes: Buffer): unknown {
      if (isBad(bytes)) {
        throw new TypeError('not a DecodeError');
      }
      return bytes.length;
    },
  },
  {
    name: 'endless',
    seeds,
    decode(bytes: Buffer): unknown {
      for (let turn = 0; isBad(bytes) && turn >= 0; turn = (turn + 1) % 7);
      return bytes.length;
    },
  },
  {
    name: 'slow',
    seeds,
    decode(bytes: Buffer): unknown {
      const endMicros = process.threadCpuUsage().user + 300_000;
      while (isBad(bytes) && process.threadCpuUsage().user < endMicros);
      return bytes.length;
    },
  },
  {
    name: 'hoard',
    seeds,
    decode(bytes: Buffer): unknown {
      return hoard.push(Buffer.alloc(180_000, bytes[0] ?? 1));
    },
  },
  {
    name: 'bad seed',
    seeds: [Buffer.from('ff', 'hex')],
    decode(bytes: Buffer): unknown {
      if (isBad(bytes)) {
        throw new DecodeError('refused');
      }
      return bytes.length;
    },
  },
  {
    name: 'fine',
    seeds,
    decode(bytes: Buffer): unknown {
      if (isBad(bytes)) {
        throw new DecodeError('refused');
      }
      return bytes.length;
    },
  },
];
