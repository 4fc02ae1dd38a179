import assert from 'node:assert/strict';
import { test } from 'node:test';
import { conflict, invalid, isConflict, isNotFound, notFound } from './status.ts';
import { invalidField, requiredField } from './field-error.ts';

test('texts, codes and reasons are those of kube-apiserver', () => {
  const missing = notFound({ group: 'kubevirt.io', resource: 'virtualmachines' }, 'a');
  assert.equal(missing.message, 'virtualmachines.kubevirt.io "a" not found');
  assert.equal(missing.status.code, 404);
  assert.deepEqual(missing.status.details, { name: 'a', group: 'kubevirt.io', kind: 'virtualmachines' });
  assert.ok(isNotFound(missing));
  assert.ok(isConflict(conflict({ group: '', resource: 'pods' }, 'b')));
  assert.ok(!isNotFound(new Error('x')));
});

test('invalid lists every field in the text and in the causes', () => {
  const error = invalid({ group: '', resource: 'pods', kind: 'Pod' }, 'p', [
    requiredField('spec.containers'),
    invalidField('metadata.name', 'P', 'must be lower case'),
  ]);
  assert.equal(
    error.message,
    'Pod "p" is invalid: [spec.containers: Required value, metadata.name: Invalid value: "P": must be lower case]',
  );
  assert.deepEqual(error.status.details?.causes?.[1], {
    reason: 'FieldValueInvalid',
    message: 'Invalid value: "P": must be lower case',
    field: 'metadata.name',
  });
});
