import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatDuration } from './age.ts';
import { createProtobufWriter } from '../openapi/protobuf-writer.ts';
import { compareVersions } from './crd/definition.ts';
import { compileJsonPath } from './json-path.ts';
import { negotiate } from './negotiate.ts';
import { applyStrategicMergePatch } from './patch/strategic-merge.ts';
import { decodeKubernetesProtobuf } from './protobuf/kinds.ts';
import { parseRequestPath } from './request-path.ts';

await test('paths', () => {
  const pod = {
    type: 'resource',
    group: '',
    version: 'v1',
    namespace: 'a',
    resource: 'pods',
    name: 'b',
    subresource: 'log',
    rest: ['x'],
  };
  assert.deepEqual(parseRequestPath('/api/v1/namespaces/a/pods/b/log/x'), pod);
  const space = parseRequestPath('/api/v1/namespaces/a/status');
  assert.ok(space.type === 'resource' && space.resource === 'namespaces' && space.subresource === 'status');
  assert.deepEqual(parseRequestPath('/apis/g/v1'), { type: 'groupVersion', group: 'g', version: 'v1' });
  assert.equal(parseRequestPath('/api/v1//pods').type, 'malformed');
});

await test('Accept', () => {
  assert.equal(negotiate('application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json')?.metaVersion, 'v1beta1');
  assert.equal(negotiate('application/vnd.kubernetes.protobuf,application/json')?.presentation, 'object');
  assert.equal(negotiate('application/vnd.kubernetes.protobuf'), undefined);
  assert.equal(negotiate(undefined)?.mediaType, 'application/json');
});

await test('JSON paths', () => {
  const object = {
    a: {
      'b.c': [
        { t: 'x', v: 1 },
        { t: 'y', v: 2 },
      ],
    },
    m: { k: 'l' },
  };
  assert.deepEqual(compileJsonPath('.a[\'b.c\'][?(@.t=="y")].v')(object), [2]);
  assert.deepEqual(compileJsonPath('.a.b\\.c[0].v')(object), [1]);
  assert.deepEqual(compileJsonPath('{.a["b.c"][*].t}')(object), ['x', 'y']);
  assert.deepEqual(compileJsonPath('.none.at.all')(object), []);
  assert.throws(() => compileJsonPath('.a..b'));
});

await test('durations as kubectl shows them', () => {
  const cases: [number, string][] = [
    [0, '0s'],
    [119, '119s'],
    [120, '2m'],
    [125, '2m5s'],
    [600, '10m'],
    [3 * 3600, '3h'],
    [3 * 3600 + 60, '3h1m'],
    [50 * 3600, '2d2h'],
    [9 * 86400, '9d'],
    [800 * 86400, '2y70d'],
  ];
  for (const [seconds, text] of cases) {
    assert.equal(formatDuration(seconds * 1000), text);
  }
});

await test('versions by maturity', () => {
  const sorted = ['v1alpha1', 'foo', 'v2', 'v1beta2', 'v1', 'v1beta10'].sort(compareVersions);
  assert.deepEqual(sorted, ['v2', 'v1', 'v1beta10', 'v1beta2', 'v1alpha1', 'foo']);
});

await test('strategic merge: keyed lists, deletions, order, primitives', () => {
  const current = {
    spec: { containers: [{ name: 'a', image: '1', env: [{ name: 'X', value: '1' }] }, { name: 'b' }] },
    metadata: { finalizers: ['f'] },
  };
  const merge = (patch: Record<string, unknown>): unknown => applyStrategicMergePatch(current, patch);
  assert.deepEqual(merge({ spec: { containers: [{ name: 'a', image: '2', env: [{ name: 'Y', value: '2' }] }] } }), {
    ...current,
    spec: {
      containers: [
        {
          name: 'a',
          image: '2',
          env: [
            { name: 'X', value: '1' },
            { name: 'Y', value: '2' },
          ],
        },
        { name: 'b' },
      ],
    },
  });
  assert.deepEqual(merge({ spec: { containers: [{ name: 'a', $patch: 'delete' }] } }), {
    ...current,
    spec: { containers: [{ name: 'b' }] },
  });
  assert.deepEqual(merge({ spec: { '$setElementOrder/containers': [{ name: 'b' }, { name: 'a' }] } }), {
    ...current,
    spec: { containers: [{ name: 'b' }, current.spec.containers[0]] },
  });
  assert.deepEqual(merge({ metadata: { finalizers: ['g'] } }), { ...current, metadata: { finalizers: ['f', 'g'] } });
  assert.deepEqual(merge({ metadata: { '$deleteFromPrimitiveList/finalizers': ['f'] } }), {
    ...current,
    metadata: { finalizers: [] },
  });
  assert.deepEqual(merge({ spec: { $patch: 'replace', x: 1 } }), { ...current, spec: { x: 1 } });
  assert.deepEqual(current.metadata, { finalizers: ['f'] });
});

await test('protobuf as `kubectl create configmap c --from-literal=k=v` 1.32 sends it', () => {
  const hex =
    '6b3873000a0f0a0276311209436f6e6669674d6170121b0a110a016312001a0022002a0032003800420012060a016b1201761a002200';
  const object = decodeKubernetesProtobuf(Buffer.from(hex, 'hex'));
  assert.deepEqual(object, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c' }, data: { k: 'v' } });
});

await test('protobuf as Go controllers send it: zero values of fields that are no pointers are left out', () => {
  const writer = createProtobufWriter();
  const text =
    (...texts: readonly string[]) =>
    () =>
      texts.forEach((item, index) => writer.text(index + 1, item));
  writer.message(1, text('v1', 'PersistentVolumeClaim'));
  writer.message(2, () => {
    writer.message(1, text('disk', '', 'default'));
    writer.message(2, () => {
      writer.text(1, 'ReadWriteOnce');
      writer.message(2, () =>
        writer.message(2, () => {
          writer.text(1, 'storage');
          writer.message(2, text('1Gi'));
        }),
      );
      writer.text(3, '');
      writer.text(5, '');
      writer.text(6, 'Block');
      writer.message(8, () => {
        writer.text(1, 'cdi.kubevirt.io');
        writer.text(2, 'VolumeImportSource');
        writer.text(3, 'source');
      });
    });
    writer.message(3, text('Pending'));
  });
  writer.text(3, '');
  writer.text(4, '');
  const object = decodeKubernetesProtobuf(Buffer.concat([Buffer.from('k8s\0'), writer.finish()]));
  assert.deepEqual(object, {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: 'disk', namespace: 'default' },
    spec: {
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage: '1Gi' } },
      storageClassName: '',
      volumeMode: 'Block',
      dataSourceRef: { apiGroup: 'cdi.kubevirt.io', kind: 'VolumeImportSource', name: 'source' },
    },
  });
});

await test('protobuf of an Event of events.k8s.io', () => {
  const writer = createProtobufWriter();
  writer.message(1, () => {
    writer.text(1, 'events.k8s.io/v1');
    writer.text(2, 'Event');
  });
  writer.message(2, () => {
    writer.message(1, () => writer.text(1, 'e'));
    writer.message(2, () => {
      writer.int64(1, 1_767_225_600);
      writer.int64(2, 5000);
    });
    writer.text(4, 'example.com/agent');
    writer.message(8, () => {
      writer.text(1, 'Pod');
      writer.text(3, 'web');
    });
    writer.text(10, 'note');
    writer.int64(15, 0);
  });
  assert.deepEqual(decodeKubernetesProtobuf(Buffer.concat([Buffer.from('k8s\0'), writer.finish()])), {
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    metadata: { name: 'e' },
    eventTime: '2026-01-01T00:00:00.000005Z',
    reportingController: 'example.com/agent',
    regarding: { kind: 'Pod', name: 'web' },
    note: 'note',
  });
});
