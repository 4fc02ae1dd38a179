import { ok, problem, skipped, warning, type Check } from '../check.ts';
import { parseMountinfo, type MountEntry } from '../../../../linux/mount/mountinfo.ts';
import { formatSize, percent } from './parse.ts';

const gibibyte = 1024 ** 3;

const space: Check = {
  name: 'storage-space',
  look({ probes, settings }) {
    const { path, freeBytes, totalBytes } = probes.space(settings.stateDir);
    const seen = `${formatSize(freeBytes)} of ${formatSize(totalBytes)} free at ${path}`;
    const remedy = `free some space at ${path}, or move the state with --state-dir (vmlet keeps images and disks there)`;
    if (freeBytes < gibibyte / 2) {
      return problem(seen, 'images cannot be stored, and guests are paused when their disks grow', remedy);
    }
    return freeBytes < 5 * gibibyte || percent(freeBytes, totalBytes) < 5
      ? warning(seen, 'guests are paused when their disks grow into a full file system', remedy)
      : ok(seen, 'room for images and disks');
  },
};

const inodes: Check = {
  name: 'storage-inodes',
  look({ probes, settings }) {
    const { path, freeInodes, totalInodes } = probes.space(settings.stateDir);
    if (totalInodes === 0) {
      return ok('the file system has no fixed number of them', 'images can be unpacked');
    }
    const seen = `${freeInodes} of ${totalInodes} inodes free at ${path}`;
    return freeInodes < 10_000
      ? warning(seen, 'images cannot be unpacked once they are used up', `remove files at ${path}`)
      : ok(seen, 'images can be unpacked');
  },
};

/** The mount that holds a path: of the longest mount points that lead to it, the last one mounted. */
function mountOf(mounts: readonly MountEntry[], path: string): MountEntry | undefined {
  const holds = ({ mountPoint }: MountEntry): boolean =>
    mountPoint === '/' || path === mountPoint || path.startsWith(`${mountPoint}/`);
  return mounts.filter(holds).reduce<MountEntry | undefined>((best, mount) => {
    return best === undefined || mount.mountPoint.length >= best.mountPoint.length ? mount : best;
  }, undefined);
}

const remote = /^(nfs4?|cifs|smb3|ceph|9p|glusterfs|fuse\..+|fuse)$/;

const fileSystem: Check = {
  name: 'storage-filesystem',
  look({ files, settings }) {
    const mount = mountOf(parseMountinfo(files.read('/proc/self/mountinfo') ?? ''), settings.stateDir);
    if (mount === undefined) {
      return skipped('/proc/self/mountinfo cannot be read');
    }
    const seen = `${settings.stateDir} is on ${mount.type}, mounted at ${mount.mountPoint}`;
    if (mount.options.includes('ro') || mount.superOptions.includes('ro')) {
      return problem(`${seen}, read-only`, 'vmlet cannot start', `mount -o remount,rw ${mount.mountPoint}`);
    }
    if (mount.type === 'tmpfs' || mount.type === 'ramfs') {
      return warning(seen, 'VMs and their disks are gone after a reboot', 'vmlet up --state-dir on a disk');
    }
    if (mount.type === 'overlay') {
      return warning(
        seen,
        'the state goes with the container that owns the overlay, and disks are slow',
        'vmlet up --state-dir on a volume',
      );
    }
    return remote.test(mount.type)
      ? warning(
          seen,
          'the store needs working locks and fsync, which network file systems may lack',
          'vmlet up --state-dir on a local disk',
        )
      : ok(seen, 'the state survives a reboot');
  },
};

const directIo: Check = {
  name: 'storage-direct-io',
  look({ probes, settings }) {
    if (!settings.isRoot) {
      return skipped('only root can try it');
    }
    const { path } = probes.space(settings.stateDir);
    const works = probes.directIo(path);
    if (works === undefined) {
      return skipped(`the file system at ${path} has no unnamed files to try with`);
    }
    return works
      ? ok(`O_DIRECT works at ${path}`, 'disks with cache "none" bypass the page cache')
      : warning(
          `O_DIRECT is refused at ${path}`,
          'disks with cache "none" do not start; guest data is cached twice',
          'vmlet up --state-dir on ext4 or xfs',
        );
  },
};

export const storageChecks: readonly Check[] = [space, inodes, fileSystem, directIo];
