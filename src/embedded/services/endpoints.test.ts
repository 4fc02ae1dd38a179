import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContainerPort, Pod } from '../../apimachinery/core.ts';
import { decide } from './decide.ts';
import { desiredEndpoints, desiredSlices, isManaged } from './endpoints.ts';
import type { EndpointSlice, Service } from './kinds.ts';

function service(spec: Service['spec'] = {}): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace: 'ns', uid: 'u1', labels: { team: 'a' } },
    spec: { selector: { app: 'web' }, clusterIP: '10.96.0.9', ports: [{ name: 'http', port: 80 }], ...spec },
  };
}

interface PodOptions {
  readonly ips?: readonly string[];
  readonly ready?: boolean;
  readonly deleting?: boolean;
  readonly phase?: 'Running' | 'Failed';
  readonly ports?: ContainerPort[];
}

function pod(name: string, options: PodOptions = {}): Pod {
  const { ips = ['10.1.0.5', 'fd00::5'], ready = true, deleting = false, phase = 'Running', ports = [] } = options;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: 'ns',
      uid: `uid-${name}`,
      ...(deleting ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {}),
    },
    spec: { nodeName: 'n1', containers: [{ name: 'c', image: 'i', ports }] },
    status: {
      phase,
      podIPs: ips.map((ip) => ({ ip })),
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
    },
  };
}

const addresses = (slices: readonly EndpointSlice[]): unknown =>
  slices.map(({ addressType, endpoints }) => [
    addressType,
    (endpoints ?? []).flatMap((endpoint) => endpoint.addresses),
  ]);

test('a slice for each family, an Endpoints object of the first', () => {
  const dual = service({ ipFamilies: ['IPv4', 'IPv6'] });
  const slices = desiredSlices(dual, [pod('b'), pod('a', { ips: ['10.1.0.4'] })]);
  assert.deepEqual(addresses(slices), [
    ['IPv4', ['10.1.0.4', '10.1.0.5']],
    ['IPv6', ['fd00::5']],
  ]);
  assert.deepEqual(slices[0]?.metadata.labels, {
    team: 'a',
    'kubernetes.io/service-name': 'web',
    'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
  });
  assert.deepEqual(slices[0]?.endpoints?.[0], {
    addresses: ['10.1.0.4'],
    conditions: { ready: true, serving: true, terminating: false },
    nodeName: 'n1',
    targetRef: { kind: 'Pod', namespace: 'ns', name: 'a', uid: 'uid-a' },
  });
  assert.deepEqual(desiredEndpoints(dual, [pod('a')]).subsets, [
    {
      addresses: [
        { ip: '10.1.0.5', nodeName: 'n1', targetRef: { kind: 'Pod', namespace: 'ns', name: 'a', uid: 'uid-a' } },
      ],
      ports: [{ name: 'http', protocol: 'TCP', port: 80 }],
    },
  ]);
});

test('readiness: not ready, ending, ended, and addresses published before they are ready', () => {
  const pods = [pod('a', { ready: false }), pod('b', { deleting: true }), pod('c', { phase: 'Failed' })];
  const conditions = (of: Service) => desiredSlices(of, pods)[0]?.endpoints?.map((endpoint) => endpoint.conditions);
  assert.deepEqual(conditions(service()), [
    { ready: false, serving: false, terminating: false },
    { ready: false, serving: true, terminating: true },
  ]);
  assert.deepEqual(conditions(service({ publishNotReadyAddresses: true })), [
    { ready: true, serving: false, terminating: false },
    { ready: true, serving: true, terminating: true },
  ]);
  const [subset] = desiredEndpoints(service(), pods).subsets ?? [];
  assert.equal(subset?.addresses, undefined);
  assert.equal(subset?.notReadyAddresses?.length, 1);
});

test('named target ports are those of each Pod; Pods that differ have slices of their own', () => {
  const named = service({ ports: [{ name: 'http', port: 80, targetPort: 'web' }] });
  const slices = desiredSlices(named, [
    pod('a', { ports: [{ name: 'web', containerPort: 8080 }] }),
    pod('b', { ports: [{ name: 'web', containerPort: 9090 }] }),
    pod('c'),
    pod('d', { ports: [{ name: 'web', containerPort: 53, protocol: 'UDP' }] }),
  ]);
  assert.deepEqual(
    slices.map(({ endpoints, ports }) => [ports?.[0]?.port, endpoints?.length]),
    [
      [8080, 1],
      [9090, 1],
    ],
  );
});

test('a hundred endpoints to a slice; a Service without Pods has an empty one', () => {
  const pods = Array.from({ length: 205 }, (_, index) => pod(`p${String(index).padStart(3, '0')}`));
  assert.deepEqual(
    desiredSlices(service(), pods).map(({ endpoints }) => endpoints?.length),
    [100, 100, 5],
  );
  assert.deepEqual(addresses(desiredSlices(service(), [])), [['IPv4', []]]);
});

test('Services without a selector and external ones are not looked after', () => {
  assert.equal(isManaged(service()), true);
  assert.equal(isManaged(service({ selector: {} })), false);
  assert.equal(isManaged(service({ type: 'ExternalName' })), false);
});

test('after its writes nothing is left to do; what others made is left alone', () => {
  const of = service({ ipFamilies: ['IPv4', 'IPv6'] });
  const pods = [pod('a'), pod('b')];
  const desired = { slices: desiredSlices(of, pods), endpoints: desiredEndpoints(of, pods) };
  const first = decide(desired, { slices: [], endpoints: undefined });
  assert.deepEqual(
    first.map(({ kind }) => kind),
    ['create-slice', 'create-slice', 'create-endpoints'],
  );
  const manual: EndpointSlice = {
    ...(desired.slices[0] as EndpointSlice),
    metadata: { name: 'mine', labels: { 'endpointslice.kubernetes.io/managed-by': 'me' } },
  };
  const stored = <T>(object: T): T => Object.assign(Object.create(null) as object, structuredClone(object)) as T;
  const observed = { slices: [...desired.slices.map(stored), manual], endpoints: stored(desired.endpoints) };
  assert.deepEqual(decide(desired, observed), []);
  const fewer = { slices: desiredSlices(of, [pod('a')]), endpoints: desiredEndpoints(of, [pod('a')]) };
  assert.deepEqual(
    decide(fewer, observed).map(({ kind }) => kind),
    ['update-slice', 'update-slice', 'update-endpoints'],
  );
  assert.deepEqual(
    decide({ slices: [], endpoints: undefined }, observed).map(({ kind }) => kind),
    ['delete-slice', 'delete-slice', 'delete-endpoints'],
  );
});
