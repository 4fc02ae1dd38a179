import assert from 'node:assert/strict';
import { gunzipSync } from 'node:zlib';
import { area, skip } from '../case.ts';
import { encode, expectCode, expectFailure, mergePatch } from '../expect.ts';
import type { Json } from '../raw-client.ts';

const table = 'application/json;as=Table;v=v1;g=meta.k8s.io';
const partial = 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io';
const partialList = 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io';
const protobuf = 'application/vnd.kubernetes.protobuf';

export const tableCases = area('tables', 'API concepts: Receiving resources as Tables', (rule) => {
  rule('a list as Table has columns and a row per object', async (world) => {
    const label = world.name('set');
    await world.makeMap({ metadata: { name: world.name(), labels: { set: label } } });
    const { json } = await world.get(`${world.maps}?labelSelector=set%3D${label}`, table);
    assert.equal(json.kind, 'Table');
    assert.equal(json.apiVersion, 'meta.k8s.io/v1');
    assert.equal(json.rows.length, 1);
    assert.equal(json.rows[0].cells.length, json.columnDefinitions.length);
    assert.match(json.metadata.resourceVersion, /^\d+$/u);
  });
  rule('the first column is the name, of format name', async (world) => {
    const { name } = (await world.makeMap()).metadata;
    const { json } = await world.get(`${world.maps}/${name}`, table);
    assert.equal(json.columnDefinitions[0].name, 'Name');
    assert.equal(json.columnDefinitions[0].format, 'name');
    assert.equal(json.rows[0].cells[0], name);
  });
  rule('columns have name, type, format, description and priority', async (world) => {
    const { json } = await world.get(world.maps, table);
    for (const column of json.columnDefinitions) {
      assert.deepEqual(Object.keys(column).toSorted(), ['description', 'format', 'name', 'priority', 'type']);
    }
  });
  rule('ConfigMaps have the columns Name, Data and Age', async (world) => {
    const { json } = await world.get(world.maps, table);
    assert.deepEqual(
      json.columnDefinitions.map((column: Json) => column.name),
      ['Name', 'Data', 'Age'],
    );
  });
  rule('a row holds the metadata unless asked otherwise', async (world) => {
    const { name } = (await world.makeMap()).metadata;
    const [row] = (await world.get(`${world.maps}/${name}`, table)).json.rows;
    assert.equal(row.object.kind, 'PartialObjectMetadata');
    assert.equal(row.object.metadata.name, name);
    assert.equal(row.object.data, undefined);
  });
  rule('includeObject=Object gives whole objects', async (world) => {
    const { name } = (await world.makeMap()).metadata;
    const [row] = (await world.get(`${world.maps}/${name}?includeObject=Object`, table)).json.rows;
    assert.deepEqual(row.object.data, { a: '1' });
  });
  rule('includeObject=None gives no objects', async (world) => {
    const { name } = (await world.makeMap()).metadata;
    const [row] = (await world.get(`${world.maps}/${name}?includeObject=None`, table)).json.rows;
    assert.equal(row.object?.metadata, undefined);
  });
  rule('pages of a Table have continue', async (world) => {
    await world.makeMap();
    await world.makeMap();
    const { json } = await world.get(`${world.maps}?limit=1`, table);
    assert.equal(json.rows.length, 1);
    const next = await world.get(`${world.maps}?limit=1&continue=${encode(json.metadata.continue)}`, table);
    assert.equal(expectCode(next, 200).rows.length, 1);
  });
  rule(
    "a custom resource's columns are those of its definition",
    async (world) => {
      const { name } = (await world.makeWidget({ color: 'red', replicas: 3 })).metadata;
      const { json } = await world.get(`${world.widgets}/${name}`, table);
      assert.deepEqual(
        json.columnDefinitions.map((column: Json) => column.name),
        ['Name', 'Replicas', 'Color', 'Phase', 'Age'],
      );
      assert.deepEqual(json.rows[0].cells.slice(0, 3), [name, 3, 'red']);
      assert.equal(json.columnDefinitions[3].priority, 1);
      assert.equal(json.columnDefinitions[2].description, 'The colour.');
    },
    'Extend the API: additional printer columns',
  );
  rule(
    'a custom resource without columns has Name and Age',
    async (world) => {
      const { json } = await world.get(world.gadgets, table);
      assert.deepEqual(
        json.columnDefinitions.map((column: Json) => column.name),
        ['Name', 'Age'],
      );
    },
    'Extend the API: additional printer columns',
  );
  rule('a Table of an unknown version falls through to what else is accepted', async (world) => {
    const accept = 'application/json;as=Table;v=v9;g=meta.k8s.io,application/json';
    assert.equal(expectCode(await world.get(world.maps, accept), 200).kind, 'ConfigMapList');
  });
  rule('an error is a Status, not a Table', async (world) => {
    const answer = await world.get(`${world.maps}/${world.name('missing')}`, `${table},application/json`);
    expectFailure(answer, 404, 'NotFound');
  });
});

export const partialCases = area('metadata only', 'API concepts: Metadata-only fetches', (rule) => {
  rule('an object as PartialObjectMetadata is its metadata alone', async (world) => {
    const made = await world.makeMap();
    const object = expectCode(await world.get(`${world.maps}/${made.metadata.name}`, partial), 200);
    assert.deepEqual(object, { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: made.metadata });
  });
  rule('a list as PartialObjectMetadataList', async (world) => {
    await world.makeMap();
    const list = expectCode(await world.get(world.maps, partialList), 200);
    assert.equal(list.kind, 'PartialObjectMetadataList');
    assert.ok(list.items.every((item: Json) => item.data === undefined && item.metadata.uid));
  });
  rule('custom resources too', async (world) => {
    const made = await world.makeWidget();
    const object = expectCode(await world.get(`${world.widgets}/${made.metadata.name}`, partial), 200);
    assert.equal(object.spec, undefined);
    assert.equal(object.metadata.uid, made.metadata.uid);
  });
  rule('a patch may be answered with metadata alone', async (world) => {
    const { name } = (await world.makeMap()).metadata;
    const answer = await world.patch(`${world.maps}/${name}`, mergePatch, { data: { b: '1' } }, { accept: partial });
    assert.equal(expectCode(answer, 200).kind, 'PartialObjectMetadata');
  });
});

export const negotiationCases = area(
  'content negotiation',
  'API concepts: Alternate representations of resources',
  (rule) => {
    for (const accept of [
      '*/*',
      'application/*',
      'application/json',
      'text/html, application/json;q=0.5',
      'application/json; charset=utf-8',
    ]) {
      rule(`Accept "${accept}" is answered with JSON`, async (world) => {
        assert.equal(expectCode(await world.get(world.maps, accept), 200).kind, 'ConfigMapList');
      });
    }
    rule('Accept application/yaml is answered with YAML', async (world) => {
      const answer = await world.get(world.maps, 'application/yaml');
      expectCode(answer, 200);
      assert.match(answer.headers['content-type'] ?? '', /^application\/yaml/u);
      assert.match(answer.text, /^kind: ConfigMapList$/mu);
    });
    for (const accept of ['text/html', 'image/png', 'application/xml']) {
      rule(`Accept "${accept}" alone is 406 NotAcceptable`, async (world) => {
        expectFailure(await world.get(world.maps, accept), 406, 'NotAcceptable');
      });
    }
    rule('a 406 is a Status in JSON that names what can be had', async (world) => {
      const status = expectFailure(await world.get(world.maps, 'text/html'), 406);
      assert.match(status.message, /application\/json/u);
    });
    rule('a body of YAML is taken', async (world) => {
      const name = world.name();
      const body = `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\ndata:\n  a: b\n`;
      assert.equal(expectCode(await world.post(world.maps, body, { type: 'application/yaml' }), 201).data.a, 'b');
    });
    for (const type of ['text/plain', 'application/xml', 'application/x-www-form-urlencoded']) {
      rule(`a body of ${type} is 415 UnsupportedMediaType`, async (world) => {
        expectFailure(await world.post(world.maps, 'a=b', { type }), 415, 'UnsupportedMediaType');
      });
    }
    rule('a built-in is given as protobuf', async (world) => {
      const { name } = (await world.makeMap()).metadata;
      const answer = await world.get(`${world.maps}/${name}`, protobuf);
      if (answer.code === 406) {
        skip('this server does not answer in protobuf');
      }
      assert.equal(answer.bytes.subarray(0, 4).toString('latin1'), 'k8s\0');
      assert.equal(answer.headers['content-type'], protobuf);
    });
    rule('with protobuf preferred, JSON is taken where the server has no protobuf', async (world) => {
      expectCode(await world.get(world.widgets, `${protobuf},application/json`), 200);
    });
    rule('custom resources have no protobuf: 406', async (world) => {
      expectFailure(await world.get(world.widgets, protobuf), 406, 'NotAcceptable');
    });
    rule('a body of broken protobuf is refused', async (world) => {
      const answer = await world.post(world.maps, Buffer.from('k8s\0\u00ff\u00ff'), { type: protobuf });
      expectFailure(answer, [400, 415]);
    });
    rule(
      'pretty=true indents the JSON',
      async (world) => {
        const { text } = await world.get(`${world.maps}?pretty=true&limit=1`);
        assert.match(text, /\n {2}"kind"/u);
      },
      'API reference: common parameters: pretty',
    );
    rule(
      'a large answer is compressed for who accepts gzip',
      async (world) => {
        const label = world.name('set');
        const data = { big: 'x'.repeat(400_000) };
        await world.makeMap({ metadata: { name: world.name(), labels: { set: label } }, data });
        const answer = await world.call('GET', `${world.maps}?labelSelector=set%3D${label}`, {
          headers: { 'Accept-Encoding': 'gzip' },
        });
        assert.equal(answer.headers['content-encoding'], 'gzip');
        assert.equal(JSON.parse(gunzipSync(answer.bytes).toString('utf8')).items[0].data.big.length, 400_000);
      },
      'API concepts: Response compression',
    );
    rule(
      'a large answer is plain for who does not',
      async (world) => {
        const { name } = (await world.makeMap({ data: { big: 'x'.repeat(400_000) } })).metadata;
        assert.equal((await world.get(`${world.maps}/${name}`)).headers['content-encoding'], undefined);
      },
      'API concepts: Response compression',
    );
    rule(
      'answers are not to be cached',
      async (world) => {
        assert.match((await world.get(world.maps)).headers['cache-control'] ?? '', /no-cache/u);
      },
      'API concepts: HTTP caching',
    );
  },
);

export const httpCases = area('HTTP', 'API conventions: HTTP Status codes', (rule) => {
  rule('HEAD has no body', async (world) => {
    const { name } = (await world.makeMap()).metadata;
    const answer = await world.call('HEAD', `${world.maps}/${name}`);
    assert.ok([200, 405].includes(answer.code), String(answer.code));
    assert.equal(answer.bytes.length, 0);
  });
  for (const method of ['OPTIONS', 'TRACE', 'PROPFIND']) {
    rule(`${method} is refused`, async (world) => {
      const { code } = await world.call(method, world.maps);
      assert.ok(code >= 400 && code < 500, String(code));
    });
  }
  rule('a path that nobody serves is 404', async (world) => {
    expectCode(await world.get('/frobnicate'), 403, 404);
  });
  rule('escapes in the path are decoded', async (world) => {
    const { name } = (await world.makeMap()).metadata;
    const escaped = Buffer.from(name as string)
      .toString('hex')
      .replaceAll(/../gu, '%$&');
    assert.equal(expectCode(await world.get(`${world.maps}/${escaped}`), 200).metadata.name, name);
  });
  rule('escapes in the query are decoded', async (world) => {
    const { name } = (await world.makeMap()).metadata;
    const { json } = await world.get(`${world.maps}?fieldSelector=metadata.name%3D${encode(name)}`);
    assert.equal(json.items.length, 1);
  });
  rule('a body of more than 3 MiB is 413', async (world) => {
    const answer = await world.post(world.maps, Buffer.alloc(4 * 1024 * 1024, 32));
    expectFailure(answer, 413, 'RequestEntityTooLarge');
  });
  rule('an object too large to be stored is refused', async (world) => {
    const answer = await world.post(world.widgets, {
      apiVersion: `${world.group}/v1`,
      kind: 'Widget',
      metadata: { name: world.name() },
      spec: { free: { big: 'x'.repeat(2 * 1024 * 1024) } },
    });
    assert.ok(answer.code === 413 || answer.code === 500, String(answer.code));
    assert.equal(answer.json.status, 'Failure');
  });
  rule('an object of 900 KiB is stored', async (world) => {
    const made = await world.makeMap({ data: { big: 'x'.repeat(900 * 1024) } });
    assert.equal(made.data.big.length, 900 * 1024);
  });
  rule(
    'a ConfigMap with more than 1 MiB of data is 422 Invalid',
    async (world) => {
      const body = { metadata: { name: world.name() }, data: { big: 'x'.repeat(1024 * 1024 + 1) } };
      expectFailure(await world.post(world.maps, body), [413, 422]);
    },
    'ConfigMaps: Motivation',
  );
  rule(
    'a request without credentials is 401 or 403, with a Status',
    async (world) => {
      expectFailure(await world.call('GET', world.maps, { anonymous: true }), [401, 403]);
    },
    'API conventions: HTTP Status codes; Authenticating',
  );
  rule(
    'a bearer token that nobody knows is 401 Unauthorized',
    async (world) => {
      const headers = { Authorization: 'Bearer nobody-knows-this' };
      expectFailure(await world.call('GET', world.maps, { anonymous: true, headers }), 401, 'Unauthorized');
    },
    'Authenticating: bearer tokens',
  );
  rule('fifty requests at once are all answered', async (world) => {
    const answers = await Promise.all(Array.from({ length: 50 }, () => world.get(`${world.maps}?limit=1`)));
    assert.ok(answers.every(({ code }) => code === 200));
  });
});
