import assert from 'node:assert/strict';
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { test, type TestContext } from 'node:test';
import { openFds } from '../fd/fd.ts';
import { createReactor } from '../reactor/reactor.ts';
import { isEnding, readExit } from './exit.ts';
import { readIdentity } from './identity.ts';
import { kernelKeepsExits } from './kept-exit.test-helper.ts';
import { openPidFd, sendSignal, waitForExit } from './pidfd.ts';
import { readStat } from './process.ts';
import type { ProcessIdentity } from './types.ts';
import { decodeWaitStatus, formatExit } from './wait-status.ts';

/** Runs a shell that starts a process in the background, says its pid, and goes on with `then`. */
async function grandchild(t: TestContext, program: string, then: string): Promise<ProcessIdentity> {
  const shell: ChildProcessByStdio<null, Readable, null> = spawn(
    'sh',
    ['-c', `${program} >/dev/null & echo $!; ${then}`],
    { stdio: ['ignore', 'pipe', 'ignore'], detached: true },
  );
  // Its own process group, made by this test.
  t.after(() => process.kill(-(shell.pid ?? 0), 'SIGKILL'));
  const [line] = (await once(shell.stdout, 'data')) as [Buffer];
  const identity = readIdentity(Number(line.toString()));
  assert.ok(identity !== undefined);
  return identity;
}

test('what waitpid(2) gives is read as sys/wait.h does', () => {
  assert.deepEqual(decodeWaitStatus(0), { kind: 'exited', code: 0 });
  assert.deepEqual(decodeWaitStatus(0x0300), { kind: 'exited', code: 3 });
  assert.deepEqual(decodeWaitStatus(9), { kind: 'killed', signal: 'SIGKILL', coreDumped: false });
  assert.deepEqual(decodeWaitStatus(0x86), { kind: 'killed', signal: 'SIGABRT', coreDumped: true });
  assert.equal(formatExit(decodeWaitStatus(40)), 'was ended by signal 40');
  assert.equal(formatExit(decodeWaitStatus(0x8b)), 'was ended by SIGSEGV and left a core dump');
  assert.equal(formatExit(decodeWaitStatus(0x100)), 'exited with code 1');
});

test('how a process ended that nobody waits for is told, while it is a zombie', async (t) => {
  const reactor = createReactor();
  t.after(() => reactor.close());
  const identity = await grandchild(t, 'sleep 60', 'exec sleep 60');
  using pidFd = openPidFd(identity.pid, identity.startTicks);
  assert.ok(pidFd !== undefined);
  assert.equal(readExit(pidFd, identity), undefined, 'it runs');
  assert.equal(isEnding(identity), false);
  sendSignal(pidFd, 'SIGKILL');
  await waitForExit(reactor, pidFd, { timeoutMs: 5000 });
  assert.equal(readStat(identity.pid)?.state, 'Z');
  assert.equal(isEnding(identity), true);
  assert.deepEqual(readExit(pidFd, identity), { kind: 'killed', signal: 'SIGKILL', coreDumped: false });
});

test('and after its parent has taken the status, where the kernel keeps it', async (t) => {
  const before = openFds().length;
  {
    const reactor = createReactor();
    using _reactor = { [Symbol.dispose]: () => reactor.close() };
    const identity = await grandchild(t, 'sh -c "sleep 0.1; exit 3"', 'while :; do wait; sleep 0.01; done');
    using pidFd = openPidFd(identity.pid, identity.startTicks);
    assert.ok(pidFd !== undefined);
    await waitForExit(reactor, pidFd, { timeoutMs: 5000 });
    for (const endMs = Date.now() + 5000; readStat(identity.pid)?.startTicks === identity.startTicks;) {
      assert.ok(Date.now() < endMs, 'the parent takes the status');
      await new Promise(setImmediate);
    }
    const exit = readExit(pidFd, identity);
    assert.ok(exit !== undefined || !kernelKeepsExits);
    assert.ok(exit === undefined || formatExit(exit) === 'exited with code 3', JSON.stringify(exit));
    assert.equal(isEnding(identity), true);
  }
  assert.equal(openFds().length, before);
});

test('a process that was sent SIGKILL is ending before it has ended', async (t) => {
  const identity = await grandchild(t, 'sleep 60', 'exec sleep 60');
  using pidFd = openPidFd(identity.pid, identity.startTicks);
  assert.ok(pidFd !== undefined);
  sendSignal(pidFd, 'SIGKILL');
  assert.equal(isEnding(identity), true);
});
