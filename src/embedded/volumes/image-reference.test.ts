import assert from 'node:assert/strict';
import { it } from 'node:test';
import { effectivePullPolicy, isLoopbackRegistry, parseImageReference, skopeoSource } from './image-reference.ts';

const hex = 'a'.repeat(64);

const good: readonly (readonly [string, string, string, string])[] = [
  ['fedora', 'docker.io', 'docker://fedora:latest', 'Always'],
  ['quay.io/containerdisks/fedora:41', 'quay.io', 'docker://quay.io/containerdisks/fedora:41', 'IfNotPresent'],
  ['127.0.0.1:5000/a/b:latest', '127.0.0.1:5000', 'docker://127.0.0.1:5000/a/b:latest', 'Always'],
  ['localhost/x', 'localhost', 'docker://localhost/x:latest', 'Always'],
  ['[::1]:5000/x:1', '[::1]:5000', 'docker://[::1]:5000/x:1', 'IfNotPresent'],
  [`r.io/x:tag@sha256:${hex}`, 'r.io', `docker://r.io/x@sha256:${hex}`, 'IfNotPresent'],
  ['docker-archive:/var/images/a.tar', '', 'docker-archive:/var/images/a.tar', 'IfNotPresent'],
  ['oci:/var/images/a:tag', '', 'oci:/var/images/a:tag', 'IfNotPresent'],
];
for (const [text, registry, source, policy] of good) {
  it(`understands ${text}`, () => {
    const reference = parseImageReference(text);
    assert.equal(reference.kind === 'registry' ? reference.registry : '', registry);
    assert.equal(skopeoSource(reference), source);
    assert.equal(effectivePullPolicy(reference, undefined), policy);
  });
}

for (const text of [
  '',
  '-v',
  'a b',
  'docker://x',
  'oci:/a/../b',
  'x@sha256:12',
  '/etc/passwd',
  'A/B c',
  'x'.repeat(2000),
]) {
  it(`refuses ${JSON.stringify(text.slice(0, 20))}`, () => {
    assert.throws(() => parseImageReference(text), { code: 'InvalidImageName' });
  });
}

it('knows a registry on this host', () => {
  assert.deepEqual(
    ['localhost:5000', '127.0.0.1', '[::1]:1', '127.0.0.1.evil.org', 'quay.io'].map(isLoopbackRegistry),
    [true, true, true, false, false],
  );
});
