/** Make, fill, kill and remove cgroups below a parent of our own. Every path is checked against that parent first. */
import fs from 'node:fs';
import path from 'node:path';
import { pollUntil } from '../../base/deadline.ts';
import { VmletError, errorCode } from '../../base/errors.ts';
import { openPidFd, sendSignal } from '../process/pidfd.ts';
import { cgroupDirectory } from './layout.ts';
import { listCgroupPids, openCgroup } from './observe.ts';
import type { Cgroup, CgroupHierarchy, CgroupTree } from './types.ts';

const REMOVE_TIMEOUT_MS = 5000;
const DEPTH_MAX = 16;
const V2_CONTROLLERS = ['cpu', 'cpuset', 'memory', 'pids', 'io', 'hugetlb'] as const;

/** Makes the cgroup `name` (`pod1/vm`) below the tree's parent in every hierarchy, and what is missing above it. */
export function createCgroup(tree: CgroupTree, name: string): Cgroup {
  const full = ownPath(tree, name);
  for (const hierarchy of tree.layout.hierarchies) {
    makeDirectories(hierarchy, full);
  }
  return openCgroup(tree.layout, full);
}

/** Moves a process there in every hierarchy. */
export function attachProcess(cgroup: Cgroup, pid: number): void {
  for (const { directory } of cgroup.directories) {
    fs.writeFileSync(path.join(directory, 'cgroup.procs'), String(pid));
  }
}

/** Writes a file of the controller's v1 hierarchy, or of v2 when the host has no such v1 one. */
export function writeCgroupFile(cgroup: Cgroup, controller: string, file: string, value: string): void {
  const place =
    cgroup.directories.find(({ hierarchy }) => hierarchy.controllers.includes(controller)) ??
    cgroup.directories.find(({ hierarchy }) => hierarchy.kind === 'v2');
  if (place === undefined || !/^[a-z0-9_.]+$/.test(file)) {
    throw new VmletError('BadCgroup', `cgroup ${cgroup.path} has no file ${file} of ${controller}`);
  }
  fs.writeFileSync(path.join(place.directory, file), value, { flag: 'r+' });
}

/**
 * Kills everything in `name` and its children and removes them. Nothing there is fine. On v2 the kernel kills all at
 * once (cgroup.kill); elsewhere each process is signalled by handle after a second look that it is still a member.
 * Throws CancelledError when something survives for 5 s.
 */
export async function removeCgroup(tree: CgroupTree, name: string): Promise<void> {
  const full = ownPath(tree, name);
  const directories = openCgroup(tree.layout, full).directories.map((place) => place.directory);
  await pollUntil(
    () => {
      for (const directory of directories) {
        killBelow(directory, 0);
      }
      return directories.every((directory) => removeBelow(directory, 0)) ? true : undefined;
    },
    { timeoutMs: REMOVE_TIMEOUT_MS, doing: `remove cgroup ${full}` },
  );
}

/** Kills every member of the cgroup and of its children; does not wait. */
export function killCgroup(tree: CgroupTree, name: string): void {
  for (const { directory } of openCgroup(tree.layout, ownPath(tree, name)).directories) {
    killBelow(directory, 0);
  }
}

/** Names of all cgroups directly below the parent, in any hierarchy: what a restart finds. */
export function listChildren(tree: CgroupTree): string[] {
  const names = openCgroup(tree.layout, tree.parent).directories.flatMap(({ directory }) => childNames(directory));
  return [...new Set(names)].sort();
}

function ownPath(tree: CgroupTree, name: string): string {
  const parts = name.split('/');
  const parentParts = tree.parent.split('/').slice(1);
  const isPlain = (part: string): boolean => part !== '' && part !== '.' && part !== '..' && !part.includes('\0');
  if (!tree.parent.startsWith('/') || ![...parentParts, ...parts].every(isPlain)) {
    throw new VmletError('BadCgroup', `"${name}" is not the name of a cgroup below "${tree.parent}"`);
  }
  return `${tree.parent}/${name}`;
}

function makeDirectories(hierarchy: CgroupHierarchy, full: string): void {
  const parts = full.split('/').slice(1);
  let directory = cgroupDirectory(hierarchy, hierarchy.root);
  if (directory === undefined) {
    return;
  }
  for (const part of parts) {
    if (hierarchy.kind === 'v2') {
      enableControllers(directory);
    }
    const child = path.join(directory, part);
    fs.mkdirSync(child, { recursive: true });
    if (hierarchy.controllers.includes('cpuset')) {
      inheritCpuset(directory, child);
    }
    directory = child;
  }
}

/** v2: children get a controller only when their parent passes it on. One that cannot be passed on here is left out. */
function enableControllers(directory: string): void {
  const available = fs.readFileSync(path.join(directory, 'cgroup.controllers'), 'utf8').trim().split(' ');
  for (const controller of V2_CONTROLLERS.filter((name) => available.includes(name))) {
    fs.writeFileSync(path.join(directory, 'cgroup.subtree_control'), `+${controller}`);
  }
}

/** v1: a new cpuset is empty and takes no process until it has CPUs and memory nodes. */
function inheritCpuset(parent: string, child: string): void {
  for (const file of ['cpuset.cpus', 'cpuset.mems']) {
    if (fs.readFileSync(path.join(child, file), 'utf8').trim() === '') {
      fs.writeFileSync(path.join(child, file), fs.readFileSync(path.join(parent, file), 'utf8').trim());
    }
  }
}

function killBelow(directory: string, depth: number): void {
  if (depth === 0 && writeIfThere(path.join(directory, 'cgroup.kill'), '1')) {
    return;
  }
  for (const name of depth < DEPTH_MAX ? childNames(directory) : []) {
    killBelow(path.join(directory, name), depth + 1);
  }
  // A frozen v1 cgroup does not act on a signal.
  writeIfThere(path.join(directory, 'freezer.state'), 'THAWED');
  const members = (): number[] => listCgroupPids({ path: directory, directories: [{ hierarchy: anyV1, directory }] });
  for (const pid of members().filter((pid) => pid !== process.pid)) {
    using handle = openPidFd(pid);
    if (handle !== undefined && members().includes(pid)) {
      sendSignal(handle, 'SIGKILL');
    }
  }
}

const anyV1: CgroupHierarchy = { kind: 'v1', controllers: [], mountPoint: '', root: '/' };

/** True when the directory is gone; false when a dying process still holds it. */
function removeBelow(directory: string, depth: number): boolean {
  const empty =
    depth >= DEPTH_MAX || childNames(directory).every((name) => removeBelow(path.join(directory, name), depth + 1));
  try {
    if (empty) {
      fs.rmdirSync(directory);
    }
    return empty;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') {
      return true;
    }
    if (errorCode(error) === 'EBUSY' || errorCode(error) === 'ENOTEMPTY') {
      return false;
    }
    throw error;
  }
}

function childNames(directory: string): string[] {
  try {
    return fs
      .readdirSync(directory, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') {
      return [];
    }
    throw error;
  }
}

function writeIfThere(file: string, value: string): boolean {
  try {
    fs.writeFileSync(file, value, { flag: 'r+' });
    return true;
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENODEV') {
      return false;
    }
    throw error;
  }
}
