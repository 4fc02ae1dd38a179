import assert from 'node:assert/strict';
import { area, skip } from '../case.ts';
import { expectCode, expectFailure, mergePatch } from '../expect.ts';
import type { Json } from '../raw-client.ts';
import type { WatchReader } from '../watch-reader.ts';
import type { World } from '../world.ts';

const initialEnd = 'k8s.io/initial-events-end';
const bookmarks = 'KEP-956 Watch bookmarks';
const watchList = 'KEP-3157 Watch list';

interface Watched {
  readonly label: string;
  readonly path: string;
  readonly resourceVersion: string;
  make(more?: Json): Promise<Json>;
  change(object: Json, body: Json): Promise<Json>;
}

/** A selection that only the case's own objects are in. */
async function selection(world: World): Promise<Watched> {
  const label = world.name('watch');
  const path = `${world.maps}?watch=true&labelSelector=set%3D${label}`;
  const { metadata } = expectCode(await world.get(`${world.maps}?limit=1`), 200);
  return {
    label,
    path,
    resourceVersion: metadata.resourceVersion,
    make: (more) => world.makeMap({ metadata: { name: world.name(label), labels: { set: label, ...more } } }),
    change: async (object, body) =>
      expectCode(await world.patch(`${world.maps}/${object.metadata.name}`, mergePatch, body), 200),
  };
}

async function watching(world: World, path: string, use: (watch: WatchReader) => Promise<void>, accept?: string) {
  const watch = await world.watch(path, accept);
  try {
    await use(watch);
  } finally {
    watch.close();
  }
}

/** `ADDED a`, for all events up to now: an object made last marks the end. */
async function drain(watch: WatchReader, count: number): Promise<Json[]> {
  const events: Json[] = [];
  while (events.length < count) {
    events.push(await watch.next());
  }
  return events;
}

export const watchCases = area('watch', 'API concepts: Efficient detection of changes', (rule) => {
  rule('making, changing and deleting are ADDED, MODIFIED and DELETED', async (world) => {
    const own = await selection(world);
    await watching(world, `${own.path}&resourceVersion=${own.resourceVersion}`, async (watch) => {
      assert.equal(watch.code, 200);
      const made = await own.make();
      await own.change(made, { data: { a: '2' } });
      expectCode(await world.remove(`${world.maps}/${made.metadata.name}`), 200);
      const events = await drain(watch, 3);
      assert.deepEqual(
        events.map((event) => event.type),
        ['ADDED', 'MODIFIED', 'DELETED'],
      );
      assert.ok(events.every((event) => event.object.metadata.uid === made.metadata.uid));
      assert.equal(events[1].object.data.a, '2');
    });
  });
  rule('an event holds a whole object, with apiVersion and kind', async (world) => {
    const own = await selection(world);
    await watching(world, `${own.path}&resourceVersion=${own.resourceVersion}`, async (watch) => {
      const made = await own.make();
      assert.deepEqual((await watch.next()).object, made);
    });
  });
  rule('resourceVersions of events only grow', async (world) => {
    const own = await selection(world);
    await watching(world, `${own.path}&resourceVersion=${own.resourceVersion}`, async (watch) => {
      for (let index = 0; index < 5; index += 1) {
        await own.change(await own.make(), { data: { a: 'x' } });
      }
      const numbers = (await drain(watch, 10)).map((event) => BigInt(event.object.metadata.resourceVersion));
      assert.ok(numbers.every((number, index) => index === 0 || number > (numbers[index - 1] ?? 0n)));
    });
  });
  rule('a watch from a revision first gives what happened since', async (world) => {
    const own = await selection(world);
    const first = await own.make();
    await own.change(first, { data: { a: '2' } });
    await watching(world, `${own.path}&resourceVersion=${own.resourceVersion}`, async (watch) => {
      assert.deepEqual(
        (await drain(watch, 2)).map((event) => event.type),
        ['ADDED', 'MODIFIED'],
      );
    });
  });
  rule('a watch from the revision of an event goes on after it', async (world) => {
    const own = await selection(world);
    const first = await own.make();
    const second = await own.make();
    await watching(world, `${own.path}&resourceVersion=${first.metadata.resourceVersion}`, async (watch) => {
      assert.equal((await watch.next()).object.metadata.name, second.metadata.name);
    });
  });
  rule('without a resourceVersion it begins with an ADDED for each object there is', async (world) => {
    const own = await selection(world);
    const names = [(await own.make()).metadata.name, (await own.make()).metadata.name].map(String).toSorted();
    await watching(world, own.path, async (watch) => {
      const events = await drain(watch, 2);
      assert.ok(events.every((event) => event.type === 'ADDED'));
      assert.deepEqual(events.map((event) => String(event.object.metadata.name)).toSorted(), names);
    });
  });
  rule('resourceVersion=0 begins with an ADDED for each object there is', async (world) => {
    const own = await selection(world);
    const { name } = (await own.make()).metadata;
    await watching(world, `${own.path}&resourceVersion=0`, async (watch) => {
      const [event] = await watch.until((item) => item.object.metadata.name === name);
      assert.equal(event.type, 'ADDED');
    });
  });
  rule('an object that comes into the selection is ADDED', async (world) => {
    const own = await selection(world);
    const outside = await world.makeMap();
    await watching(world, `${own.path}&resourceVersion=${own.resourceVersion}`, async (watch) => {
      await own.change(outside, { metadata: { labels: { set: own.label } } });
      assert.equal((await watch.next()).type, 'ADDED');
    });
  });
  rule('an object that leaves the selection is DELETED', async (world) => {
    const own = await selection(world);
    const made = await own.make();
    await watching(world, `${own.path}&resourceVersion=${made.metadata.resourceVersion}`, async (watch) => {
      await own.change(made, { metadata: { labels: { set: null } } });
      const event = await watch.next();
      assert.equal(event.type, 'DELETED');
      assert.equal(event.object.metadata.name, made.metadata.name);
    });
  });
  rule('DELETED of one that left shows it as it was in the selection, at the new resourceVersion', async (world) => {
    const own = await selection(world);
    const made = await own.make();
    await watching(world, `${own.path}&resourceVersion=${made.metadata.resourceVersion}`, async (watch) => {
      const changed = await own.change(made, { metadata: { labels: { set: null } } });
      const { object } = await watch.next();
      assert.equal(object.metadata.resourceVersion, changed.metadata.resourceVersion);
      assert.equal(object.metadata.labels?.set, own.label);
    });
  });
  rule('objects outside the selection do not show', async (world) => {
    const own = await selection(world);
    await watching(world, `${own.path}&resourceVersion=${own.resourceVersion}`, async (watch) => {
      await world.makeMap();
      const inside = await own.make();
      assert.equal((await watch.next()).object.metadata.name, inside.metadata.name);
    });
  });
  rule('DELETED has the final state and a new resourceVersion', async (world) => {
    const own = await selection(world);
    const made = await own.make();
    await watching(world, `${own.path}&resourceVersion=${made.metadata.resourceVersion}`, async (watch) => {
      expectCode(await world.remove(`${world.maps}/${made.metadata.name}`), 200);
      const { type, object } = await watch.next();
      assert.equal(type, 'DELETED');
      assert.ok(BigInt(object.metadata.resourceVersion) > BigInt(made.metadata.resourceVersion));
      assert.deepEqual(object.data, made.data);
    });
  });
  rule('fieldSelector metadata.name watches one object', async (world) => {
    const { metadata } = await world.makeMap();
    const path = `${world.maps}?watch=true&resourceVersion=${metadata.resourceVersion}&fieldSelector=metadata.name%3D${metadata.name}`;
    await watching(world, path, async (watch) => {
      await world.makeMap();
      expectCode(await world.remove(`${world.maps}/${metadata.name}`), 200);
      const event = await watch.next();
      assert.equal(event.type, 'DELETED');
      assert.equal(event.object.metadata.name, metadata.name);
    });
  });
  rule('a change that changes nothing is no event', async (world) => {
    const own = await selection(world);
    const made = await own.make();
    await watching(world, `${own.path}&resourceVersion=${made.metadata.resourceVersion}`, async (watch) => {
      await own.change(made, { data: { a: '1' } });
      await own.change(made, { data: { a: 'changed' } });
      assert.equal((await watch.next()).object.data.a, 'changed');
    });
  });
  rule('a dry run is no event', async (world) => {
    const own = await selection(world);
    await watching(world, `${own.path}&resourceVersion=${own.resourceVersion}`, async (watch) => {
      const body = { metadata: { name: world.name(), labels: { set: own.label } } };
      expectCode(await world.post(`${world.maps}?dryRun=All`, body), 201);
      const { name } = (await own.make()).metadata;
      assert.equal((await watch.next()).object.metadata.name, name);
    });
  });
  rule('a deletion that finalizers hold up is MODIFIED, then DELETED', async (world) => {
    const own = await selection(world);
    const body = { metadata: { name: world.name(), labels: { set: own.label }, finalizers: ['example.com/hold'] } };
    const made = await world.makeMap(body);
    await watching(world, `${own.path}&resourceVersion=${made.metadata.resourceVersion}`, async (watch) => {
      expectCode(await world.remove(`${world.maps}/${made.metadata.name}`), 200);
      await own.change(made, { metadata: { finalizers: null } });
      const events = await drain(watch, 2);
      assert.deepEqual(
        events.map((event) => event.type),
        ['MODIFIED', 'DELETED'],
      );
      assert.ok(events[0].object.metadata.deletionTimestamp);
    });
  });
  rule('timeoutSeconds ends the stream', async (world) => {
    const own = await selection(world);
    await watching(world, `${own.path}&resourceVersion=${own.resourceVersion}&timeoutSeconds=1`, async (watch) => {
      assert.equal(await watch.next(), undefined);
    });
  });
  rule('two watchers see the same events', async (world) => {
    const own = await selection(world);
    const path = `${own.path}&resourceVersion=${own.resourceVersion}`;
    await watching(world, path, async (one) => {
      await watching(world, path, async (two) => {
        await own.change(await own.make(), { data: { b: '1' } });
        assert.deepEqual(await drain(one, 2), await drain(two, 2));
      });
    });
  });
  rule('the stream is of type application/json', async (world) => {
    const own = await selection(world);
    await watching(world, own.path, async (watch) => {
      assert.match(watch.headers['content-type'] ?? '', /^application\/json/u);
    });
  });
  rule('watch=1 is a watch', async (world) => {
    const own = await selection(world);
    const path = own.path.replace('watch=true', 'watch=1');
    await watching(world, `${path}&resourceVersion=${own.resourceVersion}`, async (watch) => {
      await own.make();
      assert.equal((await watch.next()).type, 'ADDED');
    });
  });
  rule('watch=false is a list', async (world) => {
    const own = await selection(world);
    const answer = await world.get(own.path.replace('watch=true', 'watch=false'));
    assert.equal(expectCode(answer, 200).kind, 'ConfigMapList');
  });
  rule('custom resources are watched as any other', async (world) => {
    const made = await world.makeWidget();
    const { name, resourceVersion } = made.metadata;
    const path = `${world.widgets}?watch=true&resourceVersion=${resourceVersion}&fieldSelector=metadata.name%3D${name}`;
    await watching(world, path, async (watch) => {
      expectCode(await world.patch(`${world.widgets}/${name}/status`, mergePatch, { status: { phase: 'Up' } }), 200);
      const event = await watch.next();
      assert.equal(event.type, 'MODIFIED');
      assert.equal(event.object.status.phase, 'Up');
    });
  });
  rule('a watch of another served version shows that version', async (world) => {
    const made = await world.makeWidget();
    const base = world.widgets.replace('/v1/', '/v1beta1/');
    await watching(world, `${base}?watch=true&fieldSelector=metadata.name%3D${made.metadata.name}`, async (watch) => {
      assert.equal((await watch.next()).object.apiVersion, `${world.group}/v1beta1`);
    });
  });
  rule('a watch of all namespaces has events of each', async (world) => {
    const own = await selection(world);
    const path = `/api/v1/configmaps?watch=true&labelSelector=set%3D${own.label}&resourceVersion=${own.resourceVersion}`;
    await watching(world, path, async (watch) => {
      if (watch.code === 403) {
        skip('these credentials see one namespace only');
      }
      const { name } = (await own.make()).metadata;
      const { object } = await watch.next();
      assert.equal(object.metadata.name, name);
      assert.equal(object.metadata.namespace, world.namespace);
    });
  });
  rule('the deprecated path with /watch/ is a watch, where served', async (world) => {
    const own = await selection(world);
    const made = await own.make();
    const path = `/api/v1/watch/namespaces/${world.namespace}/configmaps?labelSelector=set%3D${own.label}`;
    await watching(world, path, async (watch) => {
      if (watch.code === 404) {
        skip('this server does not serve the deprecated /watch/ paths');
      }
      assert.equal((await watch.next()).object.metadata.name, made.metadata.name);
    });
  });
  rule('a label selector that cannot be read is 400 before the stream begins', async (world) => {
    expectFailure(await world.get(`${world.maps}?watch=true&labelSelector=%3D%3D`), 400, 'BadRequest');
  });
  rule('a field selector that is not supported is 400 before the stream begins', async (world) => {
    expectFailure(await world.get(`${world.maps}?watch=true&fieldSelector=data.a%3D1`), 400, 'BadRequest');
  });
  rule('a revision that is no longer kept is 410, as answer or as ERROR event', async (world) => {
    const path = `${world.maps}?watch=true&resourceVersion=1&timeoutSeconds=1&labelSelector=none%3D${world.name()}`;
    await watching(world, path, async (watch) => {
      const first = await watch.next();
      if (watch.code === 200 && first?.type !== 'ERROR') {
        skip('this server still keeps its first revision');
      }
      const status = watch.code === 200 ? first.object : first;
      assert.equal(status.kind, 'Status');
      assert.equal(status.code, 410);
    });
  });

  rule(
    'bookmarks, where asked for, have only a resourceVersion',
    async (world) => {
      const own = await selection(world);
      const path = `${own.path}&resourceVersion=${own.resourceVersion}&allowWatchBookmarks=true&timeoutSeconds=3`;
      await watching(world, path, async (watch) => {
        const event = await watch.next();
        if (event === undefined) {
          skip('no bookmark came within three seconds, which a server may do');
        }
        assert.equal(event.type, 'BOOKMARK');
        assert.equal(event.object.kind, 'ConfigMap');
        assert.match(event.object.metadata.resourceVersion, /^\d+$/u);
        assert.equal(event.object.data, undefined);
      });
    },
    bookmarks,
  );
  rule(
    'without allowWatchBookmarks there are none',
    async (world) => {
      const own = await selection(world);
      await watching(world, `${own.path}&resourceVersion=${own.resourceVersion}&timeoutSeconds=2`, async (watch) => {
        assert.equal(await watch.next(), undefined);
      });
    },
    bookmarks,
  );

  const initial = (path: string): string =>
    `${path}&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true`;
  rule(
    'sendInitialEvents gives the objects and then the bookmark that says so',
    async (world) => {
      const own = await selection(world);
      const names = [(await own.make()).metadata.name, (await own.make()).metadata.name].map(String).toSorted();
      await watching(world, initial(own.path), async (watch) => {
        const events = await watch.until((event) => event.type === 'BOOKMARK');
        assert.deepEqual(
          events
            .slice(0, -1)
            .map((event) => String(event.object.metadata.name))
            .toSorted(),
          names,
        );
        assert.equal(events.at(-1).object.metadata.annotations[initialEnd], 'true');
      });
    },
    watchList,
  );
  rule(
    'sendInitialEvents of an empty selection is the bookmark at once',
    async (world) => {
      const own = await selection(world);
      await watching(world, initial(own.path), async (watch) => {
        assert.equal((await watch.next()).type, 'BOOKMARK');
      });
    },
    watchList,
  );
  rule(
    "the initial events' bookmark has a resourceVersion to go on from",
    async (world) => {
      const own = await selection(world);
      const made = await own.make();
      await watching(world, initial(own.path), async (watch) => {
        const events = await watch.until((event) => event.type === 'BOOKMARK');
        const from = events.at(-1).object.metadata.resourceVersion;
        assert.ok(BigInt(from) >= BigInt(made.metadata.resourceVersion));
        const next = await own.make();
        await watching(world, `${own.path}&resourceVersion=${from}`, async (resumed) => {
          assert.equal((await resumed.next()).object.metadata.name, next.metadata.name);
        });
      });
    },
    watchList,
  );
  rule(
    'events go on after the initial ones',
    async (world) => {
      const own = await selection(world);
      await watching(world, initial(own.path), async (watch) => {
        await watch.until((event) => event.type === 'BOOKMARK');
        const { name } = (await own.make()).metadata;
        const events = await watch.until((event) => event.type === 'ADDED');
        assert.equal(events.at(-1).object.metadata.name, name);
      });
    },
    watchList,
  );
  rule(
    'sendInitialEvents with resourceVersion N is at least as new as N',
    async (world) => {
      const own = await selection(world);
      const made = await own.make();
      const path = `${initial(own.path)}&resourceVersion=${made.metadata.resourceVersion}`;
      await watching(world, path, async (watch) => {
        const events = await watch.until((event) => event.type === 'BOOKMARK');
        assert.equal(events[0].object.metadata.name, made.metadata.name);
      });
    },
    watchList,
  );
  rule(
    'sendInitialEvents=false gives no initial events',
    async (world) => {
      const own = await selection(world);
      const first = await own.make();
      const path = `${own.path}&sendInitialEvents=false&resourceVersionMatch=NotOlderThan&resourceVersion=${first.metadata.resourceVersion}`;
      await watching(world, path, async (watch) => {
        const { name } = (await own.make()).metadata;
        assert.equal((await watch.next()).object.metadata.name, name);
      });
    },
    watchList,
  );
  rule(
    'sendInitialEvents without resourceVersionMatch is refused',
    async (world) => {
      const own = await selection(world);
      expectFailure(await world.get(`${own.path}&sendInitialEvents=true`), 422, 'Invalid');
    },
    watchList,
  );
  rule(
    'sendInitialEvents with resourceVersionMatch=Exact is refused',
    async (world) => {
      const own = await selection(world);
      const path = `${own.path}&sendInitialEvents=true&resourceVersionMatch=Exact&resourceVersion=${own.resourceVersion}`;
      expectFailure(await world.get(path), 422, 'Invalid');
    },
    watchList,
  );
  rule(
    'resourceVersionMatch on a watch without sendInitialEvents is refused',
    async (world) => {
      const own = await selection(world);
      const path = `${own.path}&resourceVersionMatch=NotOlderThan&resourceVersion=${own.resourceVersion}`;
      expectFailure(await world.get(path), 422, 'Invalid');
    },
    watchList,
  );

  rule(
    'as Table: each event is a Table of one row, the first with columns',
    async (world) => {
      const own = await selection(world);
      const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io';
      await watching(
        world,
        `${own.path}&resourceVersion=${own.resourceVersion}`,
        async (watch) => {
          const made = await own.make();
          await own.change(made, { data: { b: '2' } });
          const [first, second] = await drain(watch, 2);
          assert.equal(first.object.kind, 'Table');
          assert.ok(first.object.columnDefinitions.length > 0);
          assert.equal(first.object.rows.length, 1);
          assert.equal(second.object.rows[0].object.metadata.name, made.metadata.name);
        },
        accept,
      );
    },
    'API concepts: Receiving resources as Tables',
  );
  rule(
    'as PartialObjectMetadata: each event is the metadata alone',
    async (world) => {
      const own = await selection(world);
      const accept = 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io';
      await watching(
        world,
        `${own.path}&resourceVersion=${own.resourceVersion}`,
        async (watch) => {
          const made = await own.make();
          const { object } = await watch.next();
          assert.equal(object.kind, 'PartialObjectMetadata');
          assert.equal(object.metadata.uid, made.metadata.uid);
          assert.equal(object.data, undefined);
        },
        accept,
      );
    },
    'API concepts: Metadata-only fetches',
  );
});
