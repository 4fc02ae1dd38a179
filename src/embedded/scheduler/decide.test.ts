import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Node, Pod } from '../../apimachinery/core.ts';
import { decide, type Action } from './decide.ts';
import { createUsage } from './usage.ts';

const node = (more: Partial<Node> = {}, name = 'n1'): Node => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name, labels: { zone: 'a' } },
  status: { allocatable: { cpu: '2', memory: '4Gi', pods: '3', 'devices.kubevirt.io/tun': '2' } },
  ...more,
});
const pod = (requests: Record<string, string> = {}, spec: Partial<Pod['spec']> = {}, name = 'p'): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'ns', uid: name },
  spec: { containers: [{ name: 'c', image: 'i', resources: { requests } }], ...spec },
});
const bind: Action = { type: 'bind', nodeName: 'n1' };
const refuse = (reasons: string): Action => ({ type: 'refuse', message: `0/1 nodes are available: ${reasons}.` });
const taint = { key: 'only', value: 'me', effect: 'NoSchedule' as const };
const selector = "1 node(s) didn't match Pod's node affinity/selector";
const affinity = (operator: string, values: string[]): object => ({
  nodeAffinity: {
    requiredDuringSchedulingIgnoredDuringExecution: {
      nodeSelectorTerms: [{ matchExpressions: [{ key: 'zone', operator, values }] }],
    },
  },
});

const cases: { name: string; pod: Pod; node?: Node; others?: Pod[]; action: Action }[] = [
  { name: 'fits', pod: pod({ cpu: '2', memory: '4Gi', 'devices.kubevirt.io/tun': '1' }), action: bind },
  { name: 'too much memory', pod: pod({ memory: '5Gi' }), action: refuse('1 Insufficient memory') },
  {
    name: 'too much of several',
    pod: pod({ memory: '5Gi', cpu: '2001m' }),
    action: refuse('1 Insufficient cpu, 1 Insufficient memory'),
  },
  {
    name: 'a device the node does not have',
    pod: pod({ 'devices.kubevirt.io/kvm': '1' }),
    action: refuse('1 Insufficient devices.kubevirt.io/kvm'),
  },
  { name: 'ephemeral storage that no node reports', pod: pod({ 'ephemeral-storage': '50M' }), action: bind },
  {
    name: 'room taken by others',
    pod: pod({ cpu: '1500m' }),
    others: [pod({ cpu: '1' }, { nodeName: 'n1' }, 'o')],
    action: refuse('1 Insufficient cpu'),
  },
  {
    name: 'room given back by a Pod that ended',
    pod: pod({ cpu: '1500m' }),
    others: [{ ...pod({ cpu: '1' }, { nodeName: 'n1' }, 'o'), status: { phase: 'Failed' } }],
    action: bind,
  },
  {
    name: 'too many Pods',
    pod: pod(),
    others: ['a', 'b', 'c'].map((name) => pod({}, { nodeName: 'n1' }, name)),
    action: refuse('1 Too many pods'),
  },
  {
    name: 'cordoned',
    pod: pod(),
    node: node({ spec: { unschedulable: true } }),
    action: refuse('1 node(s) were unschedulable'),
  },
  {
    name: 'taint',
    pod: pod(),
    node: node({ spec: { taints: [taint] } }),
    action: refuse('1 node(s) had untolerated taint {only: me}'),
  },
  {
    name: 'tolerated taint',
    pod: pod({}, { tolerations: [{ key: 'only', operator: 'Equal', value: 'me', effect: 'NoSchedule' }] }),
    node: node({ spec: { taints: [taint] } }),
    action: bind,
  },
  {
    name: 'a toleration of everything',
    pod: pod({}, { tolerations: [{ operator: 'Exists' }] }),
    node: node({ spec: { taints: [taint], unschedulable: true } }),
    action: bind,
  },
  {
    name: 'a taint that only prefers',
    pod: pod(),
    node: node({ spec: { taints: [{ ...taint, effect: 'PreferNoSchedule' }] } }),
    action: bind,
  },
  { name: 'matching nodeSelector', pod: pod({}, { nodeSelector: { zone: 'a' } }), action: bind },
  { name: 'other nodeSelector', pod: pod({}, { nodeSelector: { zone: 'b' } }), action: refuse(selector) },
  { name: 'matching affinity', pod: pod({}, { affinity: affinity('In', ['a', 'b']) }), action: bind },
  { name: 'other affinity', pod: pod({}, { affinity: affinity('NotIn', ['a']) }), action: refuse(selector) },
];

for (const { name, pod, node: given, others, action } of cases) {
  test(`decide: ${name}`, () => {
    const usage = createUsage();
    for (const other of others ?? []) {
      usage.put(other);
    }
    assert.deepEqual(decide({ pod, nodes: [{ node: given ?? node(), used: usage.of('n1') }] }), [action]);
  });
}

test('decide: no node at all, and the roomiest of several', () => {
  assert.deepEqual(decide({ pod: pod(), nodes: [] }), [
    { type: 'refuse', message: 'no nodes available to schedule pods' },
  ]);
  const usage = createUsage();
  usage.put(pod({ memory: '1Gi' }, { nodeName: 'n1' }, 'o'));
  const nodes = ['n1', 'n2'].map((name) => ({ node: node({}, name), used: usage.of(name) }));
  assert.deepEqual(decide({ pod: pod(), nodes }), [{ type: 'bind', nodeName: 'n2' }]);
});

test('init containers count by the largest, limits stand in for requests', () => {
  const usage = createUsage();
  usage.put({
    ...pod(),
    spec: {
      nodeName: 'n1',
      initContainers: [{ name: 'i', image: 'i', resources: { requests: { cpu: '3' } } }],
      containers: [{ name: 'c', image: 'i', resources: { limits: { cpu: '1', memory: '1Ki' } } }],
    },
  });
  assert.equal(usage.of('n1').get('cpu'), 3000n);
  assert.equal(usage.of('n1').get('memory'), 1_024_000n);
  usage.remove('ns/p');
  assert.equal(usage.of('n1').get('cpu'), 0n);
});
