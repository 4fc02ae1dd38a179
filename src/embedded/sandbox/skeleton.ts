/**
 * The sandboxes' read-only root: a directory of some twenty small files made once and shared by all. Everything heavy
 * is the host's /usr, bound over it. Named by the hash of what it holds, so an update makes a new one and running
 * sandboxes keep theirs.
 */
import { createHash } from 'node:crypto';
import {
  chmod,
  chown,
  lstat,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  readlink,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { UnsupportedError, errorCode } from '../../base/errors.ts';
import { libvirtDaemons } from './host-facts.ts';
import { libvirtdConf, qemuConf, virtqemudConf } from './libvirt-conf.ts';
import type { SandboxSettings } from './settings.ts';

type Entry =
  | { readonly kind: 'dir'; readonly owned?: boolean }
  | { readonly kind: 'file'; readonly content: string | Buffer; readonly mode: number }
  | { readonly kind: 'link'; readonly target: string };

/** What the dynamic linker knows of the host's libraries: written by every installation of one. */
export const libraryCache = '/etc/ld.so.cache';
const initScript = join(import.meta.dirname, 'launcher-init.sh');
const qemuDriver = /^libvirt_driver_qemu\.so$/u;

/** Makes the skeleton of this host if it is not there yet, and gives its directory. */
export async function ensureSkeleton(settings: SandboxSettings): Promise<string> {
  const entries = await describeSkeleton(settings);
  const target = join(settings.stateDir, `root-${hashOf(entries)}`);
  if (await exists(target)) {
    return target;
  }
  await mkdir(settings.stateDir, { recursive: true, mode: 0o711 });
  const staging = await mkdtemp(join(settings.stateDir, 'root-new-'));
  try {
    await chmod(staging, 0o755);
    await fill(staging, entries, settings);
    await rename(staging, target);
  } catch (error) {
    await rm(staging, { recursive: true, force: true });
    if (errorCode(error) !== 'ENOTEMPTY' && errorCode(error) !== 'EEXIST') {
      throw error;
    }
  }
  return target;
}

/** Removes skeletons that no bundle in `inUse` names; called at start, when no sandbox is being made. */
export async function removeOldSkeletons(settings: SandboxSettings, inUse: ReadonlySet<string>): Promise<void> {
  for (const name of await readdir(settings.stateDir)) {
    const path = join(settings.stateDir, name);
    if (name.startsWith('root-') && !inUse.has(path)) {
      await rm(path, { recursive: true, force: true });
    }
  }
}

async function describeSkeleton(settings: SandboxSettings): Promise<Map<string, Entry>> {
  const entries = new Map<string, Entry>();
  for (const name of ['bin', 'sbin', 'lib', 'lib64', 'lib32', 'libx32']) {
    const link = await hostLink(`/${name}`);
    if (link !== undefined) {
      entries.set(name, { kind: 'link', target: link });
    }
  }
  for (const dir of [
    'usr',
    'proc',
    'sys',
    'dev',
    'tmp',
    'run',
    'var',
    'var/cache',
    'var/cache/libvirt',
    'etc',
    'etc/libvirt',
    'vmlet',
    'vmlet/drivers',
  ]) {
    entries.set(dir, { kind: 'dir' });
  }
  entries.set('var/cache/libvirt/qemu', { kind: 'dir', owned: true });
  entries.set('var/run', { kind: 'link', target: '/run' });
  entries.set('var/tmp', { kind: 'link', target: '/tmp' });
  const { uid, gid } = settings;
  const file = (path: string, content: string | Buffer, mode = 0o644) =>
    entries.set(path, { kind: 'file', content, mode });
  file(
    'etc/passwd',
    `root:x:0:0:root:/:/usr/sbin/nologin\nqemu:x:${uid}:${gid}:qemu:/run/kubevirt-private:/usr/sbin/nologin\n`,
  );
  file('etc/group', `root:x:0:\nqemu:x:${gid}:\nlibvirt-qemu:x:${gid}:\n`);
  file('etc/nsswitch.conf', 'passwd: files\ngroup: files\nhosts: files\n');
  file('etc/hosts', '127.0.0.1 localhost\n::1 localhost\n');
  file('etc/resolv.conf', '');
  file('etc/ld.so.conf', 'include /etc/ld.so.conf.d/*.conf\n');
  const cache = await readIfThere(libraryCache);
  if (cache !== undefined) {
    file(libraryCache.slice(1), cache);
  }
  file('etc/libvirt/libvirtd.conf', libvirtdConf);
  file('etc/libvirt/virtqemud.conf', virtqemudConf);
  file('etc/libvirt/qemu.conf', qemuConf);
  file('vmlet/init', await readFile(initScript), 0o755);
  for (const path of libvirtDaemons) {
    // Only a place to mount on.
    file(`vmlet/libvirt/${basename(path)}`, '', 0o755);
  }
  const driver = await findQemuDriver();
  entries.set('vmlet/drivers/libvirt_driver_qemu.so', { kind: 'link', target: driver });
  return entries;
}

/** Only this driver is loaded: the others cost each sandbox memory and start time and serve nothing here. */
async function findQemuDriver(): Promise<string> {
  const triplets = await readdir('/usr/lib').then((names) => names.filter((name) => name.includes('-linux-gnu')));
  for (const base of [...triplets.map((name) => `/usr/lib/${name}`), '/usr/lib64', '/usr/lib']) {
    const dir = `${base}/libvirt/connection-driver`;
    const names = await readdir(dir).catch(() => []);
    const name = names.find((candidate) => qemuDriver.test(candidate));
    if (name !== undefined) {
      return `${dir}/${name}`;
    }
  }
  throw new UnsupportedError('libvirt has no QEMU driver on this host: install libvirt-daemon-driver-qemu');
}

async function hostLink(path: string): Promise<string | undefined> {
  try {
    if ((await lstat(path)).isSymbolicLink()) {
      return await readlink(path);
    }
  } catch (error) {
    if (errorCode(error) === 'ENOENT') {
      return undefined;
    }
    throw error;
  }
  throw new UnsupportedError(`${path} is not a link into /usr: a host with a merged /usr is needed`);
}

async function fill(root: string, entries: ReadonlyMap<string, Entry>, settings: SandboxSettings): Promise<void> {
  for (const [path, entry] of entries) {
    const full = join(root, path);
    await mkdir(dirname(full), { recursive: true, mode: 0o755 });
    switch (entry.kind) {
      case 'dir':
        await mkdir(full, { recursive: true, mode: 0o755 });
        if (entry.owned === true) {
          await chown(full, settings.uid, settings.gid);
        }
        break;
      case 'file':
        await writeFile(full, entry.content, { mode: entry.mode, flag: 'wx' });
        break;
      case 'link':
        await symlink(entry.target, full);
        break;
    }
  }
}

function hashOf(entries: ReadonlyMap<string, Entry>): string {
  const hash = createHash('sha256');
  for (const [path, entry] of entries) {
    hash.update(`${entry.kind} ${path}\0`);
    if (entry.kind === 'file') {
      hash.update(`${entry.mode}\0${entry.content.length}\0`).update(entry.content);
    } else if (entry.kind === 'link') {
      hash.update(`${entry.target}\0`);
    }
  }
  return hash.digest('hex').slice(0, 16);
}

async function readIfThere(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') {
      return undefined;
    }
    throw error;
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') {
      return false;
    }
    throw error;
  }
}
