/** What GitOps agents, client-go programs and web consoles ask for, by the rules that they rely on. */
import assert from 'node:assert/strict';
import { area, skip } from '../case.ts';
import { applyPatch, encode, expectCode, expectFailure, jsonPatch, managerOf, mergePatch, namesOf } from '../expect.ts';
import type { Answer, Json } from '../raw-client.ts';
import type { SocketReader } from '../web-socket.ts';
import type { World } from '../world.ts';

const aggregated = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
const partial = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1';
const partialList = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1';
const clientGo = 'application/vnd.kubernetes.protobuf,application/json';

interface Subresource {
  readonly name: string;
  readonly kind: string;
  readonly verbs: readonly string[];
  readonly group?: string;
}

const parts = ['get', 'patch', 'update'];
const streams = ['create', 'get'];
const subresources: readonly Subresource[] = [
  { name: 'pods/status', kind: 'Pod', verbs: parts },
  { name: 'pods/log', kind: 'Pod', verbs: ['get'] },
  { name: 'pods/exec', kind: 'PodExecOptions', verbs: streams },
  { name: 'pods/attach', kind: 'PodAttachOptions', verbs: streams },
  { name: 'pods/portforward', kind: 'PodPortForwardOptions', verbs: streams },
  { name: 'pods/binding', kind: 'Binding', verbs: ['create'] },
  { name: 'pods/eviction', kind: 'Eviction', group: 'policy', verbs: ['create'] },
  { name: 'serviceaccounts/token', kind: 'TokenRequest', group: 'authentication.k8s.io', verbs: ['create'] },
  { name: 'namespaces/status', kind: 'Namespace', verbs: parts },
  { name: 'namespaces/finalize', kind: 'Namespace', verbs: ['update'] },
  { name: 'nodes/status', kind: 'Node', verbs: parts },
  { name: 'services/status', kind: 'Service', verbs: parts },
  { name: 'persistentvolumeclaims/status', kind: 'PersistentVolumeClaim', verbs: parts },
  { name: 'resourcequotas/status', kind: 'ResourceQuota', verbs: parts },
];

function newEvents(world: World): string {
  return `/apis/events.k8s.io/v1/namespaces/${world.namespace}/events`;
}

/** An Event of events.k8s.io that nothing is wrong with. */
function newEvent(world: World): Json {
  return {
    metadata: { name: world.name('event') },
    eventTime: '2026-01-01T00:00:00.123456Z',
    reportingController: 'example.com/agent',
    reportingInstance: 'agent-1',
    action: 'Reconcile',
    reason: 'Progressing',
    type: 'Normal',
    regarding: { kind: 'ConfigMap', namespace: world.namespace, name: 'some' },
  };
}

/** All resources that are served, with their paths. */
async function served(world: World): Promise<{ path: string; resource: Json }[]> {
  const found: { path: string; resource: Json }[] = [];
  for (const root of ['/api', '/apis']) {
    const { json } = await world.get(root, aggregated);
    for (const group of json.items) {
      const { name } = group.metadata;
      const [version] = group.versions;
      const base = name === undefined || name === '' ? `/api/${version.version}` : `/apis/${name}/${version.version}`;
      for (const resource of version.resources) {
        found.push({ path: `${base}/${resource.resource}`, resource });
      }
    }
  }
  assert.ok(found.some(({ resource }) => resource.resource === 'configmaps'));
  return found;
}

export const subresourceCases = area('subresources', 'API reference: discovery of the core group', (rule) => {
  for (const { name, kind, verbs, group } of subresources) {
    rule(`${name} is of kind ${kind} and has the verbs ${verbs.join(', ')}`, async (world) => {
      await world.requireResource('v1', name);
      const { json } = await world.get('/api/v1');
      const found = json.resources.find((item: Json) => item.name === name);
      assert.equal(found.kind, kind);
      assert.equal(found.group, group);
      assert.deepEqual(found.verbs.toSorted(), verbs);
      assert.equal(found.singularName, '');
    });
  }
  rule(
    'the aggregated form has the same subresources as the old one',
    async (world) => {
      const { json: list } = await world.get('/api/v1');
      const { json } = await world.get('/api', aggregated);
      const [version] = json.items[0].versions;
      const shown = version.resources.flatMap((item: Json) =>
        (item.subresources ?? []).map((below: Json) => [
          `${item.resource}/${below.subresource}`,
          below.responseKind.kind,
          below.verbs.toSorted(),
        ]),
      );
      const wanted = list.resources
        .filter((item: Json) => item.name.includes('/'))
        .map((item: Json) => [item.name, item.kind, item.verbs.toSorted()]);
      const order = (left: Json, right: Json): number => (left[0] < right[0] ? -1 : 1);
      assert.deepEqual(shown.toSorted(order), wanted.toSorted(order));
    },
    'KEP-3352 Aggregated discovery',
  );
  rule('kubectl auth can-i create pods/exec', async (world) => {
    await world.requireResource('v1', 'pods/exec');
    const { code, out, err } = await world.kubectl(['auth', 'can-i', 'create', 'pods/exec']);
    assert.equal(code, 0, err);
    assert.equal(out.trim(), 'yes');
  });
  rule('kubectl api-resources shows no subresources', async (world) => {
    const { out } = await world.kubectl(['api-resources', '-o', 'name']);
    assert.ok(out.split('\n').includes('pods') || out.split('\n').includes('configmaps'));
    assert.doesNotMatch(out, /\//u);
  });
  rule('finalize is for PUT', async (world) => {
    await world.requireResource('v1', 'namespaces/finalize');
    const path = `/api/v1/namespaces/${world.namespace}/finalize`;
    expectFailure(await world.patch(path, jsonPatch, []), 405, 'MethodNotAllowed');
  });
});

export const oldWatchCases = area('deprecated watch paths', 'API reference: watch (deprecated)', (rule) => {
  async function first(world: World, path: string): Promise<Json> {
    const watch = await world.watch(path);
    try {
      if (watch.code === 404) {
        skip('this server does not serve the deprecated /watch/ paths');
      }
      assert.equal(watch.code, 200);
      return await watch.next();
    } finally {
      watch.close();
    }
  }
  rule('one object by its name', async (world) => {
    const other = await world.makeMap();
    const made = await world.makeMap();
    const path = `/api/v1/watch/namespaces/${world.namespace}/configmaps/${made.metadata.name}`;
    assert.notEqual(other.metadata.name, made.metadata.name);
    assert.equal((await first(world, path)).object.metadata.name, made.metadata.name);
  });
  rule('all namespaces', async (world) => {
    const label = world.name('set');
    const made = await world.makeMap({ metadata: { name: world.name(), labels: { set: label } } });
    const event = await first(world, `/api/v1/watch/configmaps?labelSelector=set%3D${label}`);
    assert.equal(event.object.metadata.name, made.metadata.name);
  });
  rule('a kind without namespaces', async (world) => {
    const event = await first(world, `/api/v1/watch/namespaces/${world.namespace}`);
    assert.equal(event.object.kind, 'Namespace');
    assert.equal(event.object.metadata.name, world.namespace);
  });
  rule('a custom resource', async (world) => {
    const made = await world.makeWidget();
    const path = `/apis/${world.group}/v1/watch/namespaces/${world.namespace}/widgets/${made.metadata.name}`;
    assert.equal((await first(world, path)).object.metadata.name, made.metadata.name);
  });
  rule('only GET', async (world) => {
    const path = `/api/v1/watch/namespaces/${world.namespace}/configmaps`;
    const answer = await world.post(path, { metadata: { name: world.name() } });
    expectFailure(answer, [404, 405]);
  });
  rule('a name and ?watch=true elsewhere is a plain get', async (world) => {
    const made = await world.makeMap();
    const { json } = await world.get(`${world.maps}/${made.metadata.name}?watch=true`);
    assert.equal(json.kind, 'ConfigMap');
  });
});

export const parameterCases = area('boolean parameters', 'API reference: common parameters', (rule) => {
  for (const text of ['true', 'True', '1', 'yes', '']) {
    rule(`watch=${text} is a watch`, async (world) => {
      const none = world.name();
      const answer = await world.get(`${world.maps}?watch=${text}&timeoutSeconds=1&labelSelector=none%3D${none}`);
      assert.equal(expectCode(answer, 200), undefined, answer.text);
    });
  }
  rule('orphanDependents=true in the query is the policy Orphan', async (world) => {
    const { name } = (await world.makeMap()).metadata;
    const left = expectCode(await world.remove(`${world.maps}/${name}?orphanDependents=true&dryRun=All`), 200);
    assert.ok(['ConfigMap', 'Status'].includes(left.kind));
    const both = `${world.maps}/${name}?orphanDependents=True&propagationPolicy=Background`;
    expectFailure(await world.remove(both), [400, 422]);
  });
  rule('parameters that are given and empty are as if left out', async (world) => {
    const { name } = (await world.makeMap()).metadata;
    const empty = 'fieldManager=&fieldValidation=&dryRun=';
    expectCode(await world.patch(`${world.maps}/${name}?${empty}`, mergePatch, { data: { a: '2' } }), 200);
    expectCode(await world.get(`${world.maps}?limit=&continue=&labelSelector=&fieldSelector=&resourceVersion=`), 200);
  });
  for (const text of ['false', 'False', '0']) {
    rule(`watch=${text} is a list`, async (world) => {
      const answer = await world.get(`${world.maps}?watch=${text}&limit=1`);
      assert.equal(expectCode(answer, 200).kind, 'ConfigMapList');
    });
  }
});

export const socketCases = area('watch over a WebSocket', 'API concepts: Efficient detection of changes', (rule) => {
  async function opened(
    world: World,
    path: string,
    use: (socket: SocketReader) => Promise<void>,
    options: Parameters<World['socket']>[1] = {},
  ): Promise<void> {
    const socket = await world.socket(path, options);
    try {
      await use(socket);
    } finally {
      socket.close();
    }
  }
  rule('each event is one message', async (world) => {
    const label = world.name('set');
    const make = (): Promise<Json> => world.makeMap({ metadata: { name: world.name(), labels: { set: label } } });
    const before = await make();
    await opened(world, `${world.maps}?watch=true&labelSelector=set%3D${label}`, async (socket) => {
      assert.equal(socket.code, 101);
      const seen = [await socket.next()];
      const later = await make();
      await world.remove(`${world.maps}/${before.metadata.name}`);
      seen.push(await socket.next(), await socket.next());
      assert.deepEqual(
        seen.map(({ type, object }) => [type, object.metadata.name]),
        [
          ['ADDED', before.metadata.name],
          ['ADDED', later.metadata.name],
          ['DELETED', before.metadata.name],
        ],
      );
    });
  });
  rule('custom resources, too', async (world) => {
    const made = await world.makeWidget();
    const path = `${world.widgets}?watch=1&fieldSelector=metadata.name%3D${made.metadata.name}`;
    await opened(world, path, async (socket) => {
      assert.equal((await socket.next()).object.metadata.name, made.metadata.name);
    });
  });
  rule('it ends after timeoutSeconds', async (world) => {
    const path = `${world.maps}?watch=1&timeoutSeconds=1&labelSelector=none%3D${world.name()}`;
    await opened(world, path, async (socket) => {
      assert.equal(await socket.next(), undefined);
    });
  });
  rule('what cannot be watched is refused before the upgrade', async (world) => {
    await opened(world, `${world.maps}?watch=1&labelSelector=%3D%3D`, async ({ code }) => assert.equal(code, 400));
    await opened(world, '/api/v1/nothings?watch=1', async ({ code }) => assert.equal(code, 404));
  });
  rule('a token may come as a subprotocol, beside another', async (world) => {
    await world.requireResource('v1', 'serviceaccounts/token');
    const accounts = `/api/v1/namespaces/${world.namespace}/serviceaccounts`;
    const name = world.name();
    expectCode(await world.post(accounts, { metadata: { name } }), 201);
    const { token } = expectCode(await world.post(`${accounts}/${name}/token`, { spec: {} }), 201).status;
    const carry = (text: string): string =>
      `base64url.bearer.authorization.k8s.io.${Buffer.from(text).toString('base64url')}`;
    const path = `${world.maps}?watch=1`;
    const asked = (protocols: readonly string[]) => ({ protocols, anonymous: true });
    // Known, but without rights; and nobody at all.
    await opened(
      world,
      path,
      async ({ code }) => assert.equal(code, 403),
      asked(['base64.binary.k8s.io', carry(token)]),
    );
    await opened(
      world,
      path,
      async ({ code }) => assert.equal(code, 401),
      asked(['base64.binary.k8s.io', carry(`${token}x`)]),
    );
  });
});

/** A field of a protobuf message that holds bytes, all shorter than 128. */
function bytesField(number: number, ...content: readonly (string | Buffer)[]): Buffer {
  const bytes = Buffer.concat(content.map((item) => Buffer.from(item as string)));
  return Buffer.concat([Buffer.of((number << 3) | 2, bytes.length), bytes]);
}

export const agentCases = area('GitOps agents and consoles', 'API concepts', (rule) => {
  rule('whatever discovery says can be listed can be listed, as metadata and by pages', async (world) => {
    const refused: string[] = [];
    for (const { path, resource } of await served(world)) {
      if (resource.verbs.includes('list')) {
        const { code, json } = await world.get(`${path}?limit=1&resourceVersion=0`, partialList);
        // An aggregated API may be down, or know no metadata.
        if (code !== 503 && code !== 406 && (code !== 200 || json.kind !== 'PartialObjectMetadataList')) {
          refused.push(`${path}: ${code}`);
        }
      }
    }
    assert.deepEqual(refused, []);
  });
  rule('whatever discovery says can be watched can be watched, as metadata and with bookmarks', async (world) => {
    const resources = (await served(world)).filter(({ resource }) => resource.verbs.includes('watch'));
    const refused: string[] = [];
    await Promise.all(
      resources.map(async ({ path }) => {
        const watch = await world.watch(`${path}?watch=true&allowWatchBookmarks=true&timeoutSeconds=1`, partial);
        if (watch.code !== 200 && watch.code !== 503) {
          refused.push(`${path}: ${watch.code}`);
        }
        watch.close();
      }),
    );
    assert.deepEqual(refused, []);
  });
  rule('pages of metadata, then a watch of metadata from there', async (world) => {
    const label = world.name('set');
    const make = (): Promise<Json> => world.makeWidget({}, { name: world.name(), labels: { set: label } });
    await Promise.all([make(), make(), make()]);
    const path = `/apis/${world.group}/v1/widgets?labelSelector=set%3D${label}`;
    const names: string[] = [];
    let page: Json = { metadata: { continue: '' } };
    do {
      page = expectCode(
        await world.get(`${path}&limit=2&continue=${encode(page.metadata.continue)}`, partialList),
        200,
      );
      assert.ok(page.items.every((item: Json) => item.kind === 'PartialObjectMetadata' && item.spec === undefined));
      names.push(...namesOf(page));
    } while (page.metadata.continue);
    assert.equal(names.length, 3);
    const from = `${path}&watch=true&allowWatchBookmarks=true&resourceVersion=${page.metadata.resourceVersion}`;
    const watch = await world.watch(from, partial);
    try {
      const made = await make();
      const event = await watch.next();
      assert.equal(event.type, 'ADDED');
      assert.equal(event.object.kind, 'PartialObjectMetadata');
      assert.equal(event.object.metadata.name, made.metadata.name);
    } finally {
      watch.close();
    }
  });
  rule(
    'a dry run of a forced apply shows the result, its managers, and changes nothing',
    async (world) => {
      const name = world.name();
      const body = (data: Json): Json => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data });
      const path = (query: string): string => `${world.maps}/${name}?${query}`;
      const apply = (query: string, data: Json): Promise<Answer> => world.patch(path(query), applyPatch, body(data));
      const dry = 'dryRun=All&fieldManager=kustomize-controller&force=true';
      expectCode(await apply(dry, { a: '1' }), 201);
      expectCode(await world.get(`${world.maps}/${name}`), 404);
      expectCode(await apply('fieldManager=person', { a: '0', b: '0' }), 201);
      const before = expectCode(await world.get(`${world.maps}/${name}`), 200);
      const shown = expectCode(await apply(dry, { a: '1' }), 200);
      assert.deepEqual(shown.data, { a: '1', b: '0' });
      assert.ok(managerOf(shown, 'kustomize-controller'));
      assert.equal(shown.metadata.resourceVersion, before.metadata.resourceVersion);
      assert.deepEqual(expectCode(await world.get(`${world.maps}/${name}`), 200), before);
    },
    'KEP-555 Server-side apply; KEP-576 Dry-run',
  );
  rule(
    'a Lease elects: who comes with an old resourceVersion loses',
    async (world) => {
      await world.requireResource('coordination.k8s.io/v1', 'leases');
      const path = `/apis/coordination.k8s.io/v1/namespaces/${world.namespace}/leases`;
      const name = world.name();
      const spec = (holderIdentity: string): Json => ({
        holderIdentity,
        leaseDurationSeconds: 15,
        acquireTime: '2026-01-01T00:00:00.123456Z',
        renewTime: '2026-01-01T00:00:00.123456Z',
        leaseTransitions: 0,
      });
      const made = expectCode(await world.post(path, { metadata: { name }, spec: spec('one') }), 201);
      assert.equal(made.spec.renewTime, '2026-01-01T00:00:00.123456Z');
      const [first, second] = await Promise.all(
        ['two', 'three'].map((holder) => world.put(`${path}/${name}`, { ...made, spec: spec(holder) })),
      );
      assert.deepEqual(
        [first?.code, second?.code].toSorted((left = 0, right = 0) => left - right),
        [200, 409],
      );
    },
    'API reference: Lease',
  );
  rule(
    'an Event of events.k8s.io shows in the core group with its other names, and in its watch',
    async (world) => {
      await world.requireResource('events.k8s.io/v1', 'events');
      const name = world.name('event');
      const core = `/api/v1/namespaces/${world.namespace}/events`;
      const path = newEvents(world);
      const watch = await world.watch(`${core}?watch=true&fieldSelector=metadata.name%3D${name}`);
      try {
        const regarding = { kind: 'ConfigMap', namespace: world.namespace, name: 'some', apiVersion: 'v1' };
        const body = { ...newEvent(world), metadata: { name }, note: 'on its way', regarding };
        const made = expectCode(await world.post(path, body), 201);
        assert.equal(made.note, 'on its way');
        const { object } = await watch.next();
        assert.equal(object.apiVersion, 'v1');
        assert.equal(object.message, 'on its way');
        assert.equal(object.involvedObject.name, 'some');
        assert.equal(object.reportingComponent, 'example.com/agent');
        const selected = await world.get(
          `${path}?fieldSelector=${encode(`regarding.name=some,metadata.name=${name}`)}`,
        );
        assert.deepEqual(namesOf(expectCode(selected, 200)), [name]);
      } finally {
        watch.close();
      }
    },
    'KEP-383 Redesign Event API',
  );
  for (const [field, value] of [
    ['eventTime', undefined],
    ['reportingController', undefined],
    ['reportingController', 'a b'],
    ['reportingInstance', undefined],
    ['action', undefined],
    ['reason', 'x'.repeat(129)],
    ['type', 'Odd'],
    ['note', 'x'.repeat(1025)],
    ['deprecatedCount', 2],
    ['deprecatedSource', { component: 'agent' }],
  ] as const) {
    const shown = value === undefined ? 'without' : `with ${JSON.stringify(value).slice(0, 24)} as`;
    rule(
      `an Event of events.k8s.io ${shown} ${field} is 422 Invalid`,
      async (world) => {
        await world.requireResource('events.k8s.io/v1', 'events');
        expectFailure(await world.post(newEvents(world), { ...newEvent(world), [field]: value }), 422, 'Invalid');
      },
      'KEP-383 Redesign Event API',
    );
  }
  rule(
    'an Event about an object of another namespace is 422 in events.k8s.io, too',
    async (world) => {
      await world.requireResource('events.k8s.io/v1', 'events');
      const regarding = { kind: 'ConfigMap', namespace: 'elsewhere', name: 'some' };
      expectFailure(await world.post(newEvents(world), { ...newEvent(world), regarding }), 422, 'Invalid');
    },
    'KEP-383 Redesign Event API',
  );
  rule('an API group that nobody serves, such as metrics, is a clean 404', async (world) => {
    const { json } = await world.get('/apis');
    if (json.groups.some((group: Json) => group.name === 'metrics.k8s.io')) {
      skip('this server serves metrics.k8s.io');
    }
    for (const path of ['/apis/metrics.k8s.io', '/apis/metrics.k8s.io/v1beta1', '/apis/metrics.k8s.io/v1beta1/nodes']) {
      expectFailure(await world.get(path), 404, 'NotFound');
    }
  });
  for (const [apiVersion, kind, collection] of [
    ['v1', 'ConfigMap', '/api/v1/namespaces/NS/configmaps'],
    ['v1', 'PersistentVolumeClaim', '/api/v1/namespaces/NS/persistentvolumeclaims'],
    ['coordination.k8s.io/v1', 'Lease', '/apis/coordination.k8s.io/v1/namespaces/NS/leases'],
    ['v1', 'Event', '/api/v1/namespaces/NS/events'],
  ] as const) {
    rule(
      `typed clients of controllers send a ${kind} as protobuf`,
      async (world) => {
        await world.requireResource(apiVersion, collection.split('/').at(-1) ?? '');
        const name = world.name();
        const metadata = bytesField(1, bytesField(1, name), bytesField(3, world.namespace));
        const details: Readonly<Record<string, Buffer>> = {
          Event: bytesField(2, bytesField(1, 'ConfigMap'), bytesField(2, world.namespace), bytesField(3, 'some')),
          PersistentVolumeClaim: bytesField(
            2,
            bytesField(1, 'ReadWriteOnce'),
            bytesField(2, bytesField(2, bytesField(1, 'storage'), bytesField(2, bytesField(1, '1Gi')))),
          ),
        };
        const body = Buffer.concat([
          Buffer.from('k8s\0'),
          bytesField(1, bytesField(1, apiVersion), bytesField(2, kind)),
          bytesField(2, metadata, details[kind] ?? Buffer.alloc(0)),
          bytesField(3),
          bytesField(4),
        ]);
        const path = `${collection.replace('NS', world.namespace)}?dryRun=All`;
        const type = 'application/vnd.kubernetes.protobuf';
        const made = expectCode(await world.post(path, body, { type }), 201);
        assert.equal(made.metadata.name, name);
        assert.equal(made.kind, kind);
      },
      'API concepts: Alternate representations of resources',
    );
  }
  rule('SelfSubjectRulesReview tells a console what to show', async (world) => {
    const review = { spec: { namespace: world.namespace } };
    const { status } = expectCode(
      await world.post('/apis/authorization.k8s.io/v1/selfsubjectrulesreviews', review),
      201,
    );
    assert.ok(status.resourceRules.length > 0);
    assert.ok(status.nonResourceRules.every((rules: Json) => Array.isArray(rules.verbs)));
    assert.equal(typeof status.incomplete, 'boolean');
  });
  rule(
    'client-go prefers protobuf and takes JSON',
    async (world) => {
      const headers = { 'User-Agent': 'virtctl/v1.6.0 (linux/amd64) kubernetes/$Format' };
      const accepted = { accept: clientGo, headers };
      assert.equal(expectCode(await world.call('GET', world.widgets, accepted), 200).kind, 'WidgetList');
      // As typed clients of controllers ask; for a custom resource there is JSON alone.
      const anything = 'application/vnd.kubernetes.protobuf, */*';
      assert.equal(expectCode(await world.get(world.widgets, anything), 200).kind, 'WidgetList');
      const { headers: answered } = await world.call('GET', '/api', accepted);
      assert.match(answered['content-type'] ?? '', /^application\/(?:json|vnd\.kubernetes\.protobuf)/u);
      const watch = await world.watch(`${world.widgets}?watch=true&timeoutSeconds=1`, clientGo);
      assert.equal(watch.code, 200);
      assert.match(watch.headers['content-type'] ?? '', /^application\/json/u);
      watch.close();
    },
    'API concepts: Alternate representations of resources',
  );
});
