import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { secretType } from '../../apimachinery/core.ts';
import type { Secret } from '../../apimachinery/core.ts';
import { VmletError } from '../../base/errors.ts';
import { createMemoryClient } from '../../client/memory-client.ts';
import type { ImageStore, StoredImage } from '../volumes/image-store.ts';
import { createImagePulls } from './image-pulls.ts';
import type { PullRequest } from './image-pulls.ts';
import { readPullSecrets } from './pull-secrets.ts';

const image: StoredImage = { digest: 'sha256:1', dir: '/images/1', pulled: true };

/** A store whose pulls end when told to. */
function fakeStore() {
  const attempts: { readonly resolve: (image: StoredImage) => void; readonly reject: (error: Error) => void }[] = [];
  const store: ImageStore = {
    ensure: () => new Promise<StoredImage>((resolve, reject) => attempts.push({ resolve, reject })),
    find: async () => undefined,
    collect: async () => [],
    contentDir: (digest) => `/images/${digest}`,
  };
  return { store, attempts };
}

describe('image pulls', () => {
  function setUp() {
    let nowMs = 0;
    let settled = Promise.withResolvers<void>();
    const { store, attempts } = fakeStore();
    const reasons: string[] = [];
    const pulls = createImagePulls(store, () => nowMs);
    const request: PullRequest = {
      podUid: 'u',
      volume: 'disk-0',
      reference: 'r/x:1',
      pullPolicy: undefined,
      credentials: async () => undefined,
      onEvent: ({ reason }) => reasons.push(reason),
      onSettled: () => {
        settled.resolve();
        settled = Promise.withResolvers<void>();
      },
    };
    return {
      pulls,
      request,
      attempts,
      reasons,
      check: () => pulls.check(request),
      advance: (ms: number) => {
        nowMs += ms;
      },
      async end(index: number, how: StoredImage | Error) {
        const done = settled.promise;
        const attempt = attempts[index];
        assert.ok(attempt !== undefined, `no attempt ${index}`);
        if (how instanceof Error) {
          attempt.reject(how);
        } else {
          attempt.resolve(how);
        }
        await done;
      },
    };
  }

  it('pulls beside the loop and is ready afterwards', async () => {
    const test = setUp();
    assert.equal((await test.check()).kind, 'pulling');
    assert.equal((await test.check()).kind, 'pulling');
    assert.equal(test.attempts.length, 1);
    await test.end(0, image);
    assert.deepEqual(await test.check(), { kind: 'ready', image });
    assert.deepEqual(test.reasons, ['Pulling', 'Pulled']);
    assert.deepEqual(test.pulls.held(), new Set(['sha256:1']));
    test.pulls.forget('u');
    assert.deepEqual(test.pulls.held(), new Set());
  });

  it('backs off from 10 s to 5 min and resolves by itself', async () => {
    const test = setUp();
    const delays: number[] = [];
    const seen: string[] = [];
    await test.check();
    for (let index = 0; index < 7; index += 1) {
      await test.end(index, new VmletError('ErrImagePull', 'registry down'));
      const state = await test.check();
      assert.ok(state.kind === 'failed');
      delays.push(state.retryInMs / 1000);
      seen.push(state.reason);
      test.advance(state.retryInMs - 1);
      await test.check();
      assert.equal(test.attempts.length, index + 1, 'too early');
      test.advance(1);
      await test.check();
      assert.equal(test.attempts.length, index + 2);
    }
    assert.deepEqual(delays, [10, 20, 40, 80, 160, 300, 300]);
    assert.deepEqual(seen.slice(0, 3), ['ErrImagePull', 'ImagePullBackOff', 'ImagePullBackOff']);
    await test.end(7, image);
    assert.equal((await test.check()).kind, 'ready');
  });

  it('keeps the reasons that name another fault', async () => {
    const test = setUp();
    await test.check();
    await test.end(0, new VmletError('ErrImageNeverPull', 'not here'));
    const state = await test.check();
    assert.ok(state.kind === 'failed');
    assert.equal(state.reason, 'ErrImageNeverPull');
  });
});

describe('pull secrets', () => {
  const secret = (name: string, document: string, type = 'kubernetes.io/dockerconfigjson'): Secret => ({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace: 'ns' },
    type,
    data: { '.dockerconfigjson': Buffer.from(document).toString('base64') },
  });

  it('joins logins, takes no helpers, and names what is wrong', async () => {
    const client = createMemoryClient();
    await client.create(secretType, secret('a', '{"auths":{"r.io":{"auth":"MQ=="}},"credHelpers":{"r.io":"evil"}}'));
    await client.create(secretType, secret('b', '{"auths":{"r.io":{"auth":"Mg=="},"q.io":{"auth":"Mw=="}}}'));
    await client.create(secretType, secret('broken', '{'));
    await client.create(secretType, secret('opaque', '{"auths":{}}', 'Opaque'));
    const result = await readPullSecrets(client, 'ns', ['a', 'b', 'broken', 'opaque', 'missing']);
    assert.deepEqual(JSON.parse(result.credentials ?? ''), {
      auths: { 'r.io': { auth: 'MQ==' }, 'q.io': { auth: 'Mw==' } },
    });
    assert.deepEqual(
      result.problems.map((problem) => /ns\/(\w+) (.*?)[;.]?$/u.exec(problem)?.[1]),
      ['missing', 'opaque', 'broken'],
    );
  });

  it('is anonymous without secrets', async () => {
    assert.deepEqual(await readPullSecrets(createMemoryClient(), 'ns', []), { credentials: undefined, problems: [] });
  });
});
