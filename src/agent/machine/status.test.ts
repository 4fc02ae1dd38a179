import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { VirtualMachineInstance } from '../../vm/kinds/virtualmachineinstance/types.ts';
import { endedStatus, mergeConditions, runningStatus, sameStatus, type RunningFacts } from './status.ts';

const startMs = Date.parse('2026-01-01T00:00:00Z');
const vmi: VirtualMachineInstance = {
  apiVersion: 'kubevirt.io/v1',
  kind: 'VirtualMachineInstance',
  metadata: { name: 'demo' },
  spec: { domain: { devices: {} } },
  status: { phase: 'Scheduled', conditions: [{ type: 'Provisioning', status: 'True' }] },
};
const facts: RunningFacts = {
  domain: { state: 'running', reason: 'booted' },
  interfaces: [{ name: 'default', ipAddress: '10.0.0.2' }],
  volumes: [],
  machineType: 'q35',
  emulationReason: undefined,
  guestMemory: '128Mi',
};

test('becoming Running is stamped once and then writes nothing new', () => {
  const first = runningStatus(vmi, facts, startMs);
  assert.equal(first.phase, 'Running');
  assert.deepEqual(first.phaseTransitionTimestamps, [
    { phase: 'Running', phaseTransitionTimestamp: '2026-01-01T00:00:00Z' },
  ]);
  assert.deepEqual(
    first.conditions?.map((condition) => `${condition.type}=${condition.status}`),
    ['Ready=True', 'Synchronized=True', 'LiveMigratable=False'],
  );
  const running = { ...vmi, status: { ...vmi.status, ...first } };
  assert.ok(sameStatus(running.status, runningStatus(running, facts, startMs + 60_000)));
});

test('pause and emulation are conditions; unpausing removes the first', () => {
  const emulated = { ...facts, emulationReason: 'no /dev/kvm' };
  const paused = runningStatus(vmi, { ...emulated, domain: { state: 'paused', reason: 'user' } }, startMs);
  const byType = new Map(paused.conditions?.map((condition) => [condition.type, condition]));
  assert.equal(byType.get('Paused')?.reason, 'PausedByUser');
  assert.equal(byType.get('Ready')?.status, 'False');
  assert.match(byType.get('SoftwareEmulation')?.message ?? '', /no \/dev\/kvm/);
  const resumed = runningStatus({ ...vmi, status: paused }, emulated, startMs + 1000);
  assert.ok(!resumed.conditions?.some((condition) => condition.type === 'Paused'));
});

test('an end says why', () => {
  const status = endedStatus(vmi, { phase: 'Failed', reason: 'QemuDied', message: 'gone' }, startMs);
  assert.equal(status.phase, 'Failed');
  assert.equal(status.reason, 'QemuDied');
  assert.equal(status.conditions?.find((condition) => condition.type === 'Ready')?.message, 'gone');
});

test('a condition keeps its time while its status stays', () => {
  const merged = mergeConditions(
    [
      { type: 'Ready', status: 'True', lastTransitionTime: '2025-01-01T00:00:00Z' },
      { type: 'Other', status: 'True' },
    ],
    [{ type: 'Ready', status: 'True', message: 'new words' }],
    [],
    startMs,
  );
  assert.equal(merged.find((condition) => condition.type === 'Ready')?.lastTransitionTime, '2025-01-01T00:00:00Z');
  assert.ok(merged.some((condition) => condition.type === 'Other'));
});
