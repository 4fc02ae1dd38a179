import type { Fd } from '../fd/fd.ts';
import { AT_FDCWD } from './constants.ts';

/** Absolute trusted path, or a descriptor (O_PATH will do) that was found safely or is a detached mount. */
export type MountLocation = string | Fd;

/** The pair of arguments that the *at calls take. An empty path means the descriptor itself. */
export function locate(where: MountLocation): {
  readonly directory: number;
  readonly path: string;
  readonly label: string;
} {
  return typeof where === 'string'
    ? { directory: AT_FDCWD, path: where, label: `"${where}"` }
    : { directory: where.value, path: '', label: where.label };
}
