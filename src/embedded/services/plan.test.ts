import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Table } from '../../linux/nftables/types.ts';
import { portsOf } from './backends.ts';
import type { EndpointSlice, Service } from './kinds.ts';
import { planServiceTable, type TableOp } from './plan.ts';
import { affinityName, type DataPlaneSettings, endpointsName, serviceTable } from './table.ts';

const settings: DataPlaneSettings = { table: 'x-services', bridge: 'x', podNetworks: ['10.1.0.0/24', 'fd00::/64'] };
const ref = { family: 'inet', name: settings.table } as const;

function service(name: string, spec: Service['spec']): Service {
  return { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: 'ns' }, spec: { ...spec } };
}

function slice(addresses: readonly string[], conditions: object = { ready: true }): EndpointSlice {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: 's', namespace: 'ns' },
    addressType: addresses[0]?.includes(':') === true ? 'IPv6' : 'IPv4',
    endpoints: addresses.map((address) => ({ addresses: [address], conditions })),
    ports: [{ name: '', protocol: 'TCP', port: 8080 }],
  };
}

const web = service('web', { clusterIP: '10.96.0.9', type: 'NodePort', ports: [{ port: 80, nodePort: 30080 }] });
const ports = (addresses: readonly string[], of: Service = web) => portsOf(of, [slice(addresses)]);
const table = (addresses: readonly string[], of: Service = web): Table => {
  const made = serviceTable(settings, ports(addresses, of));
  assert.ok(made);
  return made;
};
const kinds = (ops: readonly TableOp[]): string[] => ops.map(({ kind }) => kind);

test('what is used of slices: ready endpoints, ending ones where there is no other, no address of the host', () => {
  const backends = (...slices: EndpointSlice[]) => portsOf(web, slices)[0]?.backends;
  assert.deepEqual(backends(slice(['10.1.0.3', '10.1.0.2', '10.1.0.2'])), [
    { address: '10.1.0.2', port: 8080 },
    { address: '10.1.0.3', port: 8080 },
  ]);
  const ending = slice(['10.1.0.4'], { ready: false, serving: true, terminating: true });
  assert.deepEqual(backends(slice(['10.1.0.2']), ending), [{ address: '10.1.0.2', port: 8080 }]);
  assert.deepEqual(backends(slice(['10.1.0.2'], { ready: false }), ending), [{ address: '10.1.0.4', port: 8080 }]);
  assert.deepEqual(backends(slice(['127.0.0.1', '169.254.169.254', '224.0.0.1', '0.0.0.0'])), []);
  assert.deepEqual(backends(slice(['fd00::2'])), []);
});

test('headless and external Services need no rules; without a Service there is no table', () => {
  assert.deepEqual(portsOf(service('h', { clusterIP: 'None', ports: [{ port: 1 }] }), []), []);
  assert.deepEqual(portsOf(service('e', { type: 'ExternalName' }), []), []);
  assert.equal(serviceTable(settings, []), undefined);
  assert.deepEqual(planServiceTable(ref, undefined, undefined), []);
  assert.deepEqual(kinds(planServiceTable(ref, undefined, table(['10.1.0.2']))), ['delete-table']);
});

test('a change of one endpoint is elements of one map and one rule', () => {
  const other = service('other', { clusterIP: '10.96.0.10', ports: [{ port: 80 }] });
  const both = (addresses: readonly string[]) =>
    serviceTable(settings, [...ports(addresses), ...ports(['10.1.0.9'], other)]);
  const [one, two] = [both(['10.1.0.2']), both(['10.1.0.2', '10.1.0.3'])];
  const ops = planServiceTable(ref, two, one);
  assert.deepEqual(kinds(ops), ['flush-chain', 'add-elements', 'add-rules']);
  assert.ok(ops.every((op) => op.kind !== 'add-elements' || op.elements.length === 1));
  // The same number of endpoints: elements alone.
  assert.deepEqual(kinds(planServiceTable(ref, both(['10.1.0.2', '10.1.0.4']), two)), [
    'delete-elements',
    'add-elements',
  ]);
});

test('without an endpoint the address refuses; back again it serves', () => {
  const plan = kinds(planServiceTable(ref, table([]), table(['10.1.0.2'])));
  assert.deepEqual(plan, [
    'flush-chain',
    'delete-elements',
    'delete-elements',
    'add-elements',
    'add-elements',
    'delete-set',
    'delete-chain',
  ]);
  const back = kinds(planServiceTable(ref, table(['10.1.0.2']), table([])));
  assert.deepEqual(back, [
    'add-chain',
    'delete-elements',
    'delete-elements',
    'add-set',
    'add-elements',
    'add-elements',
    'add-rules',
  ]);
});

test('clients that are held to an endpoint that is gone are let go', () => {
  const sticky = service('s', { clusterIP: '10.96.0.9', sessionAffinity: 'ClientIP', ports: [{ port: 80 }] });
  const [one, two] = [table(['10.1.0.2'], sticky), table(['10.1.0.2', '10.1.0.3'], sticky)];
  const [port] = ports(['10.1.0.2', '10.1.0.3'], sticky);
  assert.ok(port);
  const data = two.sets.find(({ name }) => name === endpointsName(port))?.elements.map((element) => element.data ?? '');
  const client = (key: string, at: number) => ({ key, data: data?.[at] ?? '', timeoutMs: 1n, expirationMs: 1n });
  const observed: Table = {
    ...two,
    sets: two.sets.map((set) =>
      set.name === affinityName(port) ? { ...set, elements: [client('0a010007', 0), client('0a010008', 1)] } : set,
    ),
  };
  const gone = planServiceTable(ref, one, observed).find(
    (op) => op.kind === 'delete-elements' && op.set.name === affinityName(port),
  );
  assert.deepEqual(gone?.kind === 'delete-elements' ? gone.elements : [], [{ key: '0a010008' }]);
  assert.deepEqual(planServiceTable(ref, two, observed), []);
});

test('a table of another shape is replaced as a whole', () => {
  const made = table(['10.1.0.2']);
  assert.deepEqual(kinds(planServiceTable(ref, made, { ...made, comment: 'not ours' })), ['replace-table']);
  const policy = {
    ...made,
    chains: made.chains.map((chain) => (chain.base ? { ...chain, base: { ...chain.base, priority: 7 } } : chain)),
  };
  assert.deepEqual(kinds(planServiceTable(ref, made, policy)), ['replace-table']);
  const extra = { ...made, chains: [...made.chains, { name: 'foreign', rules: [] }] };
  assert.deepEqual(kinds(planServiceTable(ref, made, extra)), ['flush-chain', 'delete-chain']);
});
