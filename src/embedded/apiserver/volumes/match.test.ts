import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findVolume } from './match.ts';
import type { PersistentVolume, PersistentVolumeClaim } from './types.ts';

const volume = (
  name: string,
  storage: string,
  spec: Partial<PersistentVolume['spec']> = {},
  more: object = {},
): PersistentVolume => ({
  apiVersion: 'v1',
  kind: 'PersistentVolume',
  metadata: { name, ...more },
  spec: { capacity: { storage }, accessModes: ['ReadWriteOnce'], ...spec },
});
const claim = (storage: string, spec: Partial<PersistentVolumeClaim['spec']> = {}): PersistentVolumeClaim => ({
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: { name: 'c', namespace: 'n', uid: 'u' },
  spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage } }, ...spec },
});
const ref = { namespace: 'n', name: 'c' };

const cases: readonly (readonly [
  title: string,
  claim: PersistentVolumeClaim,
  volumes: PersistentVolume[],
  found: string | undefined,
])[] = [
  ['none there', claim('1Gi'), [], undefined],
  [
    'the smallest that is large enough',
    claim('2Gi'),
    [volume('big', '9Gi'), volume('fit', '3Gi'), volume('small', '1Gi')],
    'fit',
  ],
  ['by name among equals', claim('1Gi'), [volume('b', '1Gi'), volume('a', '1Gi')], 'a'],
  ['units are numbers', claim('1000Mi'), [volume('a', '1Gi')], 'a'],
  ['one byte short', claim('1Gi'), [volume('a', '1073741823')], undefined],
  ['another class', claim('1Gi', { storageClassName: 'x' }), [volume('a', '1Gi')], undefined],
  ['no class is the empty class', claim('1Gi', { storageClassName: '' }), [volume('a', '1Gi')], 'a'],
  ['a mode it does not have', claim('1Gi', { accessModes: ['ReadWriteMany'] }), [volume('a', '1Gi')], undefined],
  [
    'more modes than needed',
    claim('1Gi'),
    [volume('a', '1Gi', { accessModes: ['ReadOnlyMany', 'ReadWriteOnce'] })],
    'a',
  ],
  ['a block device is no file system', claim('1Gi'), [volume('a', '1Gi', { volumeMode: 'Block' })], undefined],
  [
    'by selector',
    claim('1Gi', { selector: { matchLabels: { t: 'x' } } }),
    [volume('a', '1Gi'), volume('b', '2Gi', {}, { labels: { t: 'x' } })],
    'b',
  ],
  ['kept for this claim comes first', claim('1Gi'), [volume('a', '1Gi'), volume('b', '5Gi', { claimRef: ref })], 'b'],
  ['kept for another', claim('1Gi'), [volume('a', '1Gi', { claimRef: { namespace: 'n', name: 'other' } })], undefined],
  [
    'kept for an earlier claim of the name',
    claim('1Gi'),
    [volume('a', '1Gi', { claimRef: { ...ref, uid: 'old' } })],
    undefined,
  ],
  ['on its way out', claim('1Gi'), [volume('a', '1Gi', {}, { deletionTimestamp: '2026-01-01T00:00:00Z' })], undefined],
  [
    'named, whatever its class',
    claim('1Gi', { volumeName: 'b' }),
    [volume('a', '1Gi'), volume('b', '2Gi', { storageClassName: 'x' })],
    'b',
  ],
  ['named, but too small', claim('5Gi', { volumeName: 'b' }), [volume('b', '2Gi')], undefined],
];

for (const [title, wanted, volumes, found] of cases) {
  test(`a claim's volume: ${title}`, () => assert.equal(findVolume(wanted, volumes)?.metadata.name, found));
}
