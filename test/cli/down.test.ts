import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { withDeadline } from '../../src/base/deadline.ts';
import { identify } from '../../src/cmd/pid-file.ts';
import { vmlet } from './server.ts';

const options = { skip: process.getuid?.() !== 0 && 'needs root' };

test('down ends the process that the pid file names, and no other', options, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'vmlet-down-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const pidFile = join(directory, 'vmlet.pid');
  const down = (...words: string[]) => vmlet(['down', '--run-dir', directory, ...words]);
  assert.deepEqual(await down(), { code: 0, signal: null, out: 'vmlet is not running\n', err: '' });

  const bystander = spawn('/bin/sleep', ['60']);
  t.after(() => bystander.kill('SIGKILL'));
  await once(bystander, 'spawn');
  // The pid was vmlet's once; since then another program got it.
  writeFileSync(pidFile, JSON.stringify({ pid: bystander.pid, startTicks: '1' }));
  assert.equal((await down()).out, 'vmlet is not running\n');
  assert.equal(bystander.exitCode ?? bystander.signalCode, null);
  for (const nonsense of ['', '{}', 'null', '{"pid":-1,"startTicks":"1"}']) {
    writeFileSync(pidFile, nonsense);
    assert.equal((await down()).out, 'vmlet is not running\n', nonsense);
  }

  const running = spawn('/bin/sleep', ['60']);
  t.after(() => running.kill('SIGKILL'));
  await once(running, 'spawn');
  const closed = once(running, 'close');
  writeFileSync(pidFile, JSON.stringify(identify(running.pid ?? 0)));
  assert.equal((await down()).out, 'vmlet stopped; VMs that run keep running\n');
  assert.deepEqual(await withDeadline(closed, 10_000, 'the end'), [null, 'SIGTERM']);
});

test('one that does not end is said so after the time given', options, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'vmlet-down-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const stubborn = spawn('/bin/sh', ['-c', 'trap "" TERM; echo ready; while :; do read line || exit; done'], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  t.after(() => stubborn.kill('SIGKILL'));
  await withDeadline(once(stubborn.stdout, 'data'), 10_000, 'the shell');
  writeFileSync(join(directory, 'vmlet.pid'), JSON.stringify(identify(stubborn.pid ?? 0)));
  const { code, err } = await vmlet(['down', '--run-dir', directory, '--timeout', '0.3']);
  assert.equal(code, 1);
  assert.match(err, /^vmlet: waiting for vmlet \(pid \d+\) to end: not reached within 300 ms\n$/);
  const wrong = await vmlet(['down', '--timeout', 'soon']);
  assert.equal(wrong.code, 2);
  assert.equal(wrong.err, 'vmlet: --timeout takes seconds, not "soon"\n');
});
