import fs from 'node:fs';
import { DecodeError } from '../../base/errors.ts';

/** One line of /proc/<pid>/mountinfo (proc_pid_mountinfo(5)). */
export interface MountEntry {
  readonly id: number;
  readonly parentId: number;
  /** `major:minor` of st_dev. */
  readonly device: string;
  /** Directory of the file system that is mounted here; not "/" for a bind mount of a part. */
  readonly root: string;
  readonly mountPoint: string;
  readonly options: readonly string[];
  /** Propagation tags: `shared:1`, `master:2`. Empty: private. */
  readonly propagation: readonly string[];
  readonly type: string;
  readonly source: string;
  readonly superOptions: readonly string[];
}

/** Longest table that is read; a host with more mounts than this is broken. */
const MOUNTS_MAX = 200_000;

/** Parses mountinfo text, in the kernel's order: later entries may cover earlier ones. */
export function parseMountinfo(text: string): MountEntry[] {
  const lines = text.split('\n').filter((line) => line !== '');
  if (lines.length > MOUNTS_MAX) {
    throw new DecodeError(`mountinfo has ${lines.length} lines, more than ${MOUNTS_MAX}`);
  }
  return lines.map(parseLine);
}

function parseLine(line: string): MountEntry {
  const separator = line.indexOf(' - ');
  const before = line.slice(0, Math.max(separator, 0)).split(' ');
  const after = line.slice(separator + 3).split(' ');
  const [id, parentId, device, root, mountPoint, options, ...propagation] = before;
  const [type, source, superOptions] = after;
  if (
    separator < 0 ||
    id === undefined ||
    parentId === undefined ||
    !/^\d{1,10}$/.test(id) ||
    !/^\d{1,10}$/.test(parentId) ||
    device === undefined ||
    root === undefined ||
    mountPoint === undefined ||
    options === undefined ||
    type === undefined ||
    source === undefined
  ) {
    throw new DecodeError(`not a mountinfo line: ${JSON.stringify(line.slice(0, 200))}`);
  }
  return {
    id: Number(id),
    parentId: Number(parentId),
    device,
    root: unescapePath(root),
    mountPoint: unescapePath(mountPoint),
    options: options.split(','),
    propagation: propagation.filter((tag) => tag !== ''),
    type: unescapePath(type),
    source: unescapePath(source),
    superOptions: (superOptions ?? '').split(','),
  };
}

/** The kernel writes space, tab, newline and backslash as three octal digits (seq_path). */
function unescapePath(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

export interface Propagation {
  /** Peer group that changes are shared with. */
  readonly shared: number | undefined;
  /** Group that changes are taken from. */
  readonly master: number | undefined;
  /** Nearest dominating group under the reader's root. */
  readonly propagateFrom: number | undefined;
  readonly unbindable: boolean;
}

/** The optional fields of an entry; all undefined: private. Tags of other kinds are passed over, as the kernel asks for. */
export function propagationOf(entry: MountEntry): Propagation {
  const group = (name: string): number | undefined => {
    const tag = entry.propagation.find((text) => text.startsWith(`${name}:`));
    const number = tag?.slice(name.length + 1) ?? '';
    return /^\d{1,10}$/.test(number) ? Number(number) : undefined;
  };
  return {
    shared: group('shared'),
    master: group('master'),
    propagateFrom: group('propagate_from'),
    unbindable: entry.propagation.includes('unbindable'),
  };
}

/** Mounts of a process's mount namespace. */
export function readMountinfo(pid: number | 'self' = 'self'): MountEntry[] {
  return parseMountinfo(fs.readFileSync(`/proc/${pid}/mountinfo`, 'utf8'));
}

/** The mount that stands on top at exactly `path` (absolute, normal), undefined when it is no mount point. */
export function findMountAt(mounts: readonly MountEntry[], path: string): MountEntry | undefined {
  return mounts.findLast((mount) => mount.mountPoint === path);
}

/** Mounts at or beneath `path`, in the order in which they can be taken down. */
export function findMountsBeneath(mounts: readonly MountEntry[], path: string): MountEntry[] {
  const prefix = path === '/' ? '/' : `${path}/`;
  return mounts.filter((mount) => mount.mountPoint === path || mount.mountPoint.startsWith(prefix)).reverse();
}
