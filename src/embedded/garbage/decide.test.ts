import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KubeObject, ObjectMeta } from '../../apimachinery/object.ts';
import { decide, type Action, type OwnerState } from './decide.ts';

const object = (metadata: Partial<ObjectMeta> = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'x', uid: 'me', ...metadata },
});
const reference = { apiVersion: 'v1', kind: 'ConfigMap', name: 'o' };
const dependent = (metadata: Partial<ObjectMeta>): { id: string; object: KubeObject } => ({
  id: 'dep',
  object: object({ uid: 'dep', ...metadata }),
});
const blocking = { ownerReferences: [{ ...reference, uid: 'me', blockOwnerDeletion: true }] };
const deletionTimestamp = '2026-01-01T00:00:00Z';

const cases: {
  name: string;
  object?: KubeObject;
  owners?: OwnerState[];
  dependents?: { id: string; object: KubeObject }[];
  actions: Action[];
}[] = [
  { name: 'nobody owns it', actions: [] },
  { name: 'owner there', owners: ['present'], actions: [] },
  { name: 'owner of a kind not watched', owners: ['unknown'], actions: [] },
  { name: 'owner gone', owners: ['absent'], actions: [{ type: 'delete', propagation: 'Background' }] },
  { name: 'all owners gone', owners: ['absent', 'absent'], actions: [{ type: 'delete', propagation: 'Background' }] },
  { name: 'one of two gone', owners: ['present', 'absent'], actions: [{ type: 'dropOwners', uids: ['u1'] }] },
  { name: 'one of two leaving', owners: ['leaving', 'unknown'], actions: [{ type: 'dropOwners', uids: ['u0'] }] },
  { name: 'owner leaving', owners: ['leaving'], actions: [{ type: 'delete', propagation: 'Background' }] },
  {
    name: 'owner leaving, own dependents',
    owners: ['leaving'],
    dependents: [dependent(blocking)],
    actions: [{ type: 'delete', propagation: 'Foreground' }],
  },
  {
    name: 'already being deleted',
    object: object({ deletionTimestamp, finalizers: ['other'] }),
    owners: ['absent'],
    actions: [],
  },
  {
    name: 'orphan',
    object: object({ deletionTimestamp, finalizers: ['orphan'] }),
    dependents: [dependent(blocking)],
    actions: [
      { type: 'disown', dependent: 'dep', uid: 'me' },
      { type: 'removeFinalizer', finalizer: 'orphan' },
    ],
  },
  {
    name: 'foreground, blocking dependent',
    object: object({ deletionTimestamp, finalizers: ['foregroundDeletion'] }),
    dependents: [dependent(blocking)],
    actions: [],
  },
  {
    name: 'foreground, dependent on its way',
    object: object({ deletionTimestamp, finalizers: ['foregroundDeletion'] }),
    dependents: [dependent({ ...blocking, deletionTimestamp })],
    actions: [],
  },
  {
    name: 'foreground, dependent that does not block',
    object: object({ deletionTimestamp, finalizers: ['foregroundDeletion'] }),
    dependents: [dependent({ ownerReferences: [{ ...reference, uid: 'me' }] })],
    actions: [{ type: 'removeFinalizer', finalizer: 'foregroundDeletion' }],
  },
  {
    name: 'foreground, all gone',
    object: object({ deletionTimestamp, finalizers: ['foregroundDeletion'] }),
    actions: [{ type: 'removeFinalizer', finalizer: 'foregroundDeletion' }],
  },
];

for (const { name, object: given, owners, dependents, actions } of cases) {
  test(`decide: ${name}`, () => {
    const snapshot = {
      object: given ?? object(),
      owners: (owners ?? []).map((state, index) => ({ reference: { ...reference, uid: `u${index}` }, state })),
      dependents: dependents ?? [],
    };
    assert.deepEqual(decide(snapshot), actions);
  });
}
