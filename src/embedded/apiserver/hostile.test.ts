import assert from 'node:assert/strict';
import { connect } from 'node:tls';
import { after, before, describe, test } from 'node:test';
import { withDeadline } from '../../base/deadline.ts';
import { startTestServer } from './test-server.ts';
import type { CallOptions, TestServer } from './test-server.ts';

const maps = '/api/v1/namespaces/default/configmaps';

describe('hostile requests get the right Status and harm nothing', () => {
  let server: TestServer;
  before(async () => {
    server = await startTestServer();
  });
  after(async () => {
    assert.equal((await server.call('GET', maps)).code, 200);
    assert.equal(({} as Record<string, unknown>)['polluted'], undefined);
    await server.close();
  });

  const cases: [string, string, string, CallOptions, number][] = [
    ['deep nesting', 'POST', maps, { body: '['.repeat(100_000) }, 400],
    ['body too large', 'POST', maps, { body: Buffer.alloc(4 * 1024 * 1024, 32) }, 413],
    [
      'object too large',
      'POST',
      maps,
      { body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'big' }, data: { a: 'x'.repeat(2_000_000) } } },
      422,
    ],
    ['prototype key', 'POST', maps, { body: '{"metadata":{"name":"a"},"__proto__":{"polluted":1}}' }, 400],
    [
      'escaped prototype key',
      'POST',
      maps,
      { body: '{"metadata":{"name":"a","labels":{"\\u005f_proto__":"x"}}}' },
      400,
    ],
    [
      'prototype by merge patch',
      'PATCH',
      `${maps}/a`,
      { body: '{"__proto__":{"polluted":1}}', type: 'application/merge-patch+json' },
      400,
    ],
    ['not UTF-8', 'POST', maps, { body: Buffer.from([0xff, 0xfe, 0x7b]) }, 400],
    ['unknown media type', 'POST', maps, { body: 'x', type: 'text/html' }, 415],
    [
      'broken protobuf',
      'POST',
      maps,
      { body: Buffer.from('k8s\0\u000a\u00ff\u00ff'), type: 'application/vnd.kubernetes.protobuf' },
      400,
    ],
    [
      'YAML bomb',
      'POST',
      maps,
      {
        body: `a: &a [x]\n${Array.from({ length: 200 }, (_, i) => `b${i}: [*a,*a,*a]`).join('\n')}`,
        type: 'application/yaml',
      },
      400,
    ],
    ['dot segments', 'GET', '/api/v1/namespaces/../../etc', {}, 400],
    ['encoded slash', 'GET', '/api/v1/namespaces/a%2f..%2fb/pods', {}, 400],
    ['NUL in the path', 'GET', '/api/v1/namespaces/%00/pods', {}, 400],
    ['bad escape', 'GET', '/api/v1/%zz', {}, 400],
    ['many segments', 'GET', `/${'a/'.repeat(100)}`, {}, 400],
    ['long URL', 'GET', `/api/v1/pods?labelSelector=${'a'.repeat(40_000)}`, {}, 414],
    ['bad label selector', 'GET', '/api/v1/pods?labelSelector=%3D%3D', {}, 400],
    ['bad limit', 'GET', '/api/v1/pods?limit=-1', {}, 400],
    ['bad resourceVersion', 'GET', '/api/v1/pods?resourceVersion=abc', {}, 400],
    ['prototype as resource', 'GET', '/api/v1/__proto__', {}, 404],
    ['prototype as group', 'GET', '/apis/constructor/v1', {}, 404],
    ['prototype as field', 'GET', '/api/v1/pods?fieldSelector=constructor%3Dx', {}, 400],
    ['Pod without a spec', 'POST', '/api/v1/namespaces/default/pods', { body: { metadata: { name: 'p' } } }, 422],
    [
      'Pod of wrong types',
      'POST',
      '/api/v1/namespaces/default/pods',
      { body: { metadata: { name: 'p' }, spec: { containers: [null, 7] } } },
      422,
    ],
    [
      'definition of wrong types',
      'POST',
      '/apis/apiextensions.k8s.io/v1/customresourcedefinitions',
      {
        body: {
          metadata: { name: 'x.y.z' },
          spec: { group: 'y.z', scope: 'Cluster', names: { plural: 'x', kind: 'X' }, versions: [null] },
        },
      },
      422,
    ],
    [
      'status of wrong types',
      'PUT',
      '/api/v1/namespaces/default/status',
      { body: { metadata: { name: 'default' }, status: 'x' } },
      422,
    ],
    ['ConfigMap of wrong types', 'POST', maps, { body: { metadata: { name: 'c' }, data: { a: { b: 1 } } } }, 422],
    [
      'Secret of wrong types',
      'POST',
      '/api/v1/namespaces/default/secrets',
      { body: { metadata: { name: 'c' }, stringData: 7 } },
      422,
    ],
    ['unknown method', 'OPTIONS', '/api/v1/pods', {}, 405],
    [
      'huge JSON patch',
      'PATCH',
      `${maps}/a`,
      {
        body: JSON.stringify(Array.from({ length: 10_001 }, () => ({ op: 'add', path: '/a', value: 1 }))),
        type: 'application/json-patch+json',
      },
      413,
    ],
    [
      'prototype by JSON patch',
      'PATCH',
      `${maps}/a`,
      { body: '[{"op":"add","path":"/__proto__/polluted","value":1}]', type: 'application/json-patch+json' },
      422,
    ],
  ];
  before(async () => {
    await server.call('POST', maps, { body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' } } });
  });
  for (const [name, method, path, options, code] of cases) {
    test(name, async () => {
      const answer = await server.call(method, path, options);
      assert.equal(answer.code, code, answer.text.slice(0, 300));
      assert.equal(answer.json.kind, 'Status');
    });
  }

  for (const [name, bytes] of [
    ['no HTTP at all', 'hello\r\n\r\n'],
    ['header flood', `GET / HTTP/1.1\r\n${'X-A: b\r\n'.repeat(20_000)}\r\n`],
    ['two lengths', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx'],
  ] as const) {
    test(name, async () => {
      const { ca, client } = server.certificates;
      const socket = connect({ host: '127.0.0.1', port: server.port, ca: ca.cert, ...client });
      socket.on('error', () => undefined);
      socket.write(bytes);
      let text = '';
      const ended = (async () => {
        for await (const chunk of socket as AsyncIterable<Buffer>) {
          text += chunk.toString('latin1');
        }
      })().catch(() => undefined);
      await withDeadline(ended, 5000, 'the end of the connection');
      assert.match(text, /^HTTP\/1\.1 4\d\d |^$/u);
    });
  }
});
