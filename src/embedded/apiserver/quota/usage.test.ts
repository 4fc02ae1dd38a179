import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KubeObject } from '../../../apimachinery/object.ts';
import { formatAmount, isInScope, usageOf } from './usage.ts';

type Fields = Record<string, unknown>;
const object = (fields: Fields): KubeObject => ({ apiVersion: 'v1', kind: 'X', metadata: { name: 'x' }, ...fields });
const container = (requests: Fields = {}, limits: Fields = {}): Fields => ({
  name: 'c',
  image: 'i',
  resources: { requests, limits },
});
const pod = (spec: Fields, status: Fields = {}): KubeObject => object({ spec, status });

const cases: readonly (readonly [
  title: string,
  group: string,
  resource: string,
  object: KubeObject,
  used: Record<string, string>,
])[] = [
  ['any kind by its count', 'kubevirt.io', 'virtualmachines', object({}), { 'count/virtualmachines.kubevirt.io': '1' }],
  ['a ConfigMap by both names', '', 'configmaps', object({}), { 'count/configmaps': '1', configmaps: '1' }],
  [
    'a Pod: containers add up, the largest init container counts alone',
    '',
    'pods',
    pod({
      containers: [container({ cpu: '100m', memory: '1Gi' }), container({ cpu: '1' }, { memory: '2Gi' })],
      initContainers: [container({ cpu: '3' }), container({ memory: '1Mi' })],
    }),
    {
      'count/pods': '1',
      pods: '1',
      cpu: '3',
      'requests.cpu': '3',
      memory: '3Gi',
      'requests.memory': '3Gi',
      'limits.memory': '2Gi',
    },
  ],
  [
    'a Pod that has ended',
    '',
    'pods',
    pod({ containers: [container({ cpu: '1' })] }, { phase: 'Failed' }),
    { 'count/pods': '1' },
  ],
  [
    'devices',
    '',
    'pods',
    pod({ containers: [container({}, { 'devices.kubevirt.io/kvm': '1' })] }),
    { 'count/pods': '1', pods: '1', 'requests.devices.kubevirt.io/kvm': '1', 'limits.devices.kubevirt.io/kvm': '1' },
  ],
  [
    'a claim with its class',
    '',
    'persistentvolumeclaims',
    object({ spec: { storageClassName: 'fast', resources: { requests: { storage: '5Gi' } } } }),
    {
      'count/persistentvolumeclaims': '1',
      persistentvolumeclaims: '1',
      'requests.storage': '5Gi',
      'fast.storageclass.storage.k8s.io/requests.storage': '5Gi',
      'fast.storageclass.storage.k8s.io/persistentvolumeclaims': '1',
    },
  ],
  [
    'a Service with node ports',
    '',
    'services',
    object({ spec: { type: 'NodePort', ports: [{ port: 1 }, { port: 2 }] } }),
    { 'count/services': '1', services: '1', 'services.nodeports': '2', 'services.loadbalancers': '0' },
  ],
];

for (const [title, group, resource, counted, used] of cases) {
  test(`a quota counts ${title}`, () => {
    const shown = [...usageOf(group, resource, counted)].map(([name, milli]) => [name, formatAmount(name, milli)]);
    assert.deepEqual(Object.fromEntries(shown), used);
  });
}

test('scopes', () => {
  const bestEffort = pod({ containers: [{ name: 'c', image: 'i' }] });
  const timed = pod({ containers: [container({ cpu: '1' })], activeDeadlineSeconds: 5, priorityClassName: 'high' });
  const by = (scope: string, ...more: string[]): KubeObject => object({ spec: { scopes: [scope, ...more] } });
  const selected = (operator: string, values: string[]): KubeObject =>
    object({ spec: { scopeSelector: { matchExpressions: [{ scopeName: 'PriorityClass', operator, values }] } } });
  const table: [KubeObject, KubeObject, boolean][] = [
    [by('BestEffort'), bestEffort, true],
    [by('BestEffort'), timed, false],
    [by('NotBestEffort', 'Terminating'), timed, true],
    [by('NotTerminating'), timed, false],
    [by('Unheard'), timed, false],
    [selected('In', ['high']), timed, true],
    [selected('In', ['low']), timed, false],
    [selected('NotIn', ['low']), timed, true],
    [selected('Exists', []), bestEffort, false],
    [selected('DoesNotExist', []), bestEffort, true],
  ];
  for (const [quota, counted, expected] of table) {
    assert.equal(isInScope(quota, '', 'pods', counted), expected, JSON.stringify([quota, counted]));
  }
  assert.equal(isInScope(by('BestEffort'), '', 'configmaps', object({})), false);
});
