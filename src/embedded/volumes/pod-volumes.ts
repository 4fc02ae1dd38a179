/** A Pod's volume directories in the kubelet's own layout, so that the agent finds them the same way everywhere. */
import { chown, mkdir, readdir, readlink, rename, rm, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { VmletError, errorCode } from '../../base/errors.ts';

/** `<kubelet>/pods/<uid>`. */
export function podDir(kubeletDir: string, podUid: string): string {
  checkPart(podUid);
  return join(kubeletDir, 'pods', podUid);
}

export function emptyDirPath(kubeletDir: string, podUid: string, volume: string): string {
  checkPart(volume);
  return join(podDir(kubeletDir, podUid), 'volumes', 'kubernetes.io~empty-dir', volume);
}

/** Where the agent finds an image volume: a link, in a directory that only root can change, to the stored content. */
export function imageVolumePath(kubeletDir: string, podUid: string, volume: string): string {
  checkPart(volume);
  return join(podDir(kubeletDir, podUid), 'volumes', 'kubernetes.io~image', volume);
}

/** Makes the directory, owned by the sandbox's user alone. Content of an existing one stays. */
export async function ensureEmptyDir(
  path: string,
  owner: { readonly uid: number; readonly gid: number },
): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o711 });
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') {
      throw error;
    }
  }
  await chown(path, owner.uid, owner.gid);
}

export async function ensureImageVolume(path: string, contentDir: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o711 });
  const current = await readlink(path).catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') {
      return undefined;
    }
    throw error;
  });
  if (current !== contentDir) {
    await rm(`${path}.new`, { force: true });
    await symlink(contentDir, `${path}.new`);
    await rename(`${path}.new`, path);
  }
}

/** Image content directories that the Pods on disk link to. */
export async function linkedImageDirs(kubeletDir: string): Promise<Set<string>> {
  const dirs = new Set<string>();
  for (const uid of await podUidsOnDisk(kubeletDir)) {
    const parent = join(podDir(kubeletDir, uid), 'volumes', 'kubernetes.io~image');
    for (const name of await readdirIfThere(parent)) {
      dirs.add(await readlink(join(parent, name)));
    }
  }
  return dirs;
}

export async function podUidsOnDisk(kubeletDir: string): Promise<string[]> {
  return readdirIfThere(join(kubeletDir, 'pods'));
}

/** Removes all of a Pod's directories; only after its sandbox is gone, as its processes could still write. */
export async function removePodDir(kubeletDir: string, podUid: string): Promise<void> {
  await rm(podDir(kubeletDir, podUid), { recursive: true, force: true });
}

function checkPart(name: string): void {
  if (!/^[a-zA-Z0-9][a-zA-Z0-9.-]{0,252}$/u.test(name)) {
    throw new VmletError('BadName', `${JSON.stringify(name)} cannot be a directory name of a Pod`);
  }
}

async function readdirIfThere(dir: string): Promise<string[]> {
  try {
    return await readdir(dir);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') {
      return [];
    }
    throw error;
  }
}
