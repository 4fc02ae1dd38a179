import assert from 'node:assert/strict';
import { test } from 'node:test';
import { vmMetrics } from './vm-metrics.ts';

test('VMs are counted by node and phase', () => {
  const running = { status: { phase: 'Running', nodeName: 'n' } };
  assert.deepEqual(vmMetrics([running, {}, running])[0]?.samples, [
    { labels: { node: 'n', phase: 'running' }, value: 2 },
    { labels: { node: '', phase: 'pending' }, value: 1 },
  ]);
});
