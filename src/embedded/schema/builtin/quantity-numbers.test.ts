import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileBuiltinSchema, findBuiltinSchema } from './builtin-schemas.ts';

const source = findBuiltinSchema('', 'v1', 'Pod');
assert.ok(source !== undefined);
const pods = compileBuiltinSchema(source);

function podWith(container: object, spec: object = {}): object {
  return { apiVersion: 'v1', kind: 'Pod', metadata: {}, spec: { containers: [{ name: 'c', ...container }], ...spec } };
}

test('quantities given as numbers become text, other numbers do not', () => {
  const pod = podWith(
    { resources: { requests: { cpu: 0.5, memory: 1024 } }, ports: [{ containerPort: 80 }] },
    { volumes: [{ name: 'v', emptyDir: { sizeLimit: 5 } }], overhead: { cpu: 1 } },
  );
  pods.applyDefaults(pod);
  assert.deepEqual(
    pod,
    podWith(
      { resources: { requests: { cpu: '0.5', memory: '1024' } }, ports: [{ containerPort: 80, protocol: 'TCP' }] },
      { volumes: [{ name: 'v', emptyDir: { sizeLimit: '5' } }], overhead: { cpu: '1' } },
    ),
  );
  assert.deepEqual(pods.validate(pod), []);
});

test('what is no quantity, and what is no object where one is due, is a fault and not a crash', () => {
  for (const resources of [7, 'x', [], { requests: 'x' }, { requests: { cpu: 'much' } }, { requests: { cpu: {} } }]) {
    const pod = podWith({ resources });
    pods.applyDefaults(pod);
    assert.equal(pods.validate(pod).length, 1, JSON.stringify(resources));
  }
});

test('a null counts as not given', () => {
  const pod = podWith({ resources: null, env: null });
  pods.applyDefaults(pod);
  assert.deepEqual(pod, podWith({}));
});
