/** What a real kubectl and the official JavaScript client make of the server. */
import assert from 'node:assert/strict';
import {
  ApiextensionsV1Api,
  ApisApi,
  CoreV1Api,
  CustomObjectsApi,
  KubernetesObjectApi,
  makeInformer,
  PatchStrategy,
  setHeaderOptions,
  VersionApi,
  Watch,
} from '@kubernetes/client-node';
import type { V1ConfigMap } from '@kubernetes/client-node';
import { withDeadline } from '../../../src/base/deadline.ts';
import { area, skip } from '../case.ts';
import { expectCode, namesOf } from '../expect.ts';
import type { Json } from '../raw-client.ts';
import type { World } from '../world.ts';

const kubectlPage = 'kubectl reference';

/** Runs kubectl, which must succeed; gives what it printed. */
async function good(world: World, args: readonly string[], input?: unknown): Promise<string> {
  const { code, out, err } = await world.kubectl(args, input);
  assert.equal(code, 0, `kubectl ${args.join(' ')}: ${err}`);
  return out;
}

async function bad(world: World, args: readonly string[], message: RegExp, input?: unknown): Promise<void> {
  const { code, err } = await world.kubectl(args, input);
  assert.notEqual(code, 0, `kubectl ${args.join(' ')} succeeded`);
  assert.match(err, message);
}

function map(name: string, data: Json = { a: '1' }): Json {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data };
}

function widget(world: World, name: string, spec: Json = {}): Json {
  return { apiVersion: `${world.group}/v1`, kind: 'Widget', metadata: { name }, spec };
}

export const kubectlCases = area('kubectl', kubectlPage, (rule) => {
  rule('create, get and delete', async (world) => {
    const name = world.name();
    assert.match(await good(world, ['create', '-f', '-'], map(name)), /configmap\/\S+ created/u);
    assert.match(await good(world, ['get', 'configmap', name]), /NAME\s+DATA\s+AGE\n\S+\s+1\s+\d+s/u);
    assert.match(await good(world, ['delete', 'configmap', name]), /deleted/u);
    await bad(world, ['get', 'configmap', name], /Error from server \(NotFound\): configmaps "\S+" not found/u);
  });
  rule('create of what is there is AlreadyExists', async (world) => {
    const { name } = (await world.makeMap()).metadata;
    await bad(world, ['create', '-f', '-'], /Error from server \(AlreadyExists\)/u, map(name));
  });
  rule('create configmap --from-literal', async (world) => {
    const name = world.name();
    await good(world, ['create', 'configmap', name, '--from-literal=k=v']);
    assert.deepEqual((await world.get(`${world.maps}/${name}`)).json.data, { k: 'v' });
  });
  rule('create secret generic', async (world) => {
    const name = world.name();
    await good(world, ['create', 'secret', 'generic', name, '--from-literal=k=v']);
    assert.equal((await world.get(`${world.secrets}/${name}`)).json.data.k, 'dg==');
  });
  rule('apply creates, configures and leaves unchanged', async (world) => {
    const name = world.name();
    assert.match(await good(world, ['apply', '-f', '-'], map(name)), /created/u);
    assert.match(await good(world, ['apply', '-f', '-'], map(name)), /unchanged/u);
    assert.match(await good(world, ['apply', '-f', '-'], map(name, { b: '2' })), /configured/u);
    assert.deepEqual((await world.get(`${world.maps}/${name}`)).json.data, { b: '2' });
  });
  rule('apply of a custom resource removes what was left out', async (world) => {
    const name = world.name();
    await good(world, ['apply', '-f', '-'], widget(world, name, { color: 'red', code: 'ab' }));
    await good(world, ['apply', '-f', '-'], widget(world, name, { color: 'blue' }));
    const { spec } = (await world.get(`${world.widgets}/${name}`)).json;
    assert.equal(spec.color, 'blue');
    assert.equal(spec.code, undefined);
  });
  rule('apply --server-side, and its conflict', async (world) => {
    const name = world.name();
    assert.match(await good(world, ['apply', '--server-side', '-f', '-'], map(name)), /serverside-applied/u);
    const other = ['apply', '--server-side', '--field-manager=other', '-f', '-'];
    await bad(world, other, /conflict with "kubectl"/u, map(name, { a: '2' }));
    await good(world, [...other, '--force-conflicts'], map(name, { a: '2' }));
  });
  rule('apply --prune deletes what is left out', async (world) => {
    const label = world.name('prune');
    const labelled = (name: string): Json => ({ ...map(name), metadata: { name, labels: { set: label } } });
    const [one, two] = [world.name(), world.name()];
    const prune = ['apply', '--prune', '-l', `set=${label}`, '--prune-allowlist=core/v1/ConfigMap', '-f', '-'];
    await good(world, prune, { apiVersion: 'v1', kind: 'List', items: [labelled(one), labelled(two)] });
    await good(world, prune, { apiVersion: 'v1', kind: 'List', items: [labelled(one)] });
    expectCode(await world.get(`${world.maps}/${two}`), 404);
    expectCode(await world.get(`${world.maps}/${one}`), 200);
  });
  rule('apply --dry-run=server keeps nothing', async (world) => {
    const name = world.name();
    assert.match(await good(world, ['apply', '--dry-run=server', '-f', '-'], map(name)), /created \(server dry run\)/u);
    expectCode(await world.get(`${world.maps}/${name}`), 404);
  });
  rule('diff shows the difference and exits with 1', async (world) => {
    const name = world.name();
    await good(world, ['apply', '-f', '-'], map(name));
    const { code, out, err } = await world.kubectl(['diff', '-f', '-'], map(name, { a: '2' }));
    assert.equal(code, 1, err);
    assert.match(out, /^-\s+a: "1"$/mu);
    assert.match(out, /^\+\s+a: "2"$/mu);
  });
  rule('replace, and its conflict', async (world) => {
    const made = await world.makeMap();
    await good(world, ['replace', '-f', '-'], { ...made, data: { a: '2' } });
    await bad(world, ['replace', '-f', '-'], /Error from server \(Conflict\)/u, { ...made, data: { a: '3' } });
  });
  for (const [type, patch] of [
    ['merge', '{"data":{"p":"1"}}'],
    ['strategic', '{"data":{"p":"1"}}'],
    ['json', '[{"op":"add","path":"/data/p","value":"1"}]'],
  ] as const) {
    rule(`patch --type=${type}`, async (world) => {
      const { name } = (await world.makeMap()).metadata;
      await good(world, ['patch', 'configmap', name, `--type=${type}`, '-p', patch]);
      assert.equal((await world.get(`${world.maps}/${name}`)).json.data.p, '1');
    });
  }
  rule('patch --subresource=status', async (world) => {
    const { name } = (await world.makeWidget()).metadata;
    await good(world, [
      'patch',
      `widgets.${world.group}`,
      name,
      '--subresource=status',
      '--type=merge',
      '-p',
      '{"status":{"phase":"Up"}}',
    ]);
    assert.equal((await world.get(`${world.widgets}/${name}`)).json.status.phase, 'Up');
  });
  rule('label and annotate', async (world) => {
    const { name } = (await world.makeMap()).metadata;
    await good(world, ['label', 'configmap', name, 'a=b']);
    await bad(world, ['label', 'configmap', name, 'a=c'], /already has a value/u);
    await good(world, ['label', 'configmap', name, 'a=c', '--overwrite']);
    await good(world, ['annotate', 'configmap', name, 'x=y']);
    const { metadata } = (await world.get(`${world.maps}/${name}`)).json;
    assert.deepEqual(metadata.labels, { a: 'c' });
    assert.equal(metadata.annotations.x, 'y');
    await good(world, ['label', 'configmap', name, 'a-']);
  });
  rule('edit', async (world) => {
    const { name } = (await world.makeMap({ data: { text: 'before' } })).metadata;
    const environment = { KUBE_EDITOR: 'sed -i s/before/after/' };
    const { code, err } = await world.kubectl(['edit', 'configmap', name], undefined, environment);
    assert.equal(code, 0, err);
    assert.equal((await world.get(`${world.maps}/${name}`)).json.data.text, 'after');
  });
  rule('scale a custom resource', async (world) => {
    const { name } = (await world.makeWidget()).metadata;
    await good(world, ['scale', `widgets.${world.group}/${name}`, '--replicas=3']);
    assert.equal((await world.get(`${world.widgets}/${name}`)).json.spec.replicas, 3);
  });
  rule('get by short name shows the printer columns', async (world) => {
    const { name } = (await world.makeWidget({ color: 'red' })).metadata;
    assert.match(await good(world, ['get', `wd${world.tag}`, name]), /NAME\s+REPLICAS\s+COLOR\s+AGE\n\S+\s+1\s+red/u);
    assert.match(await good(world, ['get', `wd${world.tag}`, name, '-o', 'wide']), /PHASE/u);
  });
  rule('get by category', async (world) => {
    const { name } = (await world.makeWidget()).metadata;
    assert.ok((await good(world, ['get', `all${world.tag}`, '-o', 'name'])).includes(`widget.${world.group}/${name}`));
  });
  rule('get -l, --field-selector and -o name', async (world) => {
    const label = world.name('set');
    const { name } = (await world.makeMap({ metadata: { name: world.name(), labels: { set: label } } })).metadata;
    assert.equal(await good(world, ['get', 'configmap', '-l', `set=${label}`, '-o', 'name']), `configmap/${name}\n`);
    assert.equal(
      await good(world, ['get', 'configmap', '--field-selector', `metadata.name=${name}`, '-o', 'name']),
      `configmap/${name}\n`,
    );
  });
  rule('get -o json, yaml, jsonpath and custom-columns', async (world) => {
    const made = await world.makeMap();
    const { name } = made.metadata;
    assert.equal(
      JSON.parse(await good(world, ['get', 'configmap', name, '-o', 'json'])).metadata.uid,
      made.metadata.uid,
    );
    assert.match(await good(world, ['get', 'configmap', name, '-o', 'yaml']), /^kind: ConfigMap$/mu);
    assert.equal(await good(world, ['get', 'configmap', name, '-o', 'jsonpath={.data.a}']), '1');
    assert.match(await good(world, ['get', 'configmap', name, '-o', 'custom-columns=A:.data.a']), /^A\n1\n$/u);
  });
  rule('get --chunk-size reads pages', async (world) => {
    const label = world.name('set');
    await Promise.all(
      Array.from({ length: 5 }, () => world.makeMap({ metadata: { name: world.name(), labels: { set: label } } })),
    );
    const out = await good(world, ['get', 'configmap', '-l', `set=${label}`, '--chunk-size=2', '-o', 'name']);
    assert.equal(out.trim().split('\n').length, 5);
  });
  rule('get --raw', async (world) => {
    assert.equal(JSON.parse(await good(world, ['get', '--raw', '/version'])).major, '1');
  });
  rule('get -A', async (world) => {
    const { name } = (await world.makeWidget()).metadata;
    assert.match(
      await good(world, ['get', `widgets.${world.group}`, '-A']),
      new RegExp(`${world.namespace}\\s+${name}`, 'u'),
    );
  });
  rule('get of a kind that nobody serves', async (world) => {
    await bad(world, ['get', 'frobnicators'], /the server doesn't have a resource type "frobnicators"/u);
  });
  rule('wait --for=jsonpath', async (world) => {
    const { name } = (await world.makeWidget()).metadata;
    const waiting = good(world, [
      'wait',
      `widgets.${world.group}/${name}`,
      '--for=jsonpath={.status.phase}=Up',
      '--timeout=30s',
    ]);
    expectCode(
      await world.patch(`${world.widgets}/${name}/status`, 'application/merge-patch+json', { status: { phase: 'Up' } }),
      200,
    );
    assert.match(await waiting, /condition met/u);
  });
  rule('wait --for=delete', async (world) => {
    const { name } = (await world.makeMap()).metadata;
    const waiting = good(world, ['wait', `configmap/${name}`, '--for=delete', '--timeout=30s']);
    expectCode(await world.remove(`${world.maps}/${name}`), 200);
    await waiting;
  });
  rule('wait --for=condition=Established', async (world) => {
    assert.match(
      await good(world, ['wait', 'crd', `widgets.${world.group}`, '--for=condition=Established', '--timeout=30s']),
      /condition met/u,
    );
  });
  rule('explain a built-in and a custom resource', async (world) => {
    assert.match(await good(world, ['explain', 'configmap.data']), /FIELD:\s+data/u);
    assert.match(await good(world, ['explain', `widgets.${world.group}.spec`]), /color\s+<string>/u);
  });
  rule('api-resources and api-versions', async (world) => {
    const out = await good(world, ['api-resources', `--api-group=${world.group}`]);
    assert.match(out, new RegExp(`widgets\\s+wd${world.tag}\\s+\\S+/v1\\s+true\\s+Widget`, 'u'));
    assert.match(await good(world, ['api-versions']), new RegExp(`^${world.group}/v1$`, 'mu'));
  });
  rule('describe', async (world) => {
    const { name } = (await world.makeWidget({ color: 'red' })).metadata;
    assert.match(await good(world, ['describe', `widgets.${world.group}`, name]), /Color:\s+red/u);
  });
  rule('events', async (world) => {
    const events = `/api/v1/namespaces/${world.namespace}/events`;
    const { name, uid } = (await world.makeMap()).metadata;
    const involvedObject = { apiVersion: 'v1', kind: 'ConfigMap', namespace: world.namespace, name, uid };
    const body = {
      metadata: { name: world.name('event') },
      involvedObject,
      reason: 'Tested',
      message: 'seen',
      type: 'Normal',
    };
    expectCode(
      await world.post(events, {
        ...body,
        lastTimestamp: new Date().toISOString(),
        firstTimestamp: new Date().toISOString(),
      }),
      201,
    );
    assert.match(await good(world, ['events', '--for', `configmap/${name}`]), /Tested\s+ConfigMap\/\S+\s+seen/u);
  });
  rule('auth can-i', async (world) => {
    assert.match(await good(world, ['auth', 'can-i', 'create', 'configmaps']), /^yes/u);
  });
  rule('auth whoami', async (world) => {
    await world.requireResource('authentication.k8s.io/v1', 'selfsubjectreviews');
    assert.match(await good(world, ['auth', 'whoami']), /Username/u);
  });
  rule('create --validate=strict refuses an unknown field', async (world) => {
    await bad(world, ['create', '--validate=strict', '-f', '-'], /unknown field/u, {
      ...map(world.name()),
      frobnicate: 1,
    });
  });
  rule('a warning of the server is printed', async (world) => {
    const { err } = await world.kubectl(['create', '--validate=warn', '-f', '-'], {
      ...map(world.name()),
      frobnicate: 1,
    });
    assert.match(err, /^Warning: unknown field/mu);
  });
  rule('delete -l and --cascade=orphan', async (world) => {
    const label = world.name('set');
    await world.makeMap({ metadata: { name: world.name(), labels: { set: label } } });
    assert.match(await good(world, ['delete', 'configmap', '-l', `set=${label}`, '--cascade=orphan']), /deleted/u);
    await world.eventually(
      `${world.maps}?labelSelector=set%3D${label}`,
      ({ json }) => json.items.length === 0,
      'the object to go',
    );
  });
  rule('delete --ignore-not-found', async (world) => {
    await good(world, ['delete', 'configmap', world.name('missing'), '--ignore-not-found']);
  });
  rule('version', async (world) => {
    assert.match(await good(world, ['version']), /Server Version: v1\.\d+/u);
  });
  rule('set data by create --dry-run=client and apply', async (world) => {
    const name = world.name();
    const text = await good(world, [
      'create',
      'configmap',
      name,
      '--from-literal=k=v',
      '--dry-run=client',
      '-o',
      'yaml',
    ]);
    await good(world, ['apply', '-f', '-'], text);
    assert.equal((await world.get(`${world.maps}/${name}`)).json.data.k, 'v');
  });
  rule('get --watch shows a change', async (world) => {
    const { name } = (await world.makeMap()).metadata;
    const { out } = await world.kubectl(['get', 'configmap', name, '--watch', '--request-timeout=1s']);
    assert.match(out, new RegExp(name, 'u'));
  });
});

const clientPage = 'Official JavaScript client';

export const javascriptCases = area('JavaScript client', clientPage, (rule) => {
  const core = (world: World): CoreV1Api => world.config.makeApiClient(CoreV1Api);
  const custom = (world: World): CustomObjectsApi => world.config.makeApiClient(CustomObjectsApi);
  const widgets = (world: World) => ({
    group: world.group,
    version: 'v1',
    namespace: world.namespace,
    plural: 'widgets',
  });
  const withType = (type: string) => setHeaderOptions('Content-Type', type);

  rule('creates, reads, replaces, patches and deletes a ConfigMap', async (world) => {
    const api = core(world);
    const { namespace } = world;
    const name = world.name();
    const made = await api.createNamespacedConfigMap({ namespace, body: { metadata: { name }, data: { a: '1' } } });
    assert.ok(made.metadata?.creationTimestamp instanceof Date);
    assert.equal((await api.readNamespacedConfigMap({ name, namespace })).data?.['a'], '1');
    const replaced = await api.replaceNamespacedConfigMap({
      name,
      namespace,
      body: Object.assign(made, { data: { a: '2' } }),
    });
    assert.equal(replaced.data?.['a'], '2');
    const patched = await api.patchNamespacedConfigMap(
      { name, namespace, body: { data: { b: '3' } } },
      withType(PatchStrategy.MergePatch),
    );
    assert.deepEqual(patched.data, { a: '2', b: '3' });
    assert.equal((await api.deleteNamespacedConfigMap({ name, namespace })).status, 'Success');
  });
  for (const [strategy, body] of [
    [PatchStrategy.JsonPatch, [{ op: 'add', path: '/data/p', value: '1' }]],
    [PatchStrategy.StrategicMergePatch, { data: { p: '1' } }],
  ] as const) {
    rule(`patches by ${strategy}`, async (world) => {
      const { name } = (await world.makeMap()).metadata;
      const patched = await core(world).patchNamespacedConfigMap(
        { name, namespace: world.namespace, body },
        withType(strategy),
      );
      assert.equal(patched.data?.['p'], '1');
    });
  }
  rule('applies on the server', async (world) => {
    const name = world.name();
    const body = map(name);
    const call = { name, namespace: world.namespace, body, fieldManager: 'js', force: true };
    const made = await core(world).patchNamespacedConfigMap(call, withType(PatchStrategy.ServerSideApply));
    assert.equal(made.metadata?.managedFields?.[0]?.manager, 'js');
  });
  rule('an error has the code of the answer', async (world) => {
    const reading = core(world).readNamespacedConfigMap({ name: world.name('missing'), namespace: world.namespace });
    await assert.rejects(reading, (error: { code?: number }) => error.code === 404);
  });
  rule('a conflict has the code 409', async (world) => {
    const made = await world.makeMap();
    const call = { name: made.metadata.name, namespace: world.namespace };
    await core(world).replaceNamespacedConfigMap({ ...call, body: { ...made, data: {} } });
    const again = core(world).replaceNamespacedConfigMap({ ...call, body: made });
    await assert.rejects(again, (error: { code?: number }) => error.code === 409);
  });
  rule('lists with selector, limit and continue', async (world) => {
    const label = world.name('set');
    await Promise.all(
      Array.from({ length: 3 }, () => world.makeMap({ metadata: { name: world.name(), labels: { set: label } } })),
    );
    const call = { namespace: world.namespace, labelSelector: `set=${label}`, limit: 2 };
    const first = await core(world).listNamespacedConfigMap(call);
    assert.equal(first.items.length, 2);
    const token = first.metadata?._continue ?? '';
    assert.equal((await core(world).listNamespacedConfigMap({ ...call, _continue: token })).items.length, 1);
  });
  rule('deletes a collection', async (world) => {
    const label = world.name('set');
    await world.makeMap({ metadata: { name: world.name(), labels: { set: label } } });
    await core(world).deleteCollectionNamespacedConfigMap({
      namespace: world.namespace,
      labelSelector: `set=${label}`,
    });
    assert.equal(
      (await core(world).listNamespacedConfigMap({ namespace: world.namespace, labelSelector: `set=${label}` })).items
        .length,
      0,
    );
  });
  rule('creates and reads a Secret', async (world) => {
    const name = world.name();
    const { namespace } = world;
    await core(world).createNamespacedSecret({ namespace, body: { metadata: { name }, stringData: { a: 'b' } } });
    assert.equal((await core(world).readNamespacedSecret({ name, namespace })).data?.['a'], 'Yg==');
  });
  rule('creates, reads and lists custom objects', async (world) => {
    const name = world.name();
    await custom(world).createNamespacedCustomObject({
      ...widgets(world),
      body: widget(world, name, { color: 'red' }),
    });
    const read: Json = await custom(world).getNamespacedCustomObject({ ...widgets(world), name });
    assert.equal(read.spec.color, 'red');
    const list: Json = await custom(world).listNamespacedCustomObject(widgets(world));
    assert.ok(namesOf(list).includes(name));
  });
  rule('patches status and scale of a custom object', async (world) => {
    const { name } = (await world.makeWidget()).metadata;
    const target = { ...widgets(world), name };
    const type = withType(PatchStrategy.MergePatch);
    const changed: Json = await custom(world).patchNamespacedCustomObjectStatus(
      { ...target, body: { status: { phase: 'Up' } } },
      type,
    );
    assert.equal(changed.status.phase, 'Up');
    const scaled: Json = await custom(world).patchNamespacedCustomObjectScale(
      { ...target, body: { spec: { replicas: 4 } } },
      type,
    );
    assert.equal(scaled.spec.replicas, 4);
  });
  rule('deletes a custom object', async (world) => {
    const { name } = (await world.makeWidget()).metadata;
    await custom(world).deleteNamespacedCustomObject({ ...widgets(world), name });
    expectCode(await world.get(`${world.widgets}/${name}`), 404);
  });
  rule('KubernetesObjectApi finds the path of a kind by discovery', async (world) => {
    const api = KubernetesObjectApi.makeApiClient(world.config);
    const name = world.name();
    const body = { ...widget(world, name, { color: 'blue' }), metadata: { name, namespace: world.namespace } };
    await api.create(body);
    const read: Json = await api.read({
      apiVersion: body.apiVersion,
      kind: 'Widget',
      metadata: { name, namespace: world.namespace },
    });
    assert.equal(read.spec.color, 'blue');
    await api.delete(body);
  });
  rule('reads definitions', async (world) => {
    const api = world.config.makeApiClient(ApiextensionsV1Api);
    const crd = await api.readCustomResourceDefinition({ name: `widgets.${world.group}` });
    assert.equal(crd.spec.names.kind, 'Widget');
  });
  rule('reads groups and version', async (world) => {
    const groups = await world.config.makeApiClient(ApisApi).getAPIVersions();
    assert.ok(groups.groups.some(({ name }) => name === world.group));
    assert.match((await world.config.makeApiClient(VersionApi).getCode()).gitVersion, /^v1\./u);
  });
  rule('watches', async (world) => {
    const label = world.name('set');
    const seen: string[] = [];
    const controller = Promise.withResolvers<undefined>();
    const watch = new Watch(world.config);
    const request = await watch.watch(
      world.maps,
      { labelSelector: `set=${label}` },
      (type: string) => {
        seen.push(type);
        if (type === 'DELETED') {
          controller.resolve(undefined);
        }
      },
      () => controller.resolve(undefined),
    );
    const { name } = (await world.makeMap({ metadata: { name: world.name(), labels: { set: label } } })).metadata;
    expectCode(await world.remove(`${world.maps}/${name}`), 200);
    await withDeadline(controller.promise, 20_000, 'the events');
    request.abort();
    assert.deepEqual(seen, ['ADDED', 'DELETED']);
  });
  rule('an informer keeps up', async (world) => {
    const label = world.name('set');
    const api = core(world);
    const informer = makeInformer<V1ConfigMap>(
      world.config,
      world.maps,
      () => api.listNamespacedConfigMap({ namespace: world.namespace, labelSelector: `set=${label}` }),
      `set=${label}`,
    );
    const added = Promise.withResolvers<string>();
    informer.on('add', (object) => added.resolve(object.metadata?.name ?? ''));
    informer.on('error', (error: unknown) => added.reject(error instanceof Error ? error : new Error(String(error))));
    await informer.start();
    try {
      const { name } = (await world.makeMap({ metadata: { name: world.name(), labels: { set: label } } })).metadata;
      assert.equal(await withDeadline(added.promise, 20_000, 'the object in the informer'), name);
    } finally {
      await informer.stop();
    }
  });
  rule('creates and deletes a namespace', async (world) => {
    const name = world.name('conformance');
    try {
      await core(world).createNamespace({ body: { metadata: { name } } });
    } catch (error) {
      if ((error as { code?: number }).code === 403) {
        skip('namespaces may not be created with these credentials');
      }
      throw error;
    }
    await core(world).deleteNamespace({ name });
    await world.eventually(`/api/v1/namespaces/${name}`, ({ code }) => code === 404, 'the namespace to go');
  });
});
