/** Addresses and ports of Services as clients get them. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { ResourceType } from '../../../apimachinery/object.ts';
import { startTestServer } from '../test-server.ts';
import { defaultServiceRanges, dualStackServiceRanges, type ServiceRanges } from './allocation.ts';
import type { Service } from './types.ts';

const type: ResourceType<Service> = {
  group: '',
  version: 'v1',
  resource: 'services',
  kind: 'Service',
  namespaced: true,
};
const namespace = 'default';

async function open(t: TestContext, serviceRanges: ServiceRanges) {
  const server = await startTestServer({ serviceRanges });
  t.after(() => server.close());
  const { client } = server;
  return {
    client,
    make: (name: string, spec: Service['spec'] = {}) =>
      client.create(type, {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name, namespace },
        spec: { ports: [{ port: 80 }], ...spec },
      }),
    change: async (name: string, spec: Partial<Service['spec']>) => {
      const old = await client.get(type, { namespace, name });
      return client.update(type, { ...old, spec: { ...old.spec, ...spec } });
    },
  };
}

test('addresses of both families, given up and got with the policy', async (t) => {
  const { change, client, make } = await open(t, dualStackServiceRanges);
  const plain = await make('plain');
  assert.deepEqual([plain.spec.ipFamilies, plain.spec.ipFamilyPolicy], [['IPv4'], 'SingleStack']);
  const six = await make('six', { ipFamilies: ['IPv6'] });
  assert.match(six.spec.clusterIP ?? '', /^fd76:6d6c:7376::[0-9a-f]+$/u);
  assert.deepEqual(six.spec.clusterIPs, [six.spec.clusterIP]);
  const two = await make('two', { ipFamilyPolicy: 'PreferDualStack', clusterIP: '10.96.0.50' });
  assert.deepEqual(two.spec.ipFamilies, ['IPv4', 'IPv6']);
  assert.equal(two.spec.clusterIPs?.[0], '10.96.0.50');
  assert.match(two.spec.clusterIPs?.[1] ?? '', /^fd76:/u);

  // A client that knows no second family writes back without it.
  const { clusterIPs: _clusterIPs, ipFamilies: _ipFamilies, ipFamilyPolicy: _policy, ...old } = two.spec;
  const written = await client.update(type, { ...two, spec: { ...old, sessionAffinity: 'ClientIP' } });
  assert.deepEqual(written.spec.clusterIPs, two.spec.clusterIPs);
  const less = await change('two', { ipFamilyPolicy: 'SingleStack' });
  assert.deepEqual([less.spec.clusterIPs, less.spec.ipFamilies], [['10.96.0.50'], ['IPv4']]);
  const again = await change('plain', { ipFamilyPolicy: 'RequireDualStack' });
  assert.deepEqual(again.spec.ipFamilies, ['IPv4', 'IPv6']);
  assert.equal(again.spec.clusterIPs?.[0], plain.spec.clusterIP);

  const taken = again.spec.clusterIPs?.[1] ?? '';
  await assert.rejects(
    make('other', { clusterIPs: [taken.toUpperCase()], clusterIP: taken.toUpperCase() }),
    /already allocated/u,
  );
  await assert.rejects(make('other', { ipFamilies: ['IPv6'], clusterIP: 'fd00::1' }), /is not in the valid range/u);
  await assert.rejects(change('plain', { ipFamilies: ['IPv6', 'IPv4'] }), /ipFamilies|clusterIPs/u);
  await assert.rejects(
    change('plain', { clusterIPs: [plain.spec.clusterIP ?? '', 'fd76:6d6c:7376::7'] }),
    /may not change once set/u,
  );
});

test('a server of one family refuses the other', async (t) => {
  const { make } = await open(t, defaultServiceRanges);
  await assert.rejects(make('six', { ipFamilies: ['IPv6'] }), /spec\.ipFamilies\[0\].*not configured on this cluster/u);
  assert.deepEqual((await make('two', { ipFamilyPolicy: 'PreferDualStack' })).spec.ipFamilies, ['IPv4']);
});

test('what has no effect is told', async (t) => {
  const server = await startTestServer();
  t.after(() => server.close());
  const create = async (name: string, spec: object) => {
    const body = { apiVersion: 'v1', kind: 'Service', metadata: { name }, spec: { ports: [{ port: 80 }], ...spec } };
    const { code, headers } = await server.call('POST', `/api/v1/namespaces/default/services`, { body });
    assert.equal(code, 201);
    return headers['warning'] ?? '';
  };
  assert.equal(await create('plain', {}), '');
  assert.match(await create('external', { externalIPs: ['192.0.2.1'] }), /299 - ".*externalIPs: nothing leads/u);
  assert.match(await create('balanced', { type: 'LoadBalancer' }), /299 - ".*nothing here gives load balancers/u);
});

test('what a Service held is free when it is deleted, and never given twice', async (t) => {
  const ranges: ServiceRanges = { addresses: '10.50.0.0/29', nodePorts: { first: 31_000, last: 31_003 } };
  const { client, make } = await open(t, ranges);
  // Six addresses, the first of which is kept free.
  const made = await Promise.all(['a', 'b', 'c', 'd', 'e'].map((name) => make(name)));
  assert.equal(new Set(made.map(({ spec }) => spec.clusterIP)).size, 5);
  await assert.rejects(make('f'), /range 10\.50\.0\.0\/29 is full/u);
  await client.delete(type, { namespace, name: 'c' });
  assert.equal((await make('f')).spec.clusterIP, made[2]?.spec.clusterIP);
  await client.delete(type, { namespace, name: 'f' });
  const ports = [80, 81, 82, 83].map((port) => ({ port, name: `p${port}` }));
  const node = await make('node', { type: 'NodePort', ports });
  assert.deepEqual(node.spec.ports?.map(({ nodePort }) => nodePort).sort(), [31_000, 31_001, 31_002, 31_003]);
});
