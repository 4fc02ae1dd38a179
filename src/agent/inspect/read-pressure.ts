import fs from 'node:fs';
import path from 'node:path';
import { errorCode } from '../../base/errors.ts';
import { parsePressure, pressureResources, type PressureLine } from '../../linux/cgroup/pressure.ts';
import type { Cgroup } from '../../linux/cgroup/types.ts';
import type { PressureShares } from '../../vm/inspection/inspection.ts';

/** By resource; empty where the kernel does not keep it (v1, no CONFIG_PSI, psi=0). */
export function readSandboxPressure(cgroup: Cgroup): Record<string, PressureShares> {
  const directory = cgroup.directories.find(({ hierarchy }) => hierarchy.kind === 'v2')?.directory;
  return Object.fromEntries(
    pressureResources.flatMap((resource) => {
      const text = directory === undefined ? undefined : readIfThere(path.join(directory, `${resource}.pressure`));
      if (text === undefined) {
        return [];
      }
      const { some, full } = parsePressure(text);
      return [[resource, { some: shares(some), ...(full === undefined ? {} : { full: shares(full) }) }] as const];
    }),
  );
}

function shares({ average10, average60, average300 }: PressureLine): [number, number, number] {
  return [average10, average60, average300];
}

/** EOPNOTSUPP: the kernel was started with psi=0. */
function readIfThere(file: string): string | undefined {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ENODEV', 'EOPNOTSUPP', 'ENOTSUP'].includes(errorCode(error))) {
      return undefined;
    }
    throw error;
  }
}
