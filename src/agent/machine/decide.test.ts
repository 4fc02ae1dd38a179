import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { VirtualMachineInstance } from '../../vm/kinds/virtualmachineinstance/types.ts';
import { correctDomain, decide, type DomainObservation, type MachineSnapshot } from './decide.ts';

const deletedAtMs = Date.parse('2026-01-01T00:00:00Z');

function vmi(options: {
  phase?: 'Scheduled' | 'Running' | 'Failed';
  deleted?: boolean;
  grace?: number;
  acpi?: boolean;
}): VirtualMachineInstance {
  return {
    apiVersion: 'kubevirt.io/v1',
    kind: 'VirtualMachineInstance',
    metadata: {
      name: 'demo',
      namespace: 'default',
      ...(options.deleted === true ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {}),
    },
    spec: {
      domain: {
        devices: {},
        ...(options.acpi === undefined ? {} : { features: { acpi: { enabled: options.acpi } } }),
      },
      ...(options.grace === undefined ? {} : { terminationGracePeriodSeconds: options.grace }),
    },
    status: { phase: options.phase ?? 'Scheduled' },
  };
}

function ready(state: DomainObservation['state'], reason = 'unknown'): MachineSnapshot['sandbox'] {
  return { kind: 'ready', domain: { state, reason } };
}

type Case = [name: string, snapshot: Partial<MachineSnapshot>, expected: string, phase?: string];

const cases: Case[] = [
  ['no domain yet: start', { sandbox: ready('absent') }, 'start'],
  ['defined but never started: start', { sandbox: ready('shutoff', 'unknown') }, 'start'],
  ['a failed start is tried again', { sandbox: ready('shutoff', 'failed') }, 'start'],
  ['running', { sandbox: ready('running', 'booted') }, 'publishRunning'],
  ['paused by the user stays', { sandbox: ready('paused', 'user'), vmi: vmi({ phase: 'Running' }) }, 'publishRunning'],
  ['a start whose daemon died is tried again', { sandbox: ready('shutoff', 'daemon') }, 'start'],
  ['a start under way is waited for', { sandbox: ready('paused', 'startingUp') }, 'none'],
  ['a hung daemon of a VM that is wanted', { sandbox: { kind: 'unreachable', forMs: 60_000 } }, 'waitForSandbox'],
  [
    'a hung daemon does not hold up the end for ever',
    { sandbox: { kind: 'unreachable', forMs: 10_000 }, vmi: vmi({ phase: 'Running', deleted: true, grace: 0 }) },
    'publishEnded',
    'Failed',
  ],
  ['libvirt does not answer', { sandbox: { kind: 'unreachable', forMs: 0 } }, 'waitForSandbox'],
  [
    'guest shut down',
    { sandbox: ready('shutoff', 'shutdown'), vmi: vmi({ phase: 'Running' }) },
    'publishEnded',
    'Succeeded',
  ],
  ['QEMU killed', { sandbox: ready('shutoff', 'crashed'), vmi: vmi({ phase: 'Running' }) }, 'publishEnded', 'Failed'],
  ['QEMU killed before Running was published', { sandbox: ready('shutoff', 'crashed') }, 'publishEnded', 'Failed'],
  [
    'ended unseen while Running',
    { sandbox: ready('shutoff', 'unknown'), vmi: vmi({ phase: 'Running' }) },
    'publishEnded',
    'Failed',
  ],
  [
    'destroyed with ACPI',
    { sandbox: ready('shutoff', 'destroyed'), vmi: vmi({ phase: 'Running' }) },
    'publishEnded',
    'Failed',
  ],
  [
    'destroyed without ACPI',
    { sandbox: ready('shutoff', 'destroyed'), vmi: vmi({ phase: 'Running', acpi: false }) },
    'publishEnded',
    'Succeeded',
  ],
  ['panicked', { sandbox: ready('crashed', 'panicked'), vmi: vmi({ phase: 'Running' }) }, 'publishEnded', 'Failed'],
  ['deleted: ask the guest', { sandbox: ready('running'), vmi: vmi({ phase: 'Running', deleted: true }) }, 'shutdown'],
  [
    'deleted, asked 1 s ago: wait',
    { sandbox: ready('running'), vmi: vmi({ phase: 'Running', deleted: true }), shutdownAskedAtMs: deletedAtMs },
    'none',
  ],
  [
    'deleted, asked 5 s ago: ask again',
    { sandbox: ready('running'), vmi: vmi({ phase: 'Running', deleted: true }), shutdownAskedAtMs: deletedAtMs - 4000 },
    'shutdown',
  ],
  ['grace over', { sandbox: ready('running'), vmi: vmi({ phase: 'Running', deleted: true, grace: 1 }) }, 'destroy'],
  ['grace 0', { sandbox: ready('running'), vmi: vmi({ phase: 'Running', deleted: true, grace: 0 }) }, 'destroy'],
  ['deleted before start', { sandbox: ready('absent'), vmi: vmi({ deleted: true }) }, 'publishEnded', 'Succeeded'],
  [
    'sandbox gone',
    { sandbox: { kind: 'gone', exitCode: 137 }, vmi: vmi({ phase: 'Running' }) },
    'publishEnded',
    'Failed',
  ],
  [
    'sandbox ended politely',
    { sandbox: { kind: 'gone', exitCode: 0 }, vmi: vmi({ phase: 'Running' }) },
    'publishEnded',
    'Succeeded',
  ],
  ['final phases are left alone', { sandbox: { kind: 'gone' }, vmi: vmi({ phase: 'Failed' }) }, 'none'],
];

for (const [name, partial, expected, phase] of cases) {
  test(name, () => {
    const { action } = decide({
      vmi: vmi({}),
      sandbox: { kind: 'unreachable', forMs: 0 },
      nowMs: deletedAtMs + 1000,
      shutdownAskedAtMs: undefined,
      ...partial,
    });
    assert.equal(action.kind, expected);
    if (action.kind === 'publishEnded') {
      assert.equal(action.phase, phase);
      assert.notEqual(action.message, '');
    }
  });
}

test('the kill comes no later than the end of the grace period', () => {
  const decision = decide({
    vmi: vmi({ phase: 'Running', deleted: true, grace: 3 }),
    sandbox: ready('running'),
    nowMs: deletedAtMs + 1000,
    shutdownAskedAtMs: undefined,
  });
  assert.equal(decision.againAfterMs, 2000);
});

test('an end for want of memory is called that, whether QEMU or the whole sandbox was killed', () => {
  const running = vmi({ phase: 'Running' });
  const ends = [
    { sandbox: { kind: 'ready', domain: { state: 'shutoff', reason: 'failed' } }, outOfMemory: true },
    { sandbox: { kind: 'gone', exitCode: 137, reason: 'OOMKilled' } },
  ] as const;
  for (const end of ends) {
    const { action } = decide({ vmi: running, nowMs: 0, shutdownAskedAtMs: undefined, ...end });
    assert.ok(action.kind === 'publishEnded');
    assert.equal(action.phase, 'Failed');
    assert.equal(action.reason, 'OOMKilled');
    assert.match(action.message, /memory limit.*limits\.memory/);
  }
  // A guest that shut down by itself did so, whatever was killed beside it.
  const { action } = decide({
    vmi: running,
    nowMs: 0,
    shutdownAskedAtMs: undefined,
    sandbox: { kind: 'ready', domain: { state: 'shutoff', reason: 'shutdown' } },
    outOfMemory: true,
  });
  assert.ok(action.kind === 'publishEnded');
  assert.equal(action.reason, 'GuestShutdown');
});

const killed = {
  role: 'QEMU',
  pid: 4711,
  exit: { kind: 'killed', signal: 'SIGKILL', coreDumped: false },
  withSandbox: false,
} as const;

test('the kernel has the last word on whether QEMU runs, libvirt on how the guest ended', () => {
  const running = { state: 'running', reason: 'booted' } as const;
  const died = { state: 'shutoff', reason: 'crashed' } as const;
  assert.deepEqual(correctDomain(running, killed), died, 'libvirt has not noticed yet');
  assert.deepEqual(correctDomain(undefined, killed), died, 'libvirt does not answer');
  assert.deepEqual(correctDomain({ state: 'absent', reason: 'unknown' }, killed), died);
  const known = { state: 'shutoff', reason: 'destroyed' } as const;
  assert.equal(correctDomain(known, killed), known);
  assert.equal(correctDomain(running, undefined), running);
  const left = { ...killed, exit: { kind: 'exited', code: 0 } } as const;
  assert.equal(correctDomain(running, left), running, 'what it ended by, libvirt will tell');
  assert.equal(correctDomain(undefined, { ...killed, exit: undefined }), undefined);
});

test('a QEMU that is gone is not waited for for ever while its daemon does not answer', () => {
  const asked = { vmi: vmi({ phase: 'Running' }), nowMs: 0, shutdownAskedAtMs: undefined };
  const qemuEnd = { ...killed, exit: undefined };
  const at = (forMs: number): string =>
    decide({ ...asked, sandbox: { kind: 'unreachable', forMs }, qemuEnd }).action.kind;
  assert.equal(at(100), 'waitForSandbox', 'libvirt may know how it ended');
  assert.equal(at(5000), 'publishEnded');
});

test('the end says which process was ended, and by what', () => {
  const asked = { vmi: vmi({ phase: 'Running' }), nowMs: 0, shutdownAskedAtMs: undefined };
  const message = (snapshot: Partial<MachineSnapshot>): string => {
    const { action } = decide({ sandbox: ready('shutoff', 'crashed'), ...asked, ...snapshot });
    assert.ok(action.kind === 'publishEnded');
    return `${action.reason}: ${action.message}`;
  };
  assert.equal(
    message({ qemuEnd: killed }),
    'QemuDied: QEMU (pid 4711) was ended by SIGKILL without the guest shutting down',
  );
  assert.match(
    message({ qemuEnd: killed, outOfMemory: true }),
    /^OOMKilled: the kernel killed QEMU \(pid 4711\) since/,
  );
  assert.equal(
    message({ sandbox: { kind: 'gone', message: 'lost' }, initEnd: { ...killed, role: 'init', pid: 12 } }),
    'SandboxLost: the launcher Pod ended while the VM was running (its init (pid 12) was ended by SIGKILL): lost',
  );
});
