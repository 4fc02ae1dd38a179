/** Parser of mountinfo, as a fuzz target: any input gives a value or a DecodeError. */
import { parseMountinfo } from './mountinfo.ts';

export const fuzzTargets: readonly {
  readonly name: string;
  readonly decode: (bytes: Buffer) => unknown;
  readonly seeds: readonly Buffer[];
}[] = [
  {
    name: 'mountinfo',
    decode: (bytes) => parseMountinfo(bytes.toString('utf8')),
    seeds: [
      Buffer.from('30 27 0:27 / /dev/shm rw,relatime shared:2 master:3 - tmpfs tmpfs rw,size=4k\n'),
      Buffer.from('43 42 0:4 net:[4026532177] /mnt/a\\040b\\134\\011 rw - nsfs nsfs rw\n'),
    ],
  },
];
