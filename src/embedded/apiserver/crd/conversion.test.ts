import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { nextOf, startTestServer } from '../test-server.ts';
import type { Json, TestServer } from '../test-server.ts';
import { startTestWebhook } from '../webhooks/test-webhook.ts';
import type { Answer, TestWebhook } from '../webhooks/test-webhook.ts';

let server: TestServer;
let hook: TestWebhook;

/** v1 has `size: "2x3"`, v2 has width and height. */
const convert: Answer = ({ apiVersion, kind, request }, response) => {
  const { uid, desiredAPIVersion, objects } = request;
  const convertedObjects = objects.map((object: Json) => {
    const { size, width, height } = object.spec;
    const [first, second] = String(size).split('x').map(Number);
    const spec = desiredAPIVersion.endsWith('/v1') ? { size: `${width}x${height}` } : { width: first, height: second };
    return { ...object, apiVersion: desiredAPIVersion, spec };
  });
  response.end(
    JSON.stringify({ apiVersion, kind, response: { uid, result: { status: 'Success' }, convertedObjects } }),
  );
  return undefined;
};

const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const at = (version: string): string => `/apis/convert.example.com/${version}/namespaces/default/boxes`;

function definition(conversion: Json): Json {
  const version = (name: string, storage: boolean, properties: Json): Json => ({
    name,
    served: true,
    storage,
    schema: { openAPIV3Schema: { type: 'object', properties: { spec: { type: 'object', properties } } } },
  });
  const number = { type: 'integer' };
  return {
    metadata: { name: 'boxes.convert.example.com' },
    spec: {
      group: 'convert.example.com',
      scope: 'Namespaced',
      names: { plural: 'boxes', kind: 'Box' },
      versions: [
        version('v1', true, { size: { type: 'string' } }),
        version('v2', false, { width: number, height: number, color: { type: 'string', default: 'grey' } }),
      ],
      conversion,
    },
  };
}

before(async () => {
  server = await startTestServer();
  hook = await startTestWebhook();
  const clientConfig = { url: hook.url, caBundle: hook.caBundle };
  const conversion = { strategy: 'Webhook', webhook: { clientConfig, conversionReviewVersions: ['v1'] } };
  const wrong = await server.call('POST', definitions, { body: definition({ strategy: 'Webhook' }) });
  assert.match(
    wrong.json.message,
    /spec\.conversion\.webhook\.clientConfig: Required value: required when strategy is set to Webhook/,
  );
  const made = await server.call('POST', definitions, { body: definition(conversion) });
  assert.equal(made.code, 201, made.text);
});
beforeEach(() => {
  hook.answer = convert;
});
after(async () => {
  await hook.close();
  await server.close();
});

const type = 'application/merge-patch+json';

test('written in one version, read in the other, changed in both', async () => {
  const made = await server.call('POST', at('v2'), {
    body: { metadata: { name: 'a' }, spec: { width: 2, height: 3 } },
  });
  assert.equal(made.code, 201, made.text);
  assert.deepEqual(made.json.spec, { width: 2, height: 3, color: 'grey' });
  assert.equal(made.json.apiVersion, 'convert.example.com/v2');
  const got = await server.call('GET', `${at('v1')}/a`);
  assert.deepEqual(got.json.spec, { size: '2x3' });
  const patched = await server.call('PATCH', `${at('v2')}/a`, { body: { spec: { height: 5 } }, type });
  assert.equal(patched.code, 200, patched.text);
  assert.equal(patched.json.spec.height, 5);
  assert.deepEqual((await server.call('GET', `${at('v1')}/a`)).json.spec, { size: '2x5' });
  await server.call('PATCH', `${at('v1')}/a`, { body: { spec: { size: '7x8' } }, type });
  assert.deepEqual((await server.call('GET', `${at('v2')}/a`)).json.spec, { width: 7, height: 8, color: 'grey' });
  assert.equal((await server.call('DELETE', `${at('v2')}/a`)).code, 200);
});

test('a list is converted in few questions, and what is known is not asked again', async () => {
  for (let index = 0; index < 50; index += 1) {
    await server.call('POST', at('v1'), { body: { metadata: { name: `l${index}` }, spec: { size: `${index}x1` } } });
  }
  hook.asked.length = 0;
  const list = await server.call('GET', at('v2'));
  assert.equal(list.json.items.length, 50);
  assert.ok(list.json.items.every(({ apiVersion, spec }: Json) => apiVersion.endsWith('/v2') && spec.height === 1));
  assert.equal(hook.asked.length, 1);
  await server.call('GET', at('v2'));
  assert.equal(hook.asked.length, 1);
  await server.call('DELETE', at('v1'));
});

test('a watch converts its events, in order', async () => {
  const events = server.stream(`${at('v2')}?watch=1`);
  for (let index = 0; index < 5; index += 1) {
    await server.call('POST', at('v1'), { body: { metadata: { name: `w${index}` }, spec: { size: `${index}x2` } } });
    const { type: kind, object } = await nextOf(events);
    assert.deepEqual([kind, object.apiVersion, object.spec.width], ['ADDED', 'convert.example.com/v2', index]);
  }
  await events.return(undefined);
  await server.call('DELETE', at('v1'));
});

test('a conversion that fails says so, and other versions go on', async () => {
  await server.call('POST', at('v1'), { body: { metadata: { name: 'f' }, spec: { size: '1x1' } } });
  const answers: readonly (readonly [Answer, RegExp])[] = [
    [
      (_, response) => {
        response.writeHead(500).end('oh no');
      },
      /an error on the server \("oh no"\)/,
    ],
    [
      ({ request, ...review }, response) => {
        response.end(
          JSON.stringify({
            ...review,
            response: { uid: request.uid, result: { status: 'Failure', message: 'cannot' } },
          }),
        );
      },
      /failed: cannot$/,
    ],
    [
      ({ request, ...review }, response) => {
        response.end(
          JSON.stringify({
            ...review,
            response: { uid: request.uid, result: { status: 'Success' }, convertedObjects: [] },
          }),
        );
      },
      /it returned 0 objects, expected 1/,
    ],
    [
      ({ request, ...review }, response) => {
        const convertedObjects = request.objects.map((object: Json) => ({
          ...object,
          apiVersion: request.desiredAPIVersion,
          metadata: { ...object.metadata, name: 'other' },
        }));
        response.end(
          JSON.stringify({
            ...review,
            response: { uid: request.uid, result: { status: 'Success' }, convertedObjects },
          }),
        );
      },
      /a converted object has another metadata\.name/,
    ],
  ];
  for (const [answer, message] of answers) {
    hook.answer = answer;
    const failed = await server.call('GET', `${at('v2')}/f`);
    assert.equal(failed.code, 500);
    assert.match(failed.json.message, /^conversion webhook for convert\.example\.com\/v1, Kind=Box failed: /);
    assert.match(failed.json.message, message);
    assert.equal((await server.call('GET', `${at('v1')}/f`)).code, 200);
  }
});
