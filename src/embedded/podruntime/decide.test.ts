import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Pod, PodPhase } from '../../apimachinery/core.ts';
import { decide } from './decide.ts';
import type { Action, ObservedPod } from './decide.ts';

const nowMs = Date.parse('2030-01-01T00:00:10Z');
const nothing: ObservedPod = { sandbox: 'absent', images: 'ready', refusal: undefined };

function pod(phase?: PodPhase, deletionTimestamp?: string): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }) },
    spec: { containers: [] },
    status: phase === undefined ? {} : { phase },
  };
}

const later = '2030-01-01T00:00:11Z';
const past = '2030-01-01T00:00:09Z';

const table: readonly (readonly [string, Pod, Partial<ObservedPod>, Action])[] = [
  ['new, all there', pod(), {}, { kind: 'start' }],
  ['new, image on its way', pod('Pending'), { images: 'pending' }, { kind: 'wait-for-images' }],
  ['new, image missing', pod('Pending'), { images: 'failed' }, { kind: 'wait-for-images' }],
  ['not ours', pod(), { refusal: 'no' }, { kind: 'refuse', message: 'no' }],
  ['up', pod('Pending'), { sandbox: 'running' }, { kind: 'report-running' }],
  ['up and told', pod('Running'), { sandbox: 'running' }, { kind: 'report-running' }],
  ['up, deleted', pod('Running', later), { sandbox: 'running' }, { kind: 'stop', againInMs: 1000 }],
  ['up, grace over', pod('Running', past), { sandbox: 'running' }, { kind: 'kill' }],
  ['ended', pod('Running'), { sandbox: 'exited' }, { kind: 'report-exit' }],
  ['ended before Running was told', pod('Pending'), { sandbox: 'exited' }, { kind: 'report-exit' }],
  ['ended while deleted', pod('Running', past), { sandbox: 'exited' }, { kind: 'report-exit' }],
  ['end told', pod('Succeeded'), { sandbox: 'exited' }, { kind: 'clean' }],
  ['end told, deleted', pod('Failed', past), { sandbox: 'exited' }, { kind: 'remove' }],
  ['ran, and no trace', pod('Running'), {}, { kind: 'report-lost' }],
  ['ran, no trace, deleted', pod('Running', later), {}, { kind: 'report-lost' }],
  ['never ran, deleted', pod('Pending', later), { images: 'pending' }, { kind: 'remove' }],
  ['never ran, refused, deleted', pod(undefined, later), { refusal: 'no' }, { kind: 'remove' }],
];
for (const [name, object, observed, action] of table) {
  it(name, () => assert.deepEqual(decide(object, { ...nothing, ...observed }, nowMs), action));
}
