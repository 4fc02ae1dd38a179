/** Decoders of filters, profiles and status texts, as fuzz targets: any input gives a value or a DecodeError. */
import { DecodeError } from '../../base/errors.ts';
import { decide } from './decide.ts';
import { decodeFilter, encodeFilter } from './filter.ts';
import { parseSeccompStatus } from './process-filters.ts';
import { parseProfile } from './parse-profile.ts';
import { auditArch, compileProfile } from './profile.ts';
import type { SeccompProfile } from './types.ts';

const sample: SeccompProfile = {
  defaultAction: 'SCMP_ACT_ERRNO',
  syscalls: [
    { names: ['read', 'write'], action: 'SCMP_ACT_ALLOW' },
    { names: ['socket'], action: 'SCMP_ACT_ALLOW', args: [{ index: 0, value: 1, op: 'SCMP_CMP_EQ' }] },
  ],
};

export const fuzzTargets: readonly {
  readonly name: string;
  readonly decode: (bytes: Buffer) => unknown;
  readonly seeds: readonly Buffer[];
}[] = [
  {
    name: 'seccomp filter',
    decode: (bytes) => decide([decodeFilter(bytes)], { number: 41, arch: auditArch.x64, args: [1n] }),
    seeds: [encodeFilter(compileProfile(sample, 'x64'))],
  },
  {
    name: 'seccomp profile',
    decode: (bytes) => parseProfile(parseJson(bytes)),
    seeds: [Buffer.from(JSON.stringify(sample))],
  },
  {
    name: 'seccomp status',
    decode: (bytes) => parseSeccompStatus(bytes.toString('latin1')),
    seeds: [Buffer.from('NoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t1\n')],
  },
];

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8')) as unknown;
  } catch (error) {
    throw new DecodeError('not JSON', undefined, { cause: error });
  }
}
