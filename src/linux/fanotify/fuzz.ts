/** What the fuzz runner feeds to this folder's decoder. */
import { decodeEvents } from './event.ts';

/** mask FAN_MODIFY, descriptor 7, process 42. */
const plain = '18000000030018000200000000000000070000002a000000';
/** Without descriptor: DFID_NAME with an 8 byte handle and "name", a pidfd, and a record of an unknown type. */
const named =
  '4c000000030018000001000000000000ffffffff2a000000' +
  '0200240022110000000000000800000001000000' +
  '01020304050607086e616d6500000000' +
  '0400080009000000' +
  'ff00080000000000';

export const fuzzTargets = [
  {
    name: 'events',
    decode: (bytes: Buffer): unknown => decodeEvents(bytes),
    seeds: [Buffer.from(plain, 'hex'), Buffer.from(named, 'hex'), Buffer.from(plain + named + plain, 'hex')],
  },
] as const;
