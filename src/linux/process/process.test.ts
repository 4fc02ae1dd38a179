import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { DecodeError } from '../../base/errors.ts';
import { openFds } from '../fd/fd.ts';
import { createReactor } from '../reactor/reactor.ts';
import { borrowDescriptor } from './borrow-descriptor.ts';
import { parseProcessCgroups, parseSmapsRollup, parseStat, parseStatus } from './parse.ts';
import { openPidFd, sendSignal, terminate, waitForExit } from './pidfd.ts';
import {
  listFds,
  listPids,
  listThreads,
  readCgroups,
  readCommandLine,
  readMemory,
  readNamespaceInodes,
  readStat,
  readStatus,
} from './process.ts';

const NO_SUCH_PID = 2 ** 22 + 1;

void test('a stat line with a hostile comm', () => {
  const numbers = Array.from({ length: 49 }, (_, index) => index + 4).join(' ');
  const stat = parseStat(`12 (a) S 1 (b) R ${numbers}\n`);
  assert.equal(stat.comm, 'a) S 1 (b');
  assert.equal(stat.state, 'R');
  assert.equal(stat.parentPid, 4);
  assert.equal(stat.startTicks, 22n);
  assert.equal(stat.threadCount, 20);
});

void test('cgroup lines of v1, named and v2 hierarchies', () => {
  assert.deepEqual(parseProcessCgroups('4:cpu,cpuacct:/a:b\n1:name=systemd:/\n0::/x\n'), [
    { hierarchy: 4, controllers: ['cpu', 'cpuacct'], path: '/a:b' },
    { hierarchy: 1, controllers: ['name=systemd'], path: '/' },
    { hierarchy: 0, controllers: [], path: '/x' },
  ]);
});

void test('any text gives a value or a DecodeError', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.string().map((text) => `1 (x) ${text}`),
      ),
      (text) => {
        for (const parse of [parseStat, parseStatus, parseSmapsRollup, parseProcessCgroups]) {
          try {
            parse(text);
          } catch (error) {
            assert.ok(error instanceof DecodeError, String(error));
          }
        }
      },
    ),
  );
});

void test('the readers see this process, and nothing where none is', () => {
  const stat = readStat(process.pid);
  assert.equal(stat?.parentPid, process.ppid);
  assert.ok(stat.startTicks > 0n);
  assert.deepEqual(readStatus(process.pid)?.uids[0], process.getuid?.());
  assert.equal(readStatus(process.pid)?.namespacePids.at(-1), process.pid);
  assert.equal(listThreads(process.pid)?.[0]?.tid, process.pid);
  assert.ok(listFds(process.pid)?.some((entry) => entry.fd === 0));
  assert.equal(readNamespaceInodes(process.pid)?.net, fs.statSync('/proc/self/ns/net').ino);
  assert.equal(readCommandLine(process.pid)?.[0], process.argv0);
  assert.ok((readCgroups(process.pid)?.length ?? 0) > 0);
  assert.ok(listPids().includes(process.pid));
  const memory = readMemory(process.pid);
  assert.ok(memory !== undefined && memory.anonymousBytes > 0 && memory.proportionalBytes <= memory.residentBytes);
  for (const read of [
    readStat,
    readStatus,
    readMemory,
    readCgroups,
    readCommandLine,
    listThreads,
    listFds,
    readNamespaceInodes,
  ]) {
    assert.equal(read(NO_SUCH_PID), undefined, read.name);
  }
});

void test('waiting for an exit, a deadline, and a pid of another time', async () => {
  const before = openFds().length;
  const reactor = createReactor();
  const child = spawn('sleep', ['60']);
  try {
    const pid = child.pid ?? 0;
    const stat = readStat(pid);
    assert.equal(openPidFd(pid, (stat?.startTicks ?? 0n) + 1n), undefined);
    using pidFd = openPidFd(pid, stat?.startTicks);
    assert.ok(pidFd !== undefined);
    await assert.rejects(waitForExit(reactor, pidFd, { timeoutMs: 20 }), { code: 'Cancelled' });
    await assert.rejects(
      waitForExit(reactor, pidFd, { timeoutMs: 5000, signal: AbortSignal.abort(new Error('stop')) }),
      /stop/,
    );
    const exited = once(child, 'exit');
    assert.equal(await terminate(reactor, pidFd, { graceMs: 5000 }), 'terminated');
    await exited;
    assert.equal(sendSignal(pidFd, 'SIGTERM'), false);
  } finally {
    child.kill('SIGKILL');
    reactor.close();
  }
  assert.equal(openPidFd(NO_SUCH_PID), undefined);
  assert.equal(openFds().length, before);
});

void test('a process that ignores SIGTERM is killed after the grace time', async () => {
  const reactor = createReactor();
  const child = spawn('sh', ['-c', 'trap "" TERM; echo ready; while :; do sleep 60 & wait $!; done'], {
    stdio: ['ignore', 'pipe', 'ignore'],
    detached: true,
  });
  const pid = child.pid ?? 0;
  try {
    await once(child.stdout, 'data');
    using pidFd = openPidFd(pid);
    assert.ok(pidFd !== undefined);
    assert.equal(await terminate(reactor, pidFd, { graceMs: 50 }), 'killed');
  } finally {
    // Its own process group, made by this test: the sleep goes too.
    process.kill(-pid, 'SIGKILL');
    reactor.close();
  }
});

void test(
  'a descriptor of a child is borrowed as the same open file',
  { skip: process.getuid?.() !== 0 && 'needs root' },
  async () => {
    using cleanup = new DisposableStack();
    const before = openFds().length;
    const child = spawn(
      'sh',
      ['-c', 'exec 7<"$0"; read -r first <&7; echo "$first"; exec sleep 60', '/proc/self/status'],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    cleanup.defer(() => void child.kill('SIGKILL'));
    await once(child.stdout, 'data');
    {
      using pidFd = openPidFd(child.pid ?? 0);
      assert.ok(pidFd !== undefined);
      using borrowed = borrowDescriptor(pidFd, 7);
      assert.ok(borrowed !== undefined);
      // The shell has read the first line, and the position is shared.
      assert.ok(!fs.readFileSync(borrowed.value, 'utf8').startsWith('Name:'));
      assert.equal(borrowDescriptor(pidFd, 999), undefined);
    }
    assert.equal(openFds().length, before);
  },
);
