import assert from 'node:assert/strict';
import { area, skip } from '../case.ts';
import { encode, expectCode, expectFailure, namesOf } from '../expect.ts';
import type { World } from '../world.ts';

const concepts = 'API concepts: Standard API terminology, verbs';
const versions = 'API concepts: Resource versions';
const chunks = 'KEP-365 Paginated lists; API concepts: Retrieving large results sets in chunks';

/** A label that the given number of new ConfigMaps bear. */
async function labelled(world: World, count: number): Promise<{ label: string; names: string[] }> {
  const label = world.name('set');
  const made = await Promise.all(
    Array.from({ length: count }, (_, index) =>
      world.makeMap({ metadata: { labels: { set: label }, name: `${label}-${index}` } }),
    ),
  );
  return { label, names: made.map((object) => object.metadata.name as string).toSorted() };
}

export const readCases = area('get', concepts, (rule) => {
  rule('GET of an object is 200 with the object', async (world) => {
    const { name, uid } = (await world.makeMap()).metadata;
    const object = expectCode(await world.get(`${world.maps}/${name}`), 200);
    assert.equal(object.metadata.uid, uid);
    assert.equal(object.kind, 'ConfigMap');
  });
  rule('an object that is not there is 404 NotFound, with name and resource in the details', async (world) => {
    const name = world.name('missing');
    const status = expectFailure(await world.get(`${world.maps}/${name}`), 404, 'NotFound');
    assert.equal(status.details.name, name);
    assert.equal(status.details.kind, 'configmaps');
    assert.equal(status.message, `configmaps "${name}" not found`);
  });
  rule('a custom resource that is not there names its group', async (world) => {
    const status = expectFailure(await world.get(`${world.widgets}/missing`), 404, 'NotFound');
    assert.equal(status.details.group, world.group);
    assert.equal(status.message, `widgets.${world.group} "missing" not found`);
  });
  rule('a resource that is not served is 404', async (world) => {
    expectCode(await world.get(`/api/v1/namespaces/${world.namespace}/frobnicators`), 404);
  });
  rule('a group that is not served is 404', async (world) => {
    expectCode(await world.get(`/apis/none.${world.group}/v1/widgets`), 404);
  });
  rule('a version that is not served is 404', async (world) => {
    expectCode(await world.get(`/apis/${world.group}/v9/widgets`), 404);
  });
  rule('a subresource that is not served is 404', async (world) => {
    const { name } = (await world.makeMap()).metadata;
    expectCode(await world.get(`${world.maps}/${name}/frobnicate`), 404);
  });
  rule('a missing namespace makes an object not found', async (world) => {
    expectCode(await world.get(`/api/v1/namespaces/${world.name('missing')}/configmaps/a`), 404);
  });
  rule(
    'resourceVersion=0 may be served from a cache',
    async (world) => {
      const { name } = (await world.makeMap()).metadata;
      expectCode(await world.get(`${world.maps}/${name}`), 200);
      expectCode(await world.get(`${world.maps}/${name}?resourceVersion=0`), 200, 404);
    },
    versions,
  );
  rule(
    'resourceVersion=N gives an object at least as new',
    async (world) => {
      const { name, resourceVersion } = (await world.makeMap()).metadata;
      const object = expectCode(await world.get(`${world.maps}/${name}?resourceVersion=${resourceVersion}`), 200);
      assert.equal(object.metadata.resourceVersion, resourceVersion);
    },
    versions,
  );
  rule(
    'a resourceVersion far in the future is 504 Timeout, too large',
    async (world) => {
      const { name } = (await world.makeMap()).metadata;
      const answer = await world.get(`${world.maps}/${name}?resourceVersion=900000000000`);
      const status = expectFailure(answer, 504, 'Timeout');
      assert.ok(status.details.causes.some((cause: { reason: string }) => cause.reason === 'ResourceVersionTooLarge'));
    },
    versions,
  );
  rule(
    'a resourceVersion that is no number is refused',
    async (world) => {
      const { name } = (await world.makeMap()).metadata;
      expectCode(await world.get(`${world.maps}/${name}?resourceVersion=abc`), 400, 422, 500);
    },
    versions,
  );
});

export const listCases = area('list', concepts, (rule) => {
  rule('a list has the kind with List, a resourceVersion and items', async (world) => {
    const list = expectCode(await world.get(world.maps), 200);
    assert.equal(list.kind, 'ConfigMapList');
    assert.equal(list.apiVersion, 'v1');
    assert.match(list.metadata.resourceVersion, /^\d+$/u);
    assert.ok(Array.isArray(list.items));
  });
  rule('an empty list has items that are an empty array', async (world) => {
    const list = expectCode(await world.get(`${world.maps}?labelSelector=none%3D${world.name()}`), 200);
    assert.deepEqual(list.items, []);
  });
  rule('a list of custom resources has the listKind of its definition', async (world) => {
    const list = expectCode(await world.get(world.widgets), 200);
    assert.equal(list.kind, 'WidgetList');
    assert.equal(list.apiVersion, `${world.group}/v1`);
  });
  rule('the collection of all namespaces holds this namespace too', async (world) => {
    const { label, names } = await labelled(world, 2);
    const answer = await world.get(`/api/v1/configmaps?labelSelector=set%3D${label}`);
    if (answer.code === 403) {
      skip('these credentials see one namespace only');
    }
    assert.deepEqual(namesOf(expectCode(answer, 200)), names);
  });
  rule('a namespace that is not there has an empty list', async (world) => {
    const answer = await world.get(`/api/v1/namespaces/${world.name('missing')}/configmaps`);
    if (answer.code === 403) {
      skip('these credentials see one namespace only');
    }
    assert.deepEqual(expectCode(answer, 200).items, []);
  });
  rule("the list's resourceVersion is at least that of each item", async (world) => {
    await world.makeMap();
    const list = expectCode(await world.get(world.maps), 200);
    for (const item of list.items) {
      assert.ok(BigInt(item.metadata.resourceVersion) <= BigInt(list.metadata.resourceVersion));
    }
  });
  rule('an object just made is in the list', async (world) => {
    const { name } = (await world.makeMap()).metadata;
    assert.ok(namesOf(expectCode(await world.get(world.maps), 200)).includes(name));
  });
  rule('a parameter that is not known is passed over', async (world) => {
    expectCode(await world.get(`${world.maps}?frobnicate=1`), 200);
  });

  rule(
    'limit gives so many items and a continue token',
    async (world) => {
      const { label } = await labelled(world, 5);
      const list = expectCode(await world.get(`${world.maps}?limit=2&labelSelector=set%3D${label}`), 200);
      assert.equal(list.items.length, 2);
      assert.notEqual(list.metadata.continue ?? '', '');
    },
    chunks,
  );
  rule(
    'continue gives all items once, in order',
    async (world) => {
      const { label, names } = await labelled(world, 7);
      const found: string[] = [];
      let token: string | undefined;
      do {
        const path = `${world.maps}?limit=3&labelSelector=set%3D${label}`;
        const list = expectCode(await world.get(token === undefined ? path : `${path}&continue=${encode(token)}`), 200);
        found.push(...list.items.map((item: { metadata: { name: string } }) => item.metadata.name));
        token = list.metadata.continue === '' ? undefined : list.metadata.continue;
      } while (token !== undefined);
      assert.deepEqual(found, names);
    },
    chunks,
  );
  rule(
    'the pages are one snapshot: what is made or deleted meanwhile does not show',
    async (world) => {
      const { label, names } = await labelled(world, 4);
      const path = `${world.maps}?limit=2&labelSelector=set%3D${label}`;
      const first = expectCode(await world.get(path), 200);
      await world.makeMap({ metadata: { name: `${label}-9`, labels: { set: label } } });
      expectCode(await world.remove(`${world.maps}/${names[3]}`), 200);
      const second = expectCode(await world.get(`${path}&continue=${encode(first.metadata.continue)}`), 200);
      assert.deepEqual([...namesOf(first), ...namesOf(second)], names);
      assert.equal(second.metadata.resourceVersion, first.metadata.resourceVersion);
    },
    chunks,
  );
  rule(
    'an object changed between pages shows as it was',
    async (world) => {
      const { label, names } = await labelled(world, 3);
      const path = `${world.maps}?limit=2&labelSelector=set%3D${label}`;
      const first = expectCode(await world.get(path), 200);
      await world.patch(`${world.maps}/${names[2]}`, 'application/merge-patch+json', { data: { a: 'new' } });
      const second = expectCode(await world.get(`${path}&continue=${encode(first.metadata.continue)}`), 200);
      assert.equal(second.items[0].data.a, '1');
    },
    chunks,
  );
  rule(
    'the last page has no continue token',
    async (world) => {
      const { label } = await labelled(world, 2);
      const list = expectCode(await world.get(`${world.maps}?limit=500&labelSelector=set%3D${label}`), 200);
      assert.equal(list.metadata.continue ?? '', '');
    },
    chunks,
  );
  rule(
    'remainingItemCount is the number of items after the page',
    async (world) => {
      const crd = await cluster(world, 5);
      const list = expectCode(await world.get(`${crd}?limit=2`), 200);
      assert.equal(list.metadata.remainingItemCount, 3);
      const next = expectCode(await world.get(`${crd}?limit=2&continue=${encode(list.metadata.continue)}`), 200);
      assert.equal(next.metadata.remainingItemCount, 1);
    },
    chunks,
  );
  rule(
    'remainingItemCount is absent where a selector is given',
    async (world) => {
      const { label } = await labelled(world, 3);
      const list = expectCode(await world.get(`${world.maps}?limit=1&labelSelector=set%3D${label}`), 200);
      assert.equal(list.metadata.remainingItemCount, undefined);
    },
    chunks,
  );
  rule(
    'remainingItemCount is absent on a complete list',
    async (world) => {
      assert.equal(expectCode(await world.get(world.maps), 200).metadata.remainingItemCount, undefined);
    },
    chunks,
  );
  rule(
    'a continue token that is garbage is 400 BadRequest',
    async (world) => {
      expectFailure(await world.get(`${world.maps}?limit=1&continue=garbage`), 400, 'BadRequest');
    },
    chunks,
  );
  rule(
    'a continue token of a revision that is gone is 410 Expired',
    async (world) => {
      const { label } = await labelled(world, 2);
      const list = expectCode(await world.get(`${world.maps}?limit=1&labelSelector=set%3D${label}`), 200);
      const token = JSON.parse(Buffer.from(list.metadata.continue, 'base64url').toString('utf8'));
      if (typeof token.rv !== 'number') {
        skip('the continue token of this server cannot be made older');
      }
      const older = Buffer.from(JSON.stringify({ ...token, rv: 1 })).toString('base64url');
      const answer = await world.get(`${world.maps}?limit=1&continue=${older}`);
      if (answer.code === 200) {
        skip('this server still keeps its first revision');
      }
      expectFailure(answer, 410, 'Expired');
    },
    chunks,
  );
  rule(
    'continue together with a resourceVersion is refused',
    async (world) => {
      const { label } = await labelled(world, 2);
      const path = `${world.maps}?limit=1&labelSelector=set%3D${label}`;
      const list = expectCode(await world.get(path), 200);
      const { continue: token, resourceVersion } = list.metadata;
      const answer = await world.get(`${path}&continue=${encode(token)}&resourceVersion=${resourceVersion}`);
      expectFailure(answer, [400, 422]);
    },
    chunks,
  );
  rule(
    'limit that is no number is 400 BadRequest',
    async (world) => {
      expectFailure(await world.get(`${world.maps}?limit=many`), 400, 'BadRequest');
    },
    chunks,
  );
  rule(
    'limit=0 is no limit',
    async (world) => {
      const { label } = await labelled(world, 3);
      const list = expectCode(await world.get(`${world.maps}?limit=0&labelSelector=set%3D${label}`), 200);
      assert.equal(list.items.length, 3);
    },
    chunks,
  );
});

/** A collection of its own with so many objects. */
async function cluster(world: World, count: number): Promise<string> {
  const { definition } = await import('../fixtures.ts');
  const group = `${world.name('n')}.${world.group}`;
  const path = await world.define(definition({ group, plural: 'things', kind: 'Thing' }));
  for (let index = 0; index < count; index += 1) {
    const body = { apiVersion: `${group}/v1`, kind: 'Thing', metadata: { name: `t${index}` } };
    expectCode(await world.post(path, body), 201);
  }
  return path;
}

export const resourceVersionCases = area('list resourceVersion', 'API concepts: Semantics for get and list', (rule) => {
  const setUp = async (world: World) => {
    const { label, names } = await labelled(world, 2);
    const path = `${world.maps}?labelSelector=set%3D${label}`;
    const before = expectCode(await world.get(path), 200).metadata.resourceVersion as string;
    await world.makeMap({ metadata: { name: `${label}-2`, labels: { set: label } } });
    return { path, before, names, all: [...names, `${label}-2`] };
  };
  rule('unset: the most recent state', async (world) => {
    const { path, all } = await setUp(world);
    assert.deepEqual(namesOf(expectCode(await world.get(path), 200)), all);
  });
  rule('"0": any state', async (world) => {
    const { path } = await setUp(world);
    expectCode(await world.get(`${path}&resourceVersion=0`), 200);
  });
  rule('N, NotOlderThan: a state at least as new as N', async (world) => {
    const { path, before } = await setUp(world);
    const answer = await world.get(`${path}&resourceVersion=${before}&resourceVersionMatch=NotOlderThan`);
    const list = expectCode(answer, 200);
    assert.ok(BigInt(list.metadata.resourceVersion) >= BigInt(before));
  });
  rule('N without a match or limit: a state at least as new as N', async (world) => {
    const { path, before } = await setUp(world);
    const list = expectCode(await world.get(`${path}&resourceVersion=${before}`), 200);
    assert.ok(BigInt(list.metadata.resourceVersion) >= BigInt(before));
  });
  rule('N, Exact: the state of N', async (world) => {
    const { path, before, names } = await setUp(world);
    const list = expectCode(await world.get(`${path}&resourceVersion=${before}&resourceVersionMatch=Exact`), 200);
    assert.deepEqual(namesOf(list), names);
    assert.equal(list.metadata.resourceVersion, before);
  });
  rule('N, Exact, limit: pages of the state of N', async (world) => {
    const { path, before, names } = await setUp(world);
    const first = expectCode(
      await world.get(`${path}&resourceVersion=${before}&resourceVersionMatch=Exact&limit=1`),
      200,
    );
    const rest = expectCode(await world.get(`${path}&limit=9&continue=${encode(first.metadata.continue)}`), 200);
    assert.deepEqual([...namesOf(first), ...namesOf(rest)], names);
  });
  rule('N with a limit and no match: exactly N', async (world) => {
    const { path, before, names } = await setUp(world);
    const list = expectCode(await world.get(`${path}&resourceVersion=${before}&limit=9`), 200);
    assert.deepEqual(namesOf(list), names);
  });
  rule('Exact shows an object that was deleted since', async (world) => {
    const { path, before, names } = await setUp(world);
    expectCode(await world.remove(`${world.maps}/${names[0]}`), 200);
    const list = expectCode(await world.get(`${path}&resourceVersion=${before}&resourceVersionMatch=Exact`), 200);
    assert.deepEqual(namesOf(list), names);
  });
  rule('"0", Exact is refused', async (world) => {
    const answer = await world.get(`${world.maps}?resourceVersion=0&resourceVersionMatch=Exact`);
    expectFailure(answer, 422, 'Invalid');
  });
  rule('a match without a resourceVersion is refused', async (world) => {
    expectFailure(await world.get(`${world.maps}?resourceVersionMatch=Exact`), 422, 'Invalid');
    expectFailure(await world.get(`${world.maps}?resourceVersionMatch=NotOlderThan`), 422, 'Invalid');
  });
  rule('a match that is not known is refused', async (world) => {
    expectFailure(await world.get(`${world.maps}?resourceVersion=1&resourceVersionMatch=Newest`), 422, 'Invalid');
  });
  rule('a match together with continue is refused', async (world) => {
    const { path, before } = await setUp(world);
    const { metadata } = expectCode(await world.get(`${path}&limit=1`), 200);
    const more = `&resourceVersion=${before}&resourceVersionMatch=Exact&continue=${encode(metadata.continue)}`;
    expectFailure(await world.get(path + more), [400, 422]);
  });
  rule('a resourceVersion in the future is 504 Timeout with a cause of its own', async (world) => {
    const status = expectFailure(await world.get(`${world.maps}?resourceVersion=900000000000`), 504, 'Timeout');
    assert.ok(status.details.causes.some((cause: { reason: string }) => cause.reason === 'ResourceVersionTooLarge'));
  });
  rule('a resourceVersion in the future, Exact, is refused', async (world) => {
    const path = `${world.maps}?resourceVersion=900000000000&resourceVersionMatch=Exact`;
    expectFailure(await world.get(path), [400, 410, 504]);
  });
  rule(
    'sendInitialEvents is for watches, not for lists',
    async (world) => {
      expectFailure(await world.get(`${world.maps}?sendInitialEvents=true`), 422, 'Invalid');
    },
    'KEP-3157 Watch list',
  );
});
