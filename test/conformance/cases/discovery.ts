import assert from 'node:assert/strict';
import { area, skip } from '../case.ts';
import { expectCode, expectFailure } from '../expect.ts';
import type { Json } from '../raw-client.ts';

const aggregated = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
const kep = 'KEP-3352 Aggregated discovery';
const openApi = 'KEP-2896 OpenAPI v3';
const health = 'API health endpoints';

function checkReferences(document: string, prefix: string, definitions: Json): void {
  const wanted = new Set([...document.matchAll(/"\$ref":"([^"]+)"/gu)].map(([, reference = '']) => reference));
  const missing = [...wanted].filter((reference) => !Object.hasOwn(definitions, reference.slice(prefix.length)));
  assert.deepEqual(missing, []);
}

/** Kinds of options are in every group, and the same in each. */
const sharedKinds = new Set(['DeleteOptions', 'WatchEvent']);

function checkKinds(definitions: Json): void {
  const seen = new Set<string>();
  for (const definition of Object.values<Json>(definitions)) {
    for (const { group, version, kind } of definition['x-kubernetes-group-version-kind'] ?? []) {
      const name = `${group}/${version} ${kind}`;
      assert.ok(sharedKinds.has(kind) || !seen.has(name), `two definitions of ${name}`);
      seen.add(name);
    }
  }
}

export const discoveryCases = area('discovery', 'API concepts: API discovery', (rule) => {
  rule('/api lists the versions of the core group', async (world) => {
    const { json } = await world.get('/api');
    assert.equal(json.kind, 'APIVersions');
    assert.ok(json.versions.includes('v1'));
  });
  rule('/apis lists the other groups', async (world) => {
    const { json } = await world.get('/apis');
    assert.equal(json.kind, 'APIGroupList');
    const group = json.groups.find((item: Json) => item.name === 'apiextensions.k8s.io');
    assert.equal(group.preferredVersion.groupVersion, 'apiextensions.k8s.io/v1');
  });
  rule('a group lists its versions, the preferred first', async (world) => {
    const { json } = await world.get(`/apis/${world.group}`);
    assert.equal(json.kind, 'APIGroup');
    assert.equal(json.name, world.group);
    assert.deepEqual(
      json.versions.map((item: Json) => item.version),
      ['v1', 'v1beta1'],
    );
    assert.equal(json.preferredVersion.version, 'v1');
  });
  rule('a version lists its resources', async (world) => {
    const { json } = await world.get('/api/v1');
    assert.equal(json.kind, 'APIResourceList');
    assert.equal(json.groupVersion, 'v1');
    const maps = json.resources.find((item: Json) => item.name === 'configmaps');
    assert.equal(maps.kind, 'ConfigMap');
    assert.equal(maps.namespaced, true);
    assert.equal(maps.singularName, 'configmap');
    assert.deepEqual(maps.shortNames, ['cm']);
  });
  rule('the verbs of a resource are those that it has', async (world) => {
    const { json } = await world.get('/api/v1');
    const maps = json.resources.find((item: Json) => item.name === 'configmaps');
    const verbs = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];
    assert.deepEqual(maps.verbs.toSorted(), verbs);
  });
  rule('namespaces have no deletecollection', async (world) => {
    const { json } = await world.get('/api/v1');
    const namespaces = json.resources.find((item: Json) => item.name === 'namespaces');
    assert.ok(!namespaces.verbs.includes('deletecollection'), namespaces.verbs.join(' '));
  });
  rule('a custom resource is listed with short names, categories and subresources', async (world) => {
    const { json } = await world.get(`/apis/${world.group}/v1`);
    const widgets = json.resources.find((item: Json) => item.name === 'widgets');
    assert.deepEqual(widgets.shortNames, [`wd${world.tag}`]);
    assert.deepEqual(widgets.categories, [`all${world.tag}`]);
    const names = json.resources.map((item: Json) => item.name);
    assert.ok(names.includes('widgets/status') && names.includes('widgets/scale') && names.includes('gadgets'));
  });
  rule('scale is of kind Scale in autoscaling/v1', async (world) => {
    const { json } = await world.get(`/apis/${world.group}/v1`);
    const scale = json.resources.find((item: Json) => item.name === 'widgets/scale');
    assert.equal(scale.kind, 'Scale');
    assert.equal(scale.group, 'autoscaling');
    assert.equal(scale.version, 'v1');
  });
  rule('a version of a definition that is not served is not listed', async (world) => {
    expectCode(await world.get(`/apis/${world.group}/v1alpha1`), 404);
  });
  rule('a group and a version that nobody serves are 404', async (world) => {
    expectCode(await world.get(`/apis/none.${world.group}`), 404);
    expectCode(await world.get('/apis/apiextensions.k8s.io/v9'), 404);
  });
  rule(
    'aggregated: /apis has all groups, versions and resources in one',
    async (world) => {
      const answer = await world.get('/apis', aggregated);
      const json = expectCode(answer, 200);
      assert.equal(json.kind, 'APIGroupDiscoveryList');
      assert.equal(json.apiVersion, 'apidiscovery.k8s.io/v2');
      const group = json.items.find((item: Json) => item.metadata.name === world.group);
      const widgets = group.versions[0].resources.find((item: Json) => item.resource === 'widgets');
      assert.equal(widgets.scope, 'Namespaced');
      assert.equal(widgets.responseKind.kind, 'Widget');
      assert.equal(widgets.singularResource, 'widget');
      assert.deepEqual(widgets.subresources.map((item: Json) => item.subresource).toSorted(), ['scale', 'status']);
    },
    kep,
  );
  rule(
    'aggregated: /api has the core group',
    async (world) => {
      const json = expectCode(await world.get('/api', aggregated), 200);
      assert.equal(json.items.length, 1);
      assert.ok(json.items[0].versions[0].resources.some((item: Json) => item.resource === 'configmaps'));
    },
    kep,
  );
  rule(
    'aggregated: the Content-Type repeats what was asked for',
    async (world) => {
      const type = (await world.get('/apis', aggregated)).headers['content-type'] ?? '';
      assert.match(type, /g=apidiscovery\.k8s\.io/u);
      assert.match(type, /v=v2/u);
      assert.match(type, /as=APIGroupDiscoveryList/u);
    },
    kep,
  );
  rule(
    'aggregated: a version is fresh',
    async (world) => {
      const { json } = await world.get('/apis', aggregated);
      const group = json.items.find((item: Json) => item.metadata.name === world.group);
      assert.ok(group.versions.every((item: Json) => item.freshness === 'Current'));
    },
    kep,
  );
  rule(
    'aggregated: an ETag makes the second request 304',
    async (world) => {
      const { headers } = await world.get('/api', aggregated);
      if (headers.etag === undefined) {
        skip('aggregated discovery has no ETag here');
      }
      const again = await world.call('GET', '/api', { accept: aggregated, headers: { 'If-None-Match': headers.etag } });
      assert.equal(again.code, 304);
    },
    kep,
  );
  rule(
    'aggregated: with the old form accepted, too, the best known is given',
    async (world) => {
      const accept = `application/json;g=apidiscovery.k8s.io;v=v9;as=APIGroupDiscoveryList,${aggregated},application/json`;
      assert.equal(expectCode(await world.get('/apis', accept), 200).kind, 'APIGroupDiscoveryList');
    },
    kep,
  );
  rule('discovery by POST is refused', async (world) => {
    const { code } = await world.post('/apis', {});
    assert.ok(code >= 400 && code < 500, String(code));
  });
});

export const openApiCases = area('OpenAPI', openApi, (rule) => {
  rule('/openapi/v3 lists a document per group version, by hash', async (world) => {
    const { json } = await world.get('/openapi/v3');
    assert.match(json.paths['api/v1'].serverRelativeURL, /^\/openapi\/v3\/api\/v1\?hash=[0-9A-F]+$/iu);
    assert.ok(json.paths['apis/apiextensions.k8s.io/v1']);
  });
  rule('the document of a group version is OpenAPI 3', async (world) => {
    const { json } = await world.get('/openapi/v3/api/v1');
    assert.match(json.openapi, /^3\./u);
    assert.ok(json.paths['/api/v1/namespaces/{namespace}/configmaps/{name}'].get);
    assert.ok(json.components.schemas['io.k8s.api.core.v1.ConfigMap'].properties.data);
  });
  rule('schemas name their kinds', async (world) => {
    const { json } = await world.get('/openapi/v3/api/v1');
    const kinds = json.components.schemas['io.k8s.api.core.v1.ConfigMap']['x-kubernetes-group-version-kind'];
    assert.deepEqual(kinds, [{ group: '', kind: 'ConfigMap', version: 'v1' }]);
  });
  rule('a custom resource has its document, with the schema of its definition', async (world) => {
    const path = `/openapi/v3/apis/${world.group}/v1`;
    const { json } = await world.eventually(path, ({ code }) => code === 200, 'the document of the new group');
    const widget = Object.values(json.components.schemas as Record<string, Json>).find((schema) =>
      (schema['x-kubernetes-group-version-kind'] ?? []).some((item: Json) => item.kind === 'Widget'),
    );
    assert.deepEqual(widget.properties.spec.properties.color.enum, ['red', 'green', 'blue']);
  });
  rule('by hash it may be cached for long, and If-None-Match is 304', async (world) => {
    const root = (await world.get('/openapi/v3')).json;
    const answer = await world.get(root.paths['api/v1'].serverRelativeURL);
    expectCode(answer, 200);
    assert.match(answer.headers['cache-control'] ?? '', /immutable/u);
    const etag = answer.headers.etag ?? '';
    const again = await world.call('GET', '/openapi/v3/api/v1', { headers: { 'If-None-Match': etag } });
    assert.equal(again.code, 304);
  });
  rule('every reference in a document leads to a schema, and no kind has two', async (world) => {
    const { json: index } = await world.get('/openapi/v3');
    for (const { serverRelativeURL } of Object.values<Json>(index.paths)) {
      const { json, text } = await world.get(serverRelativeURL);
      checkReferences(text, '#/components/schemas/', json.components?.schemas ?? {});
      checkKinds(json.components?.schemas ?? {});
    }
  });
  rule('a hash that is out of date leads to the current one', async (world) => {
    const answer = await world.get('/openapi/v3/api/v1?hash=0000');
    assert.ok([200, 301, 302].includes(answer.code), String(answer.code));
  });
  rule('OpenAPI 3 is given as protobuf, too', async (world) => {
    const answer = await world.get('/openapi/v3/api/v1', 'application/com.github.proto-openapi.spec.v3@v1.0+protobuf');
    expectCode(answer, 200);
    assert.match(answer.headers['content-type'] ?? '', /protobuf/u);
  });
  rule('a group version that nobody serves is 404', async (world) => {
    expectCode(await world.get('/openapi/v3/apis/none.example.com/v1'), 404);
  });
  const second = 'API reference: OpenAPI v2';
  rule(
    '/openapi/v2 is one document of Swagger 2.0',
    async (world) => {
      const { json } = await world.get('/openapi/v2');
      assert.equal(json.swagger, '2.0');
      assert.ok(json.paths['/api/v1/namespaces/{namespace}/configmaps']);
      assert.ok(json.definitions['io.k8s.api.core.v1.ConfigMap']);
    },
    second,
  );
  rule(
    'every reference in /openapi/v2 leads to a definition, and no kind has two, which GitOps agents refuse',
    async (world) => {
      const { json, text } = await world.get('/openapi/v2');
      checkReferences(text, '#/definitions/', json.definitions);
      checkKinds(json.definitions);
    },
    second,
  );
  rule(
    '/openapi/v2 is given as protobuf, as older clients ask for it',
    async (world) => {
      const answer = await world.get('/openapi/v2', 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf');
      expectCode(answer, 200);
      assert.ok(answer.bytes.length > 1000);
    },
    second,
  );
  rule(
    '/openapi/v2 has an ETag, and If-None-Match is 304',
    async (world) => {
      const { headers } = await world.get('/openapi/v2');
      assert.ok(headers.etag);
      const again = await world.call('GET', '/openapi/v2', { headers: { 'If-None-Match': headers.etag } });
      assert.equal(again.code, 304);
    },
    second,
  );
});

export const healthCases = area('health and version', health, (rule) => {
  for (const path of ['/livez', '/readyz', '/healthz']) {
    rule(`${path} is "ok"`, async (world) => {
      const answer = await world.get(path, '*/*');
      expectCode(answer, 200);
      assert.equal(answer.text, 'ok');
      assert.match(answer.headers['content-type'] ?? '', /^text\/plain/u);
    });
  }
  for (const path of ['/livez', '/readyz']) {
    rule(`${path}?verbose lists the checks`, async (world) => {
      const answer = await world.get(`${path}?verbose`, '*/*');
      assert.match(answer.text, /^\[\+\]\S+ ok$/mu);
      assert.match(answer.text, /check passed\s*$/u);
    });
  }
  rule('/livez/ping is one check', async (world) => {
    const answer = await world.get('/livez/ping', '*/*');
    if (answer.code === 404) {
      skip('single checks are not served here');
    }
    assert.equal(answer.text, 'ok');
  });
  rule(
    '/version says which',
    async (world) => {
      const json = expectCode(await world.get('/version'), 200);
      for (const field of ['major', 'minor', 'gitVersion', 'gitCommit', 'goVersion', 'platform']) {
        assert.equal(typeof json[field], 'string', field);
      }
      assert.match(json.gitVersion, /^v1\.\d+\.\d+/u);
    },
    'API reference: version',
  );
  rule(
    '/version is for GET',
    async (world) => {
      const { code } = await world.post('/version', {});
      assert.ok(code >= 400 && code < 500, String(code));
    },
    'API reference: version',
  );
  rule('/metrics is in the text format of Prometheus', async (world) => {
    const answer = await world.get('/metrics', '*/*');
    if (answer.code === 404 || answer.code === 403) {
      skip('/metrics is not served to these credentials');
    }
    assert.match(answer.text, /^# (?:HELP|TYPE) \S+/mu);
  });
  rule('/ lists the paths', async (world) => {
    const answer = await world.get('/');
    if (answer.code === 404 || answer.code === 403) {
      skip('/ is not served to these credentials');
    }
    assert.ok(answer.json.paths.includes('/api'));
  });
  rule('a Status of failure for an unknown path is JSON too', async (world) => {
    expectFailure(await world.get('/api/v1/namespaces/a/frobnicators'), 404);
  });
});
