import assert from 'node:assert/strict';
import { area } from '../case.ts';
import { expectCode, expectInvalid, mergePatch, strategicPatch } from '../expect.ts';
import type { Json } from '../raw-client.ts';
import type { World } from '../world.ts';

const page = 'Services, Load Balancing, and Networking: Service; API reference: Service';
const dualStackPage = 'IPv4/IPv6 dual-stack: Services';
const slicePage = 'EndpointSlices; API reference: EndpointSlice';

const services = (world: World): string => `/api/v1/namespaces/${world.namespace}/services`;
const slices = (world: World): string => `/apis/discovery.k8s.io/v1/namespaces/${world.namespace}/endpointslices`;
const http = [{ port: 80 }];

const post = (world: World, spec: Json, name = world.name()) =>
  world.post(services(world), { metadata: { name }, spec });
const make = async (world: World, spec: Json): Promise<Json> => expectCode(await post(world, spec), 201);
const change = (world: World, made: Json, spec: Json, type = mergePatch) =>
  world.patch(`${services(world)}/${made.metadata.name}`, type, { spec });

export const serviceCases = area('services', page, (rule) => {
  rule('a Service without more gets an address and defaults', async (world) => {
    const { spec, status } = await make(world, { ports: http });
    assert.equal(spec.type, 'ClusterIP');
    assert.match(spec.clusterIP, /^[0-9a-f.:]+$/u);
    assert.deepEqual(spec.clusterIPs, [spec.clusterIP]);
    assert.equal(spec.sessionAffinity, 'None');
    assert.equal(spec.internalTrafficPolicy, 'Cluster');
    assert.deepEqual(spec.ports, [{ port: 80, protocol: 'TCP', targetPort: 80 }]);
    assert.deepEqual(status, { loadBalancer: {} });
  });
  rule('two Services have two addresses, also when made at once', async (world) => {
    const made = await Promise.all(Array.from({ length: 8 }, () => make(world, { ports: http })));
    assert.equal(new Set(made.map(({ spec }) => spec.clusterIP)).size, 8);
  });
  rule('an address that another Service has is 422', async (world) => {
    const { spec } = await make(world, { ports: http });
    expectInvalid(await post(world, { ports: http, clusterIP: spec.clusterIP }), 'spec.clusterIPs');
  });
  rule('an address outside the range is 422', async (world) => {
    expectInvalid(await post(world, { ports: http, clusterIP: '192.0.2.1' }), 'spec.clusterIPs');
  });
  rule('the address does not change: 422', async (world) => {
    const made = await make(world, { ports: http });
    expectInvalid(await change(world, made, { clusterIP: 'None', clusterIPs: ['None'] }), 'spec.clusterIPs[0]');
  });
  rule('an update that names no address keeps it', async (world) => {
    const made = await make(world, { ports: http });
    const body = { ...made, spec: { ports: [{ port: 81 }] } };
    const { spec } = expectCode(await world.put(`${services(world)}/${made.metadata.name}`, body), 200);
    assert.deepEqual([spec.clusterIP, spec.clusterIPs], [made.spec.clusterIP, made.spec.clusterIPs]);
    assert.deepEqual(spec.ipFamilies, made.spec.ipFamilies);
  });
  rule('clusterIP and the first of clusterIPs are the same: 422', async (world) => {
    const body = { ports: http, clusterIP: 'None', clusterIPs: ['192.0.2.1'] };
    expectInvalid(await post(world, body), 'spec.clusterIPs');
  });
  rule('a headless Service has no address and may have no ports', async (world) => {
    const { spec } = await make(world, { clusterIP: 'None', selector: { app: 'x' } });
    assert.deepEqual([spec.clusterIP, spec.clusterIPs], ['None', ['None']]);
  });
  rule('a headless Service cannot have node ports: 422', async (world) => {
    expectInvalid(await post(world, { ports: http, clusterIP: 'None', type: 'NodePort' }), 'spec.clusterIPs[0]');
  });
  rule('a NodePort Service gets a port, and gives it up with the type', async (world) => {
    const made = await make(world, { ports: http, type: 'NodePort' });
    const port = made.spec.ports[0].nodePort;
    assert.ok(port > 0);
    assert.equal(made.spec.externalTrafficPolicy, 'Cluster');
    const kept = expectCode(await change(world, made, { ports: [{ port: 80, targetPort: 8080 }] }), 200);
    assert.equal(kept.spec.ports[0].nodePort, port);
    const { spec } = expectCode(await change(world, made, { type: 'ClusterIP' }), 200);
    assert.deepEqual([spec.ports[0].nodePort, spec.externalTrafficPolicy], [undefined, undefined]);
    assert.equal(spec.clusterIP, made.spec.clusterIP);
  });
  rule('a node port that another Service has is 422', async (world) => {
    const { spec } = await make(world, { ports: http, type: 'NodePort' });
    const ports = [{ port: 80, nodePort: spec.ports[0].nodePort }];
    expectInvalid(await post(world, { ports, type: 'NodePort' }), 'spec.ports[0].nodePort');
  });
  rule('a node port is for Services that have them: 422', async (world) => {
    expectInvalid(await post(world, { ports: [{ port: 80, nodePort: 30_000 }] }), 'spec.ports[0].nodePort');
  });
  rule('a name elsewhere needs the name, and has no address', async (world) => {
    expectInvalid(await post(world, { type: 'ExternalName' }), 'spec.externalName');
    const { spec } = await make(world, { type: 'ExternalName', externalName: 'example.com' });
    assert.deepEqual([spec.clusterIP, spec.ipFamilies], [undefined, undefined]);
  });
  rule('sessionAffinity ClientIP lasts three hours unless said', async (world) => {
    const { spec } = await make(world, { ports: http, sessionAffinity: 'ClientIP' });
    assert.deepEqual(spec.sessionAffinityConfig, { clientIP: { timeoutSeconds: 10_800 } });
  });
  rule('a patch of kubectl finds a port by its number', async (world) => {
    const ports = [
      { name: 'a', port: 80 },
      { name: 'b', port: 81 },
    ];
    const made = await make(world, { ports });
    const body = { ports: [{ port: 81, targetPort: 8081 }] };
    const { spec } = expectCode(await change(world, made, body, strategicPatch), 200);
    const targets = Object.fromEntries((spec.ports as Json[]).map(({ name, targetPort }) => [name, targetPort]));
    assert.deepEqual(targets, { a: 80, b: 8081 });
  });
  rule('the status is written by its subresource alone', async (world) => {
    const made = await make(world, { ports: http, type: 'LoadBalancer' });
    const status = { loadBalancer: { ingress: [{ ip: '192.0.2.7' }] } };
    const path = `${services(world)}/${made.metadata.name}`;
    assert.deepEqual(expectCode(await world.patch(path, mergePatch, { status }), 200).status, { loadBalancer: {} });
    const written = expectCode(await world.patch(`${path}/status`, mergePatch, { status }), 200);
    assert.equal(written.status.loadBalancer.ingress[0].ip, '192.0.2.7');
  });
  const wrong: readonly (readonly [what: string, spec: Json, field: string])[] = [
    ['no port', {}, 'spec.ports'],
    ['port 0', { ports: [{ port: 0 }] }, 'spec.ports[0].port'],
    ['port 65536', { ports: [{ port: 65_536 }] }, 'spec.ports[0].port'],
    ['targetPort 65536', { ports: [{ port: 1, targetPort: 65_536 }] }, 'spec.ports[0].targetPort'],
    ['two ports without names', { ports: [{ port: 1 }, { port: 2 }] }, 'spec.ports[0].name'],
    [
      'two ports of one name',
      {
        ports: [
          { name: 'a', port: 1 },
          { name: 'a', port: 2 },
        ],
      },
      'spec.ports[1].name',
    ],
    [
      'one port twice',
      {
        ports: [
          { name: 'a', port: 1 },
          { name: 'b', port: 1 },
        ],
      },
      'spec.ports[1]',
    ],
    ['a protocol that is none', { ports: [{ port: 1, protocol: 'ICMP' }] }, 'spec.ports[0].protocol'],
    ['a type that is none', { ports: http, type: 'Public' }, 'spec.type'],
    ['an affinity that is none', { ports: http, sessionAffinity: 'Always' }, 'spec.sessionAffinity'],
    ['a policy of families that is none', { ports: http, ipFamilyPolicy: 'Both' }, 'spec.ipFamilyPolicy'],
    ['a family that is none', { ports: http, ipFamilies: ['IPX'] }, 'spec.ipFamilies[0]'],
  ];
  for (const [what, spec, field] of wrong) {
    rule(`a Service with ${what} is 422`, async (world) => void expectInvalid(await post(world, spec), field));
  }
  for (const name of ['1a', 'a.b', 'a_b', 'x'.repeat(64)]) {
    rule(`a Service called "${name.slice(0, 6)}" of ${name.length} characters is 422`, async (world) => {
      expectInvalid(await post(world, { ports: http }, name), 'metadata.name');
    });
  }
  rule(
    'a Service has one family unless it asks for two',
    async (world) => {
      const { spec } = await make(world, { ports: http });
      assert.deepEqual([spec.ipFamilyPolicy, spec.ipFamilies.length], ['SingleStack', 1]);
    },
    dualStackPage,
  );
  rule(
    'a Service that prefers two families has as many addresses as families',
    async (world) => {
      const { spec } = await make(world, { ports: http, ipFamilyPolicy: 'PreferDualStack' });
      assert.equal(spec.clusterIPs.length, spec.ipFamilies.length);
      const families = (spec.clusterIPs as string[]).map((ip) => (ip.includes(':') ? 'IPv6' : 'IPv4'));
      assert.deepEqual(families, spec.ipFamilies);
    },
    dualStackPage,
  );
  rule(
    'two families and the policy SingleStack are 422',
    async (world) => {
      const spec = { ports: http, ipFamilyPolicy: 'SingleStack', ipFamilies: ['IPv4', 'IPv6'] };
      expectInvalid(await post(world, spec), 'spec.ipFamilyPolicy');
    },
    dualStackPage,
  );
  rule(
    'a headless Service without a selector has both families',
    async (world) => {
      const { spec } = await make(world, { clusterIP: 'None', ports: http });
      assert.equal(spec.ipFamilyPolicy, 'RequireDualStack');
      assert.deepEqual(spec.ipFamilies.toSorted(), ['IPv4', 'IPv6']);
    },
    dualStackPage,
  );
  rule(
    'the first family does not change: 422',
    async (world) => {
      const made = await make(world, { ports: http });
      const other = made.spec.ipFamilies[0] === 'IPv4' ? 'IPv6' : 'IPv4';
      expectInvalid(await change(world, made, { ipFamilies: [other] }));
    },
    dualStackPage,
  );

  const slice = (addresses: readonly string[], more: Json = {}): Json => ({
    addressType: 'IPv4',
    endpoints: [{ addresses }],
    ports: [{ name: '', port: 80, protocol: 'TCP' }],
    ...more,
  });
  const postSlice = (world: World, body: Json) =>
    world.post(slices(world), { metadata: { name: world.name() }, ...body });
  rule(
    'an EndpointSlice keeps its address type: 422',
    async (world) => {
      const { metadata } = expectCode(await postSlice(world, slice(['192.0.2.1'])), 201);
      const path = `${slices(world)}/${metadata.name}`;
      expectInvalid(await world.patch(path, mergePatch, { addressType: 'IPv6', endpoints: [] }), 'addressType');
    },
    slicePage,
  );
  rule(
    'a patch of kubectl replaces the ports of an EndpointSlice',
    async (world) => {
      const { metadata } = expectCode(await postSlice(world, slice(['192.0.2.1'])), 201);
      const body = { ports: [{ name: 'b', port: 81, protocol: 'TCP' }] };
      const { ports } = expectCode(await world.patch(`${slices(world)}/${metadata.name}`, strategicPatch, body), 200);
      assert.deepEqual(
        (ports as Json[]).map(({ port }) => port),
        [81],
      );
    },
    slicePage,
  );
  const wrongSlices: readonly (readonly [what: string, body: Json, field: string])[] = [
    ['an address type that is none', slice([], { addressType: 'IPX', endpoints: [] }), 'addressType'],
    ['an endpoint without an address', slice([]), 'endpoints[0].addresses'],
    ['an address that is none', slice(['a']), 'endpoints[0].addresses[0]'],
    ['an address of the other family', slice(['fd00::1']), 'endpoints[0].addresses[0]'],
    ['a loopback address', slice(['127.0.0.1']), 'endpoints[0].addresses[0]'],
    ['an unspecified address', slice(['0.0.0.0']), 'endpoints[0].addresses[0]'],
    ['a link-local address', slice(['169.254.169.254']), 'endpoints[0].addresses[0]'],
    [
      '101 addresses of an endpoint',
      slice(Array.from({ length: 101 }, (_, n) => `192.0.2.${n + 1}`)),
      'endpoints[0].addresses',
    ],
    [
      'two ports of one name',
      slice(['192.0.2.1'], { ports: [80, 81].map((port) => ({ name: 'a', port })) }),
      'ports[1].name',
    ],
  ];
  for (const [what, body, field] of wrongSlices) {
    rule(
      `an EndpointSlice with ${what} is 422`,
      async (world) => void expectInvalid(await postSlice(world, body), field),
      slicePage,
    );
  }
});
