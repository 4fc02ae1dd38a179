import assert from 'node:assert/strict';
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { test, type TestContext } from 'node:test';
import { pollUntil } from '../../base/deadline.ts';
import { openFds } from '../../linux/fd/fd.ts';
import { kernelKeepsExits } from '../../linux/process/kept-exit.test-helper.ts';
import { createReactor } from '../../linux/reactor/reactor.ts';
import { describeEnd, isUnexpected, type ProcessEnd } from './process-end.ts';
import { type ProcessWatch, type Sandbox, watchProcesses } from './processes.ts';

interface FakeSandbox extends Sandbox {
  readonly qemuPid: number;
  /** Starts another daemon and gives its pid. */
  restartDaemon(): Promise<number>;
}

/** A shell as PID 1 that takes the status of whatever ends, with a daemon and a QEMU that only sleep. */
const init = `
daemon() { sleep 60 & echo $!; }
trap : CHLD
daemon
"$0" -c 'while :; do sleep 60; done' -name guest=default_demo,debug-threads=on & echo $!
while :; do read -r line && daemon; done
`;

async function startSandbox(t: TestContext): Promise<FakeSandbox> {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'vmlet-processes-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const qemu = path.join(directory, 'qemu-system-x86_64');
  copyFileSync('/bin/sh', qemu);
  const child: ChildProcessByStdio<Writable, Readable, null> = spawn('/bin/bash', ['-c', init, qemu], {
    stdio: ['pipe', 'pipe', 'ignore'],
    detached: true,
  });
  const exited = once(child, 'exit');
  t.after(async () => {
    if (child.exitCode === null && child.signalCode === null) {
      // Its own process group, made by this test.
      process.kill(-(child.pid ?? 0), 'SIGKILL');
      await exited;
    }
  });
  const lines: Interface = createInterface(child.stdout);
  const read = lines[Symbol.asyncIterator]();
  const nextPid = async (): Promise<number> => Number((await read.next()).value);
  const daemonPid = await nextPid();
  const qemuPid = await nextPid();
  return {
    initPid: child.pid ?? 0,
    daemonPid,
    qemuPid,
    domain: 'default_demo',
    async restartDaemon() {
      child.stdin.write('\n');
      return nextPid();
    },
  };
}

interface Watching {
  readonly watch: ProcessWatch;
  readonly ends: ProcessEnd[];
  readonly next: () => Promise<ProcessEnd>;
}

function startWatch(t: TestContext): Watching {
  const reactor = createReactor();
  reactor.ref();
  const ends: ProcessEnd[] = [];
  const watch = watchProcesses({
    reactor,
    onEnd: (end) => void ends.push(end),
    onError: (error) => assert.fail(String(error)),
  });
  t.after(() => {
    watch[Symbol.dispose]();
    reactor.close();
    assert.deepEqual(
      openFds().filter((fd) => fd.includes('process ')),
      [],
    );
  });
  let told = 0;
  return {
    watch,
    ends,
    async next() {
      const end = await pollUntil(() => ends[told], { timeoutMs: 5000, intervalMs: 1, doing: 'an end' });
      told += 1;
      return end;
    },
  };
}

/** Follows once QEMU has its own name, which the shell gives it only after the fork. */
async function followAll({ watch }: Watching, sandbox: FakeSandbox): Promise<void> {
  const { readStat } = await import('../../linux/process/process.ts');
  await pollUntil(() => (readStat(sandbox.qemuPid)?.comm.startsWith('qemu-system') === true ? true : undefined), {
    timeoutMs: 5000,
    intervalMs: 1,
    doing: 'waiting for the name of QEMU',
  });
  watch.follow(sandbox);
}

test('QEMU that is killed is told at once, with the signal', async (t) => {
  const sandbox = await startSandbox(t);
  const watching = startWatch(t);
  await followAll(watching, sandbox);
  const killedAtMs = performance.now();
  process.kill(sandbox.qemuPid, 'SIGKILL');
  const end = await watching.next();
  const tookMs = performance.now() - killedAtMs;
  t.diagnostic(`told after ${tookMs.toFixed(1)} ms`);
  assert.ok(tookMs < 500, `${tookMs} ms`);
  assert.deepEqual([end.role, end.pid, end.withSandbox], ['QEMU', sandbox.qemuPid, false]);
  // On older kernels its parent may have been faster.
  if (kernelKeepsExits || end.exit !== undefined) {
    assert.deepEqual(end.exit, { kind: 'killed', signal: 'SIGKILL', coreDumped: false });
    assert.equal(isUnexpected(end), true);
    assert.equal(describeEnd(end), `QEMU (pid ${sandbox.qemuPid}) was ended by SIGKILL`);
  }
  assert.deepEqual(watching.watch.lastEnd('QEMU'), end);
});

test('a daemon that is started again is followed anew, each end told once', async (t) => {
  const sandbox = await startSandbox(t);
  const watching = startWatch(t);
  await followAll(watching, sandbox);
  watching.watch.follow(sandbox);
  process.kill(sandbox.daemonPid, 'SIGTERM');
  assert.equal((await watching.next()).pid, sandbox.daemonPid);
  const daemonPid = await sandbox.restartDaemon();
  watching.watch.follow({ ...sandbox, daemonPid });
  assert.equal(watching.watch.lastEnd('libvirt daemon'), undefined, 'another one runs');
  process.kill(daemonPid, 'SIGKILL');
  assert.match(describeEnd(await watching.next()), /^libvirt daemon \(pid \d+\) (was ended by SIGKILL|ended)$/);
  assert.deepEqual(
    watching.ends.map(({ role, pid }) => `${role} ${pid}`),
    [`libvirt daemon ${sandbox.daemonPid}`, `libvirt daemon ${daemonPid}`],
  );
});

test('what ends with its sandbox is told as that', async (t) => {
  const sandbox = await startSandbox(t);
  const watching = startWatch(t);
  await followAll(watching, sandbox);
  process.kill(-sandbox.initPid, 'SIGKILL');
  const ends = [await watching.next(), await watching.next(), await watching.next()];
  assert.deepEqual(ends.map(({ role }) => role).toSorted(), ['QEMU', 'init', 'libvirt daemon']);
  assert.deepEqual(
    ends.filter(({ role }) => role !== 'init').map(({ withSandbox }) => withSandbox),
    [true, true],
  );
  assert.equal(watching.watch.lastEnd('init')?.withSandbox, false);
});

test('a pid that is not in the sandbox is not followed', async (t) => {
  const sandbox = await startSandbox(t);
  const watching = startWatch(t);
  const stranger = spawn('sleep', ['60']);
  t.after(() => stranger.kill('SIGKILL'));
  await followAll(watching, sandbox);
  watching.watch.follow({ ...sandbox, daemonPid: stranger.pid ?? 0 });
  stranger.kill('SIGKILL');
  await once(stranger, 'exit');
  process.kill(sandbox.daemonPid, 'SIGKILL');
  assert.equal((await watching.next()).pid, sandbox.daemonPid);
});
