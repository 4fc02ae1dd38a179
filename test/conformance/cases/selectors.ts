import assert from 'node:assert/strict';
import { area } from '../case.ts';
import { encode, expectCode, expectFailure, namesOf } from '../expect.ts';
import type { World } from '../world.ts';

const labels = 'Labels and selectors: API';
const fields = 'Field selectors; API reference: fieldSelector';

/** Names and labels of the objects that each label selector is asked of; `mark` keeps others out. */
const marked: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  plain: {},
  web: { app: 'web', tier: 'front', size: '5' },
  db: { app: 'db', tier: 'back', size: '10' },
  empty: { app: '', 'example.com/app': 'x' },
};

const made = new WeakMap<World, Promise<string>>();

async function setUp(world: World): Promise<string> {
  const known = made.get(world);
  if (known !== undefined) {
    return known;
  }
  const making = (async () => {
    const mark = world.name('mark');
    for (const [name, own] of Object.entries(marked)) {
      await world.makeMap({ metadata: { name: `${mark}-${name}`, labels: { mark, ...own } } });
    }
    return mark;
  })();
  made.set(world, making);
  return making;
}

const matching: readonly (readonly [selector: string, names: string])[] = [
  ['app=web', 'web'],
  ['app==web', 'web'],
  ['app = web', 'web'],
  ['app!=web', 'db empty plain'],
  ['app', 'db empty web'],
  ['!app', 'plain'],
  ['app=', 'empty'],
  ['app in (web,db)', 'db web'],
  ['app in (web)', 'web'],
  ['app in ( web , db )', 'db web'],
  ['app notin (web,db)', 'empty plain'],
  ['app in (web,)', 'empty web'],
  ['app=web,tier=front', 'web'],
  ['app=web,tier=back', ''],
  ['app,!example.com/app', 'db web'],
  ['example.com/app=x', 'empty'],
  ['size>5', 'db'],
  ['size<10', 'web'],
  ['size>4,size<11', 'db web'],
  ['app!=web,app!=db', 'empty plain'],
  ['tier notin (back)', 'empty plain web'],
  ['app=web,app=db', ''],
];

const malformedLabels: readonly string[] = [
  '==',
  '=a',
  'a=b=c',
  'a b',
  'a in b',
  'a in (b',
  'a in b)',
  'a in ()',
  'a notin ()',
  '!a=b',
  'a>x',
  '-a=b',
  'a=-b',
  'a=b!',
  'a,,b',
  ',',
  'a=b,',
  '/a=b',
  'a/b/c=d',
  `${'k'.repeat(64)}=v`,
  `k=${'v'.repeat(64)}`,
  'a=b c',
  '(a)',
];

export const labelSelectorCases = area('label selectors', labels, (rule) => {
  for (const [selector, names] of matching) {
    rule(`"${selector}" matches ${names === '' ? 'nothing' : names}`, async (world) => {
      const mark = await setUp(world);
      const list = expectCode(
        await world.get(`${world.maps}?labelSelector=${encode(`${selector},mark=${mark}`)}`),
        200,
      );
      assert.deepEqual(
        namesOf(list),
        names
          .split(' ')
          .filter(Boolean)
          .map((name) => `${mark}-${name}`),
      );
    });
  }
  for (const selector of malformedLabels) {
    rule(
      `"${selector.length > 40 ? `${selector.slice(0, 3)}... of ${selector.length} characters` : selector}" is 400 BadRequest`,
      async (world) => {
        expectFailure(await world.get(`${world.maps}?labelSelector=${encode(selector)}`), 400, 'BadRequest');
      },
    );
  }
  rule('an empty selector matches everything', async (world) => {
    const mark = await setUp(world);
    const list = expectCode(await world.get(`${world.maps}?labelSelector=`), 200);
    assert.equal(namesOf(list).filter((name) => name.startsWith(mark)).length, 4);
  });
  rule('custom resources are selected in the same way', async (world) => {
    const label = world.name('mark');
    const { name } = (await world.makeWidget({}, { name: world.name(), labels: { set: label } })).metadata;
    assert.deepEqual(namesOf((await world.get(`${world.widgets}?labelSelector=set%3D${label}`)).json), [name]);
  });
});

export const fieldSelectorCases = area('field selectors', fields, (rule) => {
  const one = async (world: World, selector: (name: string) => string): Promise<string[]> => {
    const { name } = (await world.makeMap()).metadata;
    const list = expectCode(await world.get(`${world.maps}?fieldSelector=${encode(selector(name))}`), 200);
    return namesOf(list).filter((found) => found === name);
  };
  rule('metadata.name= matches the one object', async (world) => {
    const { name } = (await world.makeMap()).metadata;
    const list = expectCode(await world.get(`${world.maps}?fieldSelector=metadata.name%3D${name}`), 200);
    assert.deepEqual(namesOf(list), [name]);
  });
  rule('metadata.name== is the same', async (world) => {
    assert.equal((await one(world, (name) => `metadata.name==${name}`)).length, 1);
  });
  rule('metadata.name!= matches all others', async (world) => {
    assert.equal((await one(world, (name) => `metadata.name!=${name}`)).length, 0);
  });
  rule('metadata.namespace= matches the namespace', async (world) => {
    assert.equal((await one(world, () => `metadata.namespace=${world.namespace}`)).length, 1);
    assert.equal((await one(world, () => 'metadata.namespace=elsewhere')).length, 0);
  });
  rule('several, all of which must hold', async (world) => {
    assert.equal((await one(world, (name) => `metadata.name=${name},metadata.namespace=${world.namespace}`)).length, 1);
    assert.equal((await one(world, (name) => `metadata.name=${name},metadata.name!=${name}`)).length, 0);
  });
  rule('a name that no object has matches nothing', async (world) => {
    assert.deepEqual(namesOf((await world.get(`${world.maps}?fieldSelector=metadata.name%3Dnobody`)).json), []);
  });
  for (const selector of ['data.a=1', 'spec.x=y', 'metadata.uid=1', 'constructor=1']) {
    rule(`a field that is not supported (${selector}) is 400 BadRequest`, async (world) => {
      expectFailure(await world.get(`${world.maps}?fieldSelector=${encode(selector)}`), 400, 'BadRequest');
    });
  }
  for (const selector of ['metadata.name', 'metadata.name in (a)', 'metadata.name>a', '=a']) {
    rule(`"${selector}" is 400 BadRequest`, async (world) => {
      expectFailure(await world.get(`${world.maps}?fieldSelector=${encode(selector)}`), 400, 'BadRequest');
    });
  }
  rule('Secrets are selected by type', async (world) => {
    const name = world.name('secret');
    const type = 'example.com/mine';
    expectCode(await world.post(world.secrets, { metadata: { name }, type }), 201);
    const list = expectCode(await world.get(`${world.secrets}?fieldSelector=${encode(`type=${type}`)}`), 200);
    assert.deepEqual(namesOf(list), [name]);
  });
  rule('Namespaces are selected by status.phase', async (world) => {
    const path = `/api/v1/namespaces?fieldSelector=${encode(`status.phase=Active,metadata.name=${world.namespace}`)}`;
    assert.deepEqual(namesOf(expectCode(await world.get(path), 200)), [world.namespace]);
  });
  rule('Events are selected by involvedObject.name and reason', async (world) => {
    const involvedObject = { kind: 'ConfigMap', namespace: world.namespace, name: world.name('about') };
    const events = `/api/v1/namespaces/${world.namespace}/events`;
    const metadata = { name: world.name('event') };
    expectCode(
      await world.post(events, { metadata, involvedObject, reason: 'Tested', type: 'Normal', message: 'x' }),
      201,
    );
    const selector = encode(`involvedObject.name=${involvedObject.name},reason=Tested`);
    assert.deepEqual(namesOf(expectCode(await world.get(`${events}?fieldSelector=${selector}`), 200)), [metadata.name]);
  });
  rule(
    'a custom resource is selected by its selectableFields',
    async (world) => {
      const label = world.name('mark');
      await world.makeWidget({ color: 'red' }, { name: world.name(), labels: { set: label } });
      const { name } = (await world.makeWidget({ color: 'green' }, { name: world.name(), labels: { set: label } }))
        .metadata;
      const path = `${world.widgets}?labelSelector=set%3D${label}&fieldSelector=spec.color%3Dgreen`;
      assert.deepEqual(namesOf(expectCode(await world.get(path), 200)), [name]);
    },
    'KEP-4358 Custom resource field selectors',
  );
  rule(
    'a field of a custom resource that is not selectable is 400',
    async (world) => {
      expectFailure(await world.get(`${world.widgets}?fieldSelector=spec.replicas%3D1`), 400, 'BadRequest');
    },
    'KEP-4358 Custom resource field selectors',
  );
});
