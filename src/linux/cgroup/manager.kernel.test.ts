import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { test } from 'node:test';
import { pollUntil, withDeadline } from '../../base/deadline.ts';
import { errorCode } from '../../base/errors.ts';
import { findDeviceProgramObstacle } from '../bpf/probe.ts';
import { openFds } from '../fd/fd.ts';
import { listThreads } from '../process/process.ts';
import { watchCgroup, type CgroupEvent } from './events.ts';
import { freeze, readFrozen, thaw } from './freezer.ts';
import { readLayout } from './layout.ts';
import {
  adoptCgroup,
  applySetting,
  attachProcessTo,
  attachThreadTo,
  createManaged,
  findManaged,
  placeOf,
  removeManaged,
  setDeviceRules,
  withPlace,
  type ManagedCgroup,
} from './manager.ts';
import { observeCgroup, type CgroupObservation } from './observation.ts';
import { findCgroupOfProcess, listCgroupPids, openCgroup } from './observe.ts';
import { readFileAt } from './place.ts';
import { applyCgroupOp, planCgroup } from './plan.ts';
import { readPressure, watchPressure } from './pressure.ts';
import type { CgroupWant } from './settings.ts';
import { attachProcessTree, ensureThreadChild } from './threads.ts';
import { listChildren } from './tree.ts';
import type { CgroupTree } from './types.ts';
import { parseDeviceRules } from './values.ts';

const parent = `/vmlet-test-manager-${process.pid}`;
const DEADLINE_MS = 5000;

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
      const managed = findManaged(tree, name);
      if (managed !== undefined) {
        await removeManaged(managed);
      }
    }
    for (const { directory } of openCgroup(tree.layout, parent).directories) {
      fs.rmdirSync(directory);
    }
  });
  return tree;
}

function start(cleanup: AsyncDisposableStack, command: string, args: readonly string[]): ChildProcess {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'ignore'] });
  const exited = once(child, 'exit');
  cleanup.defer(async () => {
    child.kill('SIGKILL');
    await withDeadline(exited, DEADLINE_MS, 'a child of the test');
  });
  return child;
}

const observe = (managed: ManagedCgroup): CgroupObservation => observeCgroup(openCgroup(managed.layout, managed.path));

void test('wanted values come into force, deviations give one operation each', { skip }, async () => {
  await using cleanup = new AsyncDisposableStack();
  const before = openFds();
  const tree = ownTree(cleanup);
  const managed = createManaged(tree, 'pod/vm');
  const first = observe(managed);
  const has = (setting: keyof CgroupWant): boolean =>
    Object.hasOwn(first.settings, setting) || (setting === 'cpuShares' && first.cpuWeight !== undefined);
  const all: CgroupWant = {
    memoryMaxBytes: (256n << 20n) + 5n,
    memoryLowBytes: 1n << 20n,
    swapMaxBytes: 64n << 20n,
    cpuShares: 512,
    cpuMax: { quotaMicros: 150_000, periodMicros: 50_000 },
    cpuBurstMicros: 1000,
    cpusetCpus: '0',
    cpusetMems: '0',
    pidsMax: 50,
    ioWeight: 1000,
  };
  const want = {
    ...Object.fromEntries(Object.entries(all).filter(([setting]) => has(setting as keyof CgroupWant))),
    devices: parseDeviceRules('c 1:3 rw\nc 10:200 rwm\n'),
  } as CgroupWant;
  assert.ok(has('memoryMaxBytes') && has('cpuShares') && has('pidsMax'));
  planCgroup(want, first).forEach((op) => applyCgroupOp(managed, op));
  assert.deepEqual(planCgroup(want, observe(managed)), []);
  applySetting(managed, 'pidsMax', 49);
  applySetting(managed, 'memoryMaxBytes', 128n << 20n);
  setDeviceRules(managed, parseDeviceRules('c 1:3 r\nc 1:5 rwm\n'));
  const repair = planCgroup(want, observe(managed));
  assert.deepEqual(repair.map((op) => (op.kind === 'set' ? op.setting : op.kind)).toSorted(), [
    'memoryMaxBytes',
    'pidsMax',
    'set-devices',
  ]);
  repair.forEach((op) => applyCgroupOp(managed, op));
  assert.deepEqual(planCgroup(want, observe(managed)), []);
  applySetting(managed, 'cpuMax', { quotaMicros: 'max', periodMicros: 100_000 });
  assert.equal(observe(managed).cpuQuotaMicros, 'max');
  await removeManaged(managed);
  assert.equal(findManaged(tree, 'pod/vm'), undefined);
  assert.throws(() => applySetting(managed, 'pidsMax', 5), { code: 'ENOENT' });
  assert.deepEqual(openFds(), before);
});

void test('a frozen cgroup stands still, goes on, and is removed while frozen', { skip }, async () => {
  await using cleanup = new AsyncDisposableStack();
  const tree = ownTree(cleanup);
  const managed = createManaged(tree, 'vm');
  const child = start(cleanup, 'sh', ['-c', 'while read -r line; do echo "$line"; done']);
  assert.ok(child.stdout !== null && child.stdin !== null);
  attachProcessTo(managed, child.pid ?? 0);
  await freeze(managed);
  assert.equal(readFrozen(managed), true);
  assert.equal(observe(managed).frozen, true);
  const answered = once(child.stdout, 'data');
  child.stdin.write('hello\n');
  await thaw(managed);
  assert.equal(String((await withDeadline(answered, DEADLINE_MS, 'an answer'))[0]), 'hello\n');
  await freeze(managed);
  const exited = once(child, 'exit');
  await removeManaged(managed);
  await withDeadline(exited, DEADLINE_MS, 'the frozen process');
});

void test('a process that forks all the time is moved with all its children', { skip }, async () => {
  await using cleanup = new AsyncDisposableStack();
  const tree = ownTree(cleanup);
  const managed = createManaged(tree, 'vm');
  const child = start(cleanup, 'sh', [
    '-c',
    'while :; do sleep 60 & sleep 0.001; n=$((n+1)); [ $n = 150 ] && wait; done',
  ]);
  const pid = child.pid ?? 0;
  await pollUntil(() => (readChildren(pid).length > 20 ? true : undefined), {
    timeoutMs: DEADLINE_MS,
    intervalMs: 1,
    doing: 'wait for forks',
  });
  attachProcessTree(managed, pid);
  const members = new Set(listCgroupPids(openCgroup(tree.layout, managed.path)));
  const outside = readChildren(pid).filter((other) => !members.has(other) && isAlive(other));
  // What was born since the list was read is inside, too.
  const now = new Set(listCgroupPids(openCgroup(tree.layout, managed.path)));
  assert.deepEqual(
    outside.filter((other) => !now.has(other) && isAlive(other)),
    [],
  );
  assert.ok(members.size > 20);
  await removeManaged(managed);
  assert.equal(isAlive(pid), false);
});

function readChildren(pid: number): number[] {
  return fs.readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
}

function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(fs.readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

void test('single threads go to a child cgroup, the others stay', { skip }, async () => {
  await using cleanup = new AsyncDisposableStack();
  const tree = ownTree(cleanup);
  const managed = createManaged(tree, 'vm');
  const child = start(cleanup, process.execPath, ['-e', 'process.stdin.resume(); console.log("up")']);
  assert.ok(child.stdout !== null);
  await withDeadline(once(child.stdout, 'data'), DEADLINE_MS, 'node to start');
  const pid = child.pid ?? 0;
  attachProcessTo(managed, pid);
  const place = placeOf(managed, 'cpuset');
  assert.ok(place !== undefined);
  const cpus = withPlace(managed, place, (directory) => readFileAt(directory, 'cpuset.cpus'));
  const threads = ensureThreadChild(managed, 'housekeeping', cpus === undefined ? '' : '0');
  const tid = (listThreads(pid) ?? []).map((thread) => thread.tid).find((id) => id !== pid) ?? 0;
  attachThreadTo(threads, tid);
  const file = place.hierarchy.kind === 'v2' ? 'cgroup.threads' : 'tasks';
  const [inside] = threads.places;
  assert.ok(inside !== undefined);
  assert.equal(withPlace(threads, inside, (directory) => readFileAt(directory, file))?.trim(), String(tid));
  assert.equal(ensureThreadChild(managed, 'housekeeping', '').path, threads.path);
});

void test('the v2 hierarchy takes threads as well', { skip }, async (t) => {
  await using cleanup = new AsyncDisposableStack();
  const layout = readLayout();
  const v2 = layout.hierarchies.filter(({ kind }) => kind === 'v2');
  if (v2.length === 0) {
    t.skip('no cgroup v2 hierarchy');
    return;
  }
  const tree = { ...ownTree(cleanup), layout: { version: 'v2' as const, hierarchies: v2 } };
  const managed = createManaged(tree, 'threads');
  const child = start(cleanup, process.execPath, ['-e', 'process.stdin.resume(); console.log("up")']);
  assert.ok(child.stdout !== null);
  await withDeadline(once(child.stdout, 'data'), DEADLINE_MS, 'node to start');
  const pid = child.pid ?? 0;
  attachProcessTo(managed, pid);
  const threads = ensureThreadChild(managed, 'housekeeping', '');
  const tid = (listThreads(pid) ?? []).map((thread) => thread.tid).find((id) => id !== pid) ?? 0;
  attachThreadTo(threads, tid);
  assert.match(fs.readFileSync(`/proc/${tid}/cgroup`, 'utf8'), /^0::.*\/housekeeping$/m);
  assert.match(fs.readFileSync(`/proc/${pid}/cgroup`, 'utf8'), /^0::.*\/threads$/m);
});

void test('freezing and device programs on the v2 hierarchy', { skip }, async (t) => {
  await using cleanup = new AsyncDisposableStack();
  const layout = readLayout();
  const v2 = layout.hierarchies.filter(({ kind }) => kind === 'v2');
  if (v2.length === 0 || findDeviceProgramObstacle() !== undefined) {
    t.skip('no cgroup v2 hierarchy, or no device programs');
    return;
  }
  const tree = { ...ownTree(cleanup), layout: { version: 'v2' as const, hierarchies: v2 } };
  const managed = createManaged(tree, 'vm');
  const child = start(cleanup, 'sleep', ['60']);
  attachProcessTo(managed, child.pid ?? 0);
  await freeze(managed);
  const want: CgroupWant = { devices: parseDeviceRules('c 1:3 rw\n') };
  const watching = (): CgroupObservation => observeCgroup(openCgroup(tree.layout, managed.path));
  assert.equal(watching().frozen, true);
  assert.equal(watching().populated, true);
  const ops = planCgroup(want, watching());
  assert.equal(ops.length, 1);
  ops.forEach((op) => applyCgroupOp(managed, op));
  assert.deepEqual(planCgroup(want, watching()), []);
  const exited = once(child, 'exit');
  await removeManaged(managed);
  await withDeadline(exited, DEADLINE_MS, 'the frozen process');
});

void test('adopted: values yes, removal no, and only what belongs to the Pod', { skip }, async () => {
  await using cleanup = new AsyncDisposableStack();
  const tree = ownTree(cleanup);
  const podUid = '6e1c2f0a-1111-2222-3333-444455556666';
  const runtime = createManaged(tree, `pod${podUid}/container`);
  const child = start(cleanup, 'sleep', ['60']);
  const pid = child.pid ?? 0;
  assert.throws(() => adoptCgroup(tree.layout, { pid, podUid }), { code: 'BadCgroup' });
  attachProcessTo(runtime, pid);
  const adopted = adoptCgroup(tree.layout, { pid, podUid });
  assert.equal(adopted.path, runtime.path);
  assert.equal(adopted.places.length, runtime.places.length);
  applySetting(adopted, 'pidsMax', 33);
  setDeviceRules(adopted, parseDeviceRules('c 1:3 rw\n'));
  assert.equal(observe(adopted).pidsMax, 33);
  await assert.rejects(removeManaged(adopted), { code: 'BadCgroup' });
  assert.ok(findCgroupOfProcess(tree.layout, pid) !== undefined);
  assert.throws(() => adoptCgroup(tree.layout, { pid, podUid: podUid.replace('6', '7') }), { code: 'BadCgroup' });
  assert.throws(() => adoptCgroup(tree.layout, { pid: process.pid, podUid }), { code: 'BadCgroup' });
});

void test('events: populated, empty, gone', { skip }, async (t) => {
  await using cleanup = new AsyncDisposableStack();
  const tree = ownTree(cleanup);
  if (tree.layout.hierarchies.every(({ kind }) => kind === 'v1')) {
    t.skip('v1 tells no such events');
    return;
  }
  const managed = createManaged(tree, 'vm');
  const seen: CgroupEvent[] = [];
  let wake = (): void => undefined;
  const watcher = watchCgroup(managed, (event) => {
    seen.push(event);
    wake();
  });
  cleanup.defer(() => watcher[Symbol.dispose]());
  // The watch alone does not keep this process alive.
  const alive = setInterval(() => undefined, 1000);
  cleanup.defer(() => clearInterval(alive));
  const until = async (kind: string, populated?: boolean): Promise<void> => {
    const found = (): boolean =>
      seen.some((event) => event.kind === kind && (event.kind !== 'populated' || event.populated === populated));
    while (!found()) {
      await withDeadline(
        new Promise<void>((resolve) => {
          wake = resolve;
        }),
        DEADLINE_MS,
        `${kind} ${populated}`,
      );
    }
  };
  const child = start(cleanup, 'sleep', ['60']);
  attachProcessTo(managed, child.pid ?? 0);
  await until('populated', true);
  child.kill('SIGKILL');
  await until('populated', false);
  await removeManaged(managed);
  await until('gone');
});

void test('an OOM kill is told', { skip }, async () => {
  await using cleanup = new AsyncDisposableStack();
  const tree = ownTree(cleanup);
  const managed = createManaged(tree, 'vm');
  applySetting(managed, 'memoryMaxBytes', 16n << 20n);
  const told = Promise.withResolvers<CgroupEvent>();
  const watcher = watchCgroup(managed, (event) => {
    if (event.kind === 'oom-kill') {
      told.resolve(event);
    }
  });
  cleanup.defer(() => watcher[Symbol.dispose]());
  const child = start(cleanup, 'sh', ['-c', 'read -r go; exec head -c 200000000 /dev/zero | tail']);
  attachProcessTo(managed, child.pid ?? 0);
  child.stdin?.write('go\n');
  assert.deepEqual(await withDeadline(told.promise, 10_000, 'an OOM kill'), { kind: 'oom-kill', total: 1n });
  assert.equal(observe(managed).oomKills, 1);
});

void test('pressure is read, and a trigger tells of it', { skip }, async (t) => {
  await using cleanup = new AsyncDisposableStack();
  const tree = ownTree(cleanup);
  const managed = createManaged(tree, 'vm');
  if (readPressure(managed, 'cpu') === undefined) {
    t.skip('the kernel keeps no pressure here');
    return;
  }
  assert.equal(readPressure(managed, 'cpu')?.some.average10, 0);
  // The watch alone does not keep this process alive.
  const alive = setInterval(() => undefined, 1000);
  cleanup.defer(() => clearInterval(alive));
  const told = Promise.withResolvers<void>();
  const trigger = { resource: 'cpu', kind: 'some', stallMicros: 20_000, windowMicros: 2_000_000 } as const;
  const watcher = watchPressure(managed, trigger, told.resolve);
  cleanup.defer(() => watcher[Symbol.dispose]());
  // Three busy loops on one CPU wait for one another.
  for (let index = 0; index < 3; index += 1) {
    const child = start(cleanup, 'taskset', ['-c', '0', 'sh', '-c', 'read -r go; while :; do :; done']);
    attachProcessTo(managed, child.pid ?? 0);
    child.stdin?.write('go\n');
  }
  await withDeadline(told.promise, 10_000, 'pressure');
  assert.throws(() => watchPressure(managed, { ...trigger, windowMicros: 1 }, () => undefined), {
    op: 'write',
    code: 'EINVAL',
  });
});
