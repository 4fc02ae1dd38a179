import assert from 'node:assert/strict';
import { area } from '../case.ts';
import { expectCode, expectFailure, mergePatch } from '../expect.ts';
import type { Answer } from '../raw-client.ts';

export const dryRunCases = area('dry run', 'KEP-576 Dry-run; API concepts: Dry-run', (rule) => {
  rule('a create gives the object and keeps nothing', async (world) => {
    const name = world.name();
    const made = expectCode(await world.post(`${world.maps}?dryRun=All`, { metadata: { name } }), 201);
    assert.ok(made.metadata.uid);
    expectCode(await world.get(`${world.maps}/${name}`), 404);
  });
  rule('a create of a name that is taken is 409', async (world) => {
    const { name } = (await world.makeMap()).metadata;
    expectFailure(await world.post(`${world.maps}?dryRun=All`, { metadata: { name } }), 409, 'AlreadyExists');
  });
  rule('a create with generateName gives a name', async (world) => {
    const made = expectCode(await world.post(`${world.maps}?dryRun=All`, { metadata: { generateName: 'dry-' } }), 201);
    assert.ok(made.metadata.name.length > 4);
  });
  rule('a create is checked', async (world) => {
    expectFailure(await world.post(`${world.maps}?dryRun=All`, { metadata: { name: 'Not_Good' } }), 422, 'Invalid');
  });
  rule('a create shows defaults', async (world) => {
    const body = { apiVersion: `${world.group}/v1`, kind: 'Widget', metadata: { name: world.name() }, spec: {} };
    assert.equal(expectCode(await world.post(`${world.widgets}?dryRun=All`, body), 201).spec.replicas, 1);
  });
  rule('an update gives the changed object and keeps the old', async (world) => {
    const made = await world.makeMap();
    const path = `${world.maps}/${made.metadata.name}`;
    const shown = expectCode(await world.put(`${path}?dryRun=All`, { ...made, data: { a: '2' } }), 200);
    assert.equal(shown.data.a, '2');
    assert.deepEqual((await world.get(path)).json, made);
  });
  rule('an update of a stale resourceVersion is 409', async (world) => {
    const made = await world.makeMap();
    const path = `${world.maps}/${made.metadata.name}`;
    await world.patch(path, mergePatch, { data: { a: '2' } });
    expectFailure(await world.put(`${path}?dryRun=All`, made), 409, 'Conflict');
  });
  rule('a patch gives the changed object and keeps the old', async (world) => {
    const made = await world.makeMap();
    const path = `${world.maps}/${made.metadata.name}`;
    assert.equal(
      expectCode(await world.patch(`${path}?dryRun=All`, mergePatch, { data: { a: '2' } }), 200).data.a,
      '2',
    );
    assert.deepEqual((await world.get(path)).json, made);
  });
  rule('a patch of status keeps the old', async (world) => {
    const made = await world.makeWidget();
    const path = `${world.widgets}/${made.metadata.name}`;
    expectCode(await world.patch(`${path}/status?dryRun=All`, mergePatch, { status: { phase: 'Up' } }), 200);
    assert.deepEqual((await world.get(path)).json, made);
  });
  rule('a delete deletes nothing', async (world) => {
    const { name } = (await world.makeMap()).metadata;
    expectCode(await world.remove(`${world.maps}/${name}?dryRun=All`), 200);
    expectCode(await world.get(`${world.maps}/${name}`), 200);
  });
  rule('a delete takes dryRun from its options too', async (world) => {
    const { name } = (await world.makeMap()).metadata;
    const body = { apiVersion: 'v1', kind: 'DeleteOptions', dryRun: ['All'] };
    expectCode(await world.remove(`${world.maps}/${name}`, body), 200);
    expectCode(await world.get(`${world.maps}/${name}`), 200);
  });
  rule('a value other than All is 422 Invalid', async (world) => {
    const { name } = (await world.makeMap()).metadata;
    expectFailure(await world.post(`${world.maps}?dryRun=Some`, { metadata: { name: world.name() } }), 422, 'Invalid');
    expectFailure(await world.patch(`${world.maps}/${name}?dryRun=Some`, mergePatch, {}), 422, 'Invalid');
    expectFailure(await world.remove(`${world.maps}/${name}?dryRun=Some`), 422, 'Invalid');
  });
});

/** Texts of the Warning headers. */
function warnings(answer: Answer): string {
  return answer.headers['warning'] ?? '';
}

export const fieldValidationCases = area(
  'field validation',
  'KEP-2885 Server-side unknown field validation',
  (rule) => {
    const kinds = [
      [
        'a built-in',
        (world: Parameters<Parameters<typeof rule>[1]>[0]) => [
          world.maps,
          { metadata: { name: world.name() }, frobnicate: 1 },
        ],
      ],
      [
        'a custom resource',
        (world: Parameters<Parameters<typeof rule>[1]>[0]) => [
          world.widgets,
          {
            apiVersion: `${world.group}/v1`,
            kind: 'Widget',
            metadata: { name: world.name() },
            spec: { nested: { must: 'x', frobnicate: 1 } },
          },
        ],
      ],
    ] as const;
    for (const [what, make] of kinds) {
      rule(`Strict refuses an unknown field of ${what}: 400`, async (world) => {
        const [path, body] = make(world);
        const answer = await world.post(`${path as string}?fieldValidation=Strict`, body);
        assert.match(expectFailure(answer, 400, 'BadRequest').message, /unknown field.*frobnicate/u);
      });
      rule(`Warn makes ${what} and warns of the unknown field`, async (world) => {
        const [path, body] = make(world);
        const answer = await world.post(`${path as string}?fieldValidation=Warn`, body);
        assert.doesNotMatch(JSON.stringify({ ...expectCode(answer, 201), metadata: 0 }), /frobnicate/u);
        assert.match(warnings(answer), /^299 .*unknown field.*frobnicate/u);
      });
      rule(`Ignore makes ${what} without a word`, async (world) => {
        const [path, body] = make(world);
        const answer = await world.post(`${path as string}?fieldValidation=Ignore`, body);
        expectCode(answer, 201);
        assert.equal(warnings(answer), '');
      });
    }
    rule('Warn is the default', async (world) => {
      const answer = await world.post(world.maps, { metadata: { name: world.name() }, frobnicate: 1 });
      expectCode(answer, 201);
      assert.match(warnings(answer), /unknown field/u);
    });
    rule('Strict refuses a field that is given twice: 400', async (world) => {
      const text = `{"metadata":{"name":"${world.name()}"},"data":{"a":"1"},"data":{"a":"2"}}`;
      const answer = await world.post(`${world.maps}?fieldValidation=Strict`, text);
      assert.match(expectFailure(answer, 400, 'BadRequest').message, /duplicate field.*data/u);
    });
    rule('Warn warns of a field that is given twice and takes the last', async (world) => {
      const text = `{"metadata":{"name":"${world.name()}"},"data":{"a":"1"},"data":{"a":"2"}}`;
      const answer = await world.post(world.maps, text);
      assert.equal(expectCode(answer, 201).data.a, '2');
      assert.match(warnings(answer), /duplicate field/u);
    });
    rule('Strict lets a good object through', async (world) => {
      const answer = await world.post(`${world.maps}?fieldValidation=Strict`, {
        metadata: { name: world.name() },
        data: { a: '1' },
      });
      expectCode(answer, 201);
      assert.equal(warnings(answer), '');
    });
    rule('Strict holds for PUT', async (world) => {
      const made = await world.makeMap();
      const path = `${world.maps}/${made.metadata.name}?fieldValidation=Strict`;
      expectFailure(await world.put(path, { ...made, frobnicate: 1 }), 400, 'BadRequest');
    });
    rule('Strict holds for a merge patch', async (world) => {
      const { name } = (await world.makeWidget()).metadata;
      const path = `${world.widgets}/${name}?fieldValidation=Strict`;
      expectFailure(await world.patch(path, mergePatch, { spec: { frobnicate: 1 } }), [400, 422]);
    });
    rule('an unknown field in metadata counts', async (world) => {
      const answer = await world.post(`${world.maps}?fieldValidation=Strict`, {
        metadata: { name: world.name(), frobnicate: 1 },
      });
      assert.match(expectFailure(answer, 400, 'BadRequest').message, /unknown field.*frobnicate/u);
    });
    rule('another value is 422 Invalid', async (world) => {
      const answer = await world.post(`${world.maps}?fieldValidation=Perhaps`, { metadata: { name: world.name() } });
      expectFailure(answer, 422, 'Invalid');
    });
    rule('a bad value is 422 whatever fieldValidation says', async (world) => {
      const body = {
        apiVersion: `${world.group}/v1`,
        kind: 'Widget',
        metadata: { name: world.name() },
        spec: { color: 'mauve' },
      };
      expectFailure(await world.post(`${world.widgets}?fieldValidation=Ignore`, body), 422, 'Invalid');
    });
  },
);
