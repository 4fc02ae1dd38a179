import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { test } from 'node:test';
import { withDeadline } from '../../base/deadline.ts';
import { errorCode } from '../../base/errors.ts';
import { readLayout } from './layout.ts';
import { findCgroupOfProcess, listCgroupPids, openCgroup, readCgroupValues } from './observe.ts';
import { attachProcess, createCgroup, killCgroup, listChildren, removeCgroup, writeCgroupFile } from './tree.ts';
import type { CgroupTree } from './types.ts';

const parent = `/vmlet-test-${process.pid}`;

function findObstacle(): string | false {
  if (process.getuid?.() !== 0) {
    return 'needs root';
  }
  try {
    const [place] = openCgroup(readLayout(), '/').directories;
    fs.mkdirSync(`${place?.directory}${parent}`);
    fs.rmdirSync(`${place?.directory}${parent}`);
    return false;
  } catch (error) {
    return `cgroups cannot be made here (${errorCode(error)})`;
  }
}

const skip = findObstacle();

function ownTree(cleanup: AsyncDisposableStack): CgroupTree {
  const tree = { layout: readLayout(), parent };
  cleanup.defer(async () => {
    for (const name of listChildren(tree)) {
      await removeCgroup(tree, name);
    }
    for (const { directory } of openCgroup(tree.layout, parent).directories) {
      fs.rmdirSync(directory);
    }
  });
  return tree;
}

void test('a cgroup in every hierarchy, a process in it, values read back, and all gone', { skip }, async () => {
  await using cleanup = new AsyncDisposableStack();
  const tree = ownTree(cleanup);
  const cgroup = createCgroup(tree, 'pod/vm');
  assert.equal(cgroup.directories.length, tree.layout.hierarchies.length);
  assert.deepEqual(createCgroup(tree, 'pod/vm'), cgroup);
  assert.deepEqual(listChildren(tree), ['pod']);
  const child = spawn('sleep', ['60'], { stdio: 'ignore' });
  const exited = once(child, 'exit');
  cleanup.defer(() => void child.kill('SIGKILL'));
  const pid = child.pid ?? 0;
  attachProcess(cgroup, pid);
  assert.deepEqual(listCgroupPids(cgroup), [pid]);
  assert.deepEqual(
    findCgroupOfProcess(tree.layout, pid)?.directories.map((place) => place.directory),
    cgroup.directories.map((place) => place.directory),
  );
  const isV1 = (controller: string): boolean =>
    tree.layout.hierarchies.some((hierarchy) => hierarchy.controllers.includes(controller));
  writeCgroupFile(cgroup, 'memory', isV1('memory') ? 'memory.limit_in_bytes' : 'memory.max', String(64 << 20));
  writeCgroupFile(cgroup, 'pids', 'pids.max', '17');
  const values = readCgroupValues(cgroup);
  assert.equal(values.memoryMaxBytes, 64n << 20n);
  assert.equal(values.pidsMax, 17);
  assert.equal(values.pidsCurrent, 1);
  assert.equal(values.cpuQuotaMicros, 'max');
  assert.equal(values.oomKills, 0);
  assert.ok(values.cpuUsageMicros !== undefined && values.cpusetEffective !== undefined);
  if (isV1('devices')) {
    assert.ok((values.devices?.length ?? 0) > 0);
    writeCgroupFile(cgroup, 'devices', 'devices.deny', 'a');
    writeCgroupFile(cgroup, 'devices', 'devices.allow', 'c 10:200 rw');
    assert.deepEqual(readCgroupValues(cgroup).devices, [{ type: 'char', major: 10, minor: 200, access: 'rw' }]);
  }
  await removeCgroup(tree, 'pod');
  await withDeadline(exited, 5000, 'the member to be killed');
  assert.deepEqual(openCgroup(tree.layout, `${parent}/pod`).directories, []);
  await removeCgroup(tree, 'pod');
});

void test('killing reaches children and a frozen group, and nobody else', { skip }, async () => {
  await using cleanup = new AsyncDisposableStack();
  const tree = ownTree(cleanup);
  const start = (name: string): { exited: Promise<unknown>; alive: () => boolean } => {
    const child = spawn('sleep', ['60'], { stdio: 'ignore' });
    cleanup.defer(() => void child.kill('SIGKILL'));
    attachProcess(createCgroup(tree, name), child.pid ?? 0);
    return { exited: once(child, 'exit'), alive: () => child.exitCode === null && child.signalCode === null };
  };
  const inner = start('victim/inner');
  const bystander = start('bystander');
  const freezer = openCgroup(tree.layout, `${parent}/victim/inner`).directories.find(({ hierarchy }) =>
    hierarchy.controllers.includes('freezer'),
  );
  if (freezer !== undefined) {
    fs.writeFileSync(`${freezer.directory}/freezer.state`, 'FROZEN');
  }
  killCgroup(tree, 'victim');
  await withDeadline(inner.exited, 5000, 'the member to be killed');
  assert.ok(bystander.alive());
});

void test('this process is found where /proc says', () => {
  const layout = readLayout();
  const cgroup = findCgroupOfProcess(layout, process.pid);
  assert.ok(cgroup !== undefined);
  assert.ok(listCgroupPids(cgroup).includes(process.pid));
  assert.equal(findCgroupOfProcess(layout, 2 ** 22 + 1), undefined);
});
