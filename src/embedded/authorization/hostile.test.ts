/** Ways around the authorizer that must not be there. Over HTTPS, by tokens of users who may do little. */
import assert from 'node:assert/strict';
import { connect } from 'node:tls';
import { after, before, describe, test } from 'node:test';
import { withDeadline } from '../../base/deadline.ts';
import { startTestServer } from '../apiserver/test-server.ts';
import type { Answer, CallOptions, Json, TestServer } from '../apiserver/test-server.ts';

const rbac = '/apis/rbac.authorization.k8s.io/v1';
const api = 'rbac.authorization.k8s.io/v1';
const maps = '/api/v1/namespaces/default/configmaps';

describe('a user who may little', () => {
  let server: TestServer;
  before(async () => {
    server = await startTestServer({
      auth: {
        tokens: [
          { token: 'nobody-token', user: { name: 'nobody', groups: [] } },
          { token: 'reader-token', user: { name: 'reader', groups: ['readers'] } },
          { token: 'actor-token', user: { name: 'actor', groups: [] } },
        ],
        policies: [
          {
            roles: [
              role('read-one', [
                { verbs: ['get', 'list', 'watch'], apiGroups: [''], resources: ['configmaps'], resourceNames: ['one'] },
              ]),
              role('act', [
                { verbs: ['impersonate'], apiGroups: [''], resources: ['users'], resourceNames: ['reader'] },
                { verbs: ['impersonate'], apiGroups: [''], resources: ['groups'], resourceNames: ['readers'] },
                {
                  verbs: ['impersonate'],
                  apiGroups: ['authentication.k8s.io'],
                  resources: ['userextras/scope'],
                  resourceNames: ['a'],
                },
              ]),
              role('role-writer', [
                {
                  verbs: ['create', 'update', 'patch', 'get'],
                  apiGroups: ['rbac.authorization.k8s.io'],
                  resources: ['*'],
                },
              ]),
            ],
            bindings: [bind('read-one', 'reader'), bind('act', 'actor'), bind('role-writer', 'reader')],
          },
        ],
      },
      delegated: [
        {
          group: 'sub.example.com',
          versions: ['v1'],
          resources: [{ name: 'things/start', singularName: '', namespaced: true, kind: 'Thing', verbs: ['update'] }],
          handle: async () => ({ code: 202 }),
        },
      ],
    });
    for (const name of ['one', 'two']) {
      await server.call('POST', maps, { body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } } });
    }
  });
  after(async () => {
    await server.close();
  });

  function role(name: string, rules: Json[]): Json {
    return { apiVersion: api, kind: 'ClusterRole', metadata: { name }, rules };
  }
  function bind(name: string, user: string): Json {
    return {
      apiVersion: api,
      kind: 'ClusterRoleBinding',
      metadata: { name },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
      subjects: [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: user }],
    };
  }
  function as(user: string, method: string, path: string, more: CallOptions = {}): Promise<Answer> {
    const headers = { Authorization: `Bearer ${user}-token`, ...more.headers };
    return server.call(method, path, { ...more, anonymous: true, headers });
  }

  test('no spelling of a path gets past', async () => {
    const paths = [
      '/api/v1/secrets',
      '/api/v1/secrets/',
      '//api/v1/secrets',
      '/%61pi/v1/secrets',
      '/api/v1/%73ecrets',
      '/api/v1/namespaces/default/secrets/',
      '/api/v1/namespaces/default%2fsecrets',
      '/api/v1/namespaces/default/secrets/..%2fconfigmaps/one',
      '/livez/../api/v1/secrets',
      '/livez/%2e%2e/api/v1/secrets',
      '/openapi/../api/v1/secrets',
      '/api/v1/./secrets',
      '/api//v1/secrets',
      '/api/v1/watch/secrets',
      '/api/v1/secrets?watch=true',
      '/api/v1/secrets?watch=1&watch=0',
      '/api/v1/secrets;x=y',
      '/api/v1/secrets%00',
      '/api/v1/SECRETS',
      '/API/v1/secrets',
      '/apis//v1/secrets',
      '/apis/core/v1/secrets',
      '/apis/sub.example.com/v1/namespaces/default/things/x/start',
      '/apis/sub.example.com/v1/namespaces/default/things/x/start/more',
      '/metrics',
      '/.well-known/openid-configuration',
      '/openid/v1/jwks',
      '/debug/pprof',
      '/logs',
    ];
    for (const path of paths) {
      const answer = await as('nobody', 'GET', path);
      assert.ok([400, 403, 404].includes(answer.code), `${path}: ${answer.code} ${answer.text.slice(0, 80)}`);
      assert.equal(answer.json.kind, 'Status', path);
    }
  });

  test('a path below a public one is answered as public, whatever it says', async () => {
    assert.equal((await as('nobody', 'GET', '/healthz/..;/api/v1/secrets')).text, 'ok');
  });

  test('no method gets past', async () => {
    for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND', 'TRACE']) {
      const answer = await as('nobody', method, '/api/v1/namespaces/default/secrets/x', {
        headers: {
          'X-HTTP-Method-Override': 'GET',
          'X-Original-URL': '/livez',
          'X-Remote-User': 'admin',
          'X-Remote-Group': 'system:masters',
        },
      });
      assert.equal(answer.code, 403, method);
    }
  });

  test('a name in a rule is the only one that is seen', async () => {
    assert.equal((await as('reader', 'GET', `${maps}/one`)).code, 200);
    assert.equal((await as('reader', 'GET', `${maps}/two`)).code, 403);
    assert.equal((await as('reader', 'GET', maps)).code, 403);
    const one = await as('reader', 'GET', `${maps}?fieldSelector=metadata.name%3Done`);
    assert.deepEqual(
      one.json.items.map((item: Json) => item.metadata.name),
      ['one'],
    );
    for (const query of [
      'fieldSelector=metadata.name%3Dtwo',
      'fieldSelector=metadata.name!%3Done',
      'fieldSelector=metadata.namespace%3Done',
      'fieldSelector=&fieldSelector=metadata.name%3Done',
      'labelSelector=metadata.name%3Done',
    ]) {
      assert.equal((await as('reader', 'GET', `${maps}?${query}`)).code, 403, query);
    }
    const both = await as(
      'reader',
      'GET',
      `${maps}?fieldSelector=metadata.name%3Done&fieldSelector=metadata.name%3Dtwo`,
    );
    assert.deepEqual(
      both.json.items?.map((item: Json) => item.metadata.name),
      ['one'],
    );
  });

  test('impersonation takes on only what is allowed, each part of it', async () => {
    const review = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' };
    const whoAmI = (headers: Record<string, string>): Promise<Answer> =>
      as('actor', 'POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', { body: review, headers });
    const good = await whoAmI({
      'Impersonate-User': 'reader',
      'Impersonate-Group': 'readers',
      'Impersonate-Extra-Scope': 'a',
    });
    assert.equal(good.code, 201, good.text);
    assert.deepEqual(good.json.status.userInfo, {
      username: 'reader',
      groups: ['readers', 'system:authenticated'],
      extra: { scope: ['a'] },
    });
    const refused: [Record<string, string>, RegExp][] = [
      [
        { 'Impersonate-User': 'admin' },
        /users "admin" is forbidden: User "actor" cannot impersonate resource "users" in API group "" at the cluster scope/,
      ],
      [{ 'Impersonate-User': 'reader', 'Impersonate-Group': 'system:masters' }, /groups "system:masters" is forbidden/],
      [
        { 'Impersonate-User': 'reader', 'Impersonate-Extra-Scope': 'b' },
        /cannot impersonate resource "userextras\/scope"/,
      ],
      [{ 'Impersonate-User': 'reader', 'Impersonate-Extra-Sc%6fpe': 'b' }, /userextras\/scope/],
      [{ 'Impersonate-User': 'reader', 'Impersonate-Uid': '1' }, /cannot impersonate resource "uids"/],
      [
        { 'Impersonate-User': 'system:serviceaccount:default:default' },
        /serviceaccounts "default" is forbidden[^]*in the namespace "default"/,
      ],
      [{ 'Impersonate-User': 'system:admin' }, /forbidden/],
    ];
    for (const [headers, message] of refused) {
      const answer = await whoAmI(headers);
      assert.equal(answer.code, 403, JSON.stringify(headers));
      assert.match(answer.json.message, message);
    }
    assert.equal((await whoAmI({ 'Impersonate-Group': 'system:masters' })).code, 500);
    const through = await as('actor', 'GET', `${maps}/one`, { headers: { 'Impersonate-User': 'reader' } });
    assert.equal(through.code, 200);
    assert.equal((await as('actor', 'GET', `${maps}/one`)).code, 403);
  });

  test('several Impersonate-Group lines are several groups, each asked for', async () => {
    const { ca } = server.certificates;
    const socket = connect({ host: '127.0.0.1', port: server.port, ca: ca.cert, ALPNProtocols: ['http/1.1'] });
    const lines = [
      'GET /api/v1/namespaces/default/configmaps HTTP/1.1',
      'Host: x',
      'Authorization: Bearer actor-token',
      'Impersonate-User: reader',
      'Impersonate-Group: readers',
      'Impersonate-Group: system:masters',
      'Connection: close',
    ];
    socket.write(`${lines.join('\r\n')}\r\n\r\n`);
    const text = async (): Promise<string> => {
      let all = '';
      for await (const chunk of socket as AsyncIterable<Buffer>) {
        all += chunk.toString('utf8');
      }
      return all;
    };
    const answer = await withDeadline(text(), 10_000, 'an answer');
    assert.match(answer, /^HTTP\/1\.1 403/);
    assert.match(answer, /groups \\"system:masters\\" is forbidden/);
  });

  test('who may write roles does not rise by it', async () => {
    const everything = [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }];
    const attempts: [string, string, Json][] = [
      ['POST', `${rbac}/clusterroles`, role('rise', everything)],
      ['POST', `${rbac}/namespaces/default/roles`, { ...role('rise', everything), kind: 'Role' }],
      ['POST', `${rbac}/clusterroles`, role('rise', [{ verbs: ['get'], apiGroups: [''], resources: ['secrets'] }])],
      ['POST', `${rbac}/clusterroles`, role('rise', [{ verbs: ['get'], apiGroups: [''], resources: ['configmaps'] }])],
      [
        'POST',
        `${rbac}/clusterroles`,
        role('rise', [{ verbs: ['escalate', 'bind'], apiGroups: ['rbac.authorization.k8s.io'], resources: ['*'] }]),
      ],
      ['POST', `${rbac}/clusterroles`, role('rise', [{ verbs: ['get'], nonResourceURLs: ['/metrics'] }])],
      [
        'POST',
        `${rbac}/clusterroles`,
        { ...role('rise', []), aggregationRule: { clusterRoleSelectors: [{ matchLabels: { a: 'b' } }] } },
      ],
      ['POST', `${rbac}/clusterrolebindings`, { ...bind('cluster-admin', 'reader'), metadata: { name: 'rise' } }],
      [
        'POST',
        `${rbac}/namespaces/default/rolebindings`,
        { ...bind('edit', 'reader'), kind: 'RoleBinding', metadata: { name: 'rise' } },
      ],
      [
        'POST',
        `${rbac}/namespaces/default/rolebindings`,
        { ...bind('absent', 'reader'), kind: 'RoleBinding', metadata: { name: 'rise' } },
      ],
      ['PATCH', `${rbac}/clusterroles/read-one`, { rules: everything }],
      [
        'PATCH',
        `${rbac}/clusterroles/read-one`,
        { rules: [{ verbs: ['get'], apiGroups: [''], resources: ['configmaps'] }] },
      ],
      ['PATCH', `${rbac}/clusterrolebindings/act`, { subjects: bind('act', 'reader').subjects }],
      ['PATCH', `${rbac}/clusterrolebindings/read-one`, { roleRef: bind('cluster-admin', 'reader').roleRef }],
      ['PATCH', `${rbac}/clusterroles/read-one?dryRun=All`, { rules: everything }],
    ];
    for (const [method, path, body] of attempts) {
      const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
      const answer = await as('reader', method, path, { body, type });
      assert.ok([403, 404, 422].includes(answer.code), `${method} ${path} ${JSON.stringify(body)}: ${answer.text}`);
    }
    const applied = await as('reader', 'PATCH', `${rbac}/clusterroles/rise?fieldManager=me&force=true`, {
      body: role('rise', everything),
      type: 'application/apply-patch+yaml',
    });
    assert.equal(applied.code, 403, applied.text);
    assert.equal((await server.call('GET', `${rbac}/clusterroles/rise`)).code, 404);
    // What it holds itself it may give on.
    const held = role('same', [{ verbs: ['get'], apiGroups: [''], resources: ['configmaps'], resourceNames: ['one'] }]);
    assert.equal((await as('reader', 'POST', `${rbac}/clusterroles`, { body: held })).code, 201);
  });

  test('tokens that are not whole are nobody’s', async () => {
    const good = await server.call('POST', '/api/v1/namespaces/default/serviceaccounts/default/token', {
      body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} },
    });
    assert.equal(good.code, 201, good.text);
    const { token } = good.json.status;
    const none = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${token.split('.')[1]}.`;
    const call = (authorization: string): Promise<Answer> =>
      server.call('GET', '/api', { anonymous: true, headers: { Authorization: authorization } });
    assert.equal((await call(`Bearer ${token}`)).code, 200);
    assert.equal((await call(`bearer  ${token}`)).code, 200);
    for (const bad of [none, `${token}x`, token.slice(1), 'x', '']) {
      assert.equal((await call(`Bearer ${bad}`)).code, 401, bad.slice(0, 20));
    }
    for (const bad of [token, `Basic ${token}`, `Bearer ${token} x`, `Bearer\t`]) {
      assert.equal((await call(bad)).code, 401, bad.slice(0, 20));
    }
    // A bad token is not passed over for a good certificate.
    assert.equal((await server.call('GET', maps, { headers: { Authorization: 'Bearer x' } })).code, 401);
  });

  test('a token for others is not good here', async () => {
    const asked = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { audiences: ['vault'] } };
    const path = '/api/v1/namespaces/default/serviceaccounts/default/token';
    const { json } = await server.call('POST', path, { body: asked });
    const bearer = { anonymous: true, headers: { Authorization: `Bearer ${json.status.token}` } };
    assert.equal((await server.call('GET', '/api', bearer)).code, 401);
    const review = (audiences: string[]): Promise<Answer> =>
      server.call('POST', '/apis/authentication.k8s.io/v1/tokenreviews', {
        body: {
          apiVersion: 'authentication.k8s.io/v1',
          kind: 'TokenReview',
          spec: { token: json.status.token, audiences },
        },
      });
    assert.equal((await review(['vault'])).json.status.authenticated, true);
    assert.equal((await review([])).json.status.authenticated, undefined);
    assert.match((await review(['x'])).json.status.error, /audiences/);
  });

  test('what a token request may not ask for', async () => {
    const path = '/api/v1/namespaces/default/serviceaccounts/default/token';
    const bad: [Json, number, RegExp][] = [
      [{ expirationSeconds: 599 }, 422, /may not specify a duration less than 10 minutes/],
      [{ expirationSeconds: 2 ** 33 }, 422, /larger than 2\^32 seconds/],
      [{ expirationSeconds: 'x' }, 422, /whole number/],
      [{ audiences: [5] }, 422, /audiences/],
      [{ boundObjectRef: { kind: 'ConfigMap', name: 'one' } }, 422, /boundObjectRef.kind/],
      [{ boundObjectRef: { kind: 'Secret', name: 'none' } }, 404, /secrets "none" not found/],
      [{ boundObjectRef: { kind: 'Secret', name: '../x' } }, 422, /must be the name/],
      [{ boundObjectRef: { kind: '__proto__', name: 'x' } }, 422, /boundObjectRef.kind/],
    ];
    for (const [spec, code, message] of bad) {
      const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec };
      const answer = await server.call('POST', path, { body });
      assert.equal(answer.code, code, answer.text);
      assert.match(answer.json.message, message);
    }
    assert.equal((await as('nobody', 'POST', path, { body: {} })).code, 403);
    assert.equal((await server.call('POST', path.replace('/default/token', '/none/token'), { body: {} })).code, 404);
  });

  test('a Secret for a token names its account', async () => {
    const body = {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 's' },
      type: 'kubernetes.io/service-account-token',
    };
    const answer = await server.call('POST', '/api/v1/namespaces/default/secrets', { body });
    assert.equal(answer.code, 422, answer.text);
    assert.match(answer.json.message, /metadata.annotations\[kubernetes.io\/service-account.name\]: Required value/);
  });

  test('a bound token fits its Secret by uid', async () => {
    const secret = await server.call('POST', '/api/v1/namespaces/default/secrets', {
      body: { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'binder' } },
    });
    const path = '/api/v1/namespaces/default/serviceaccounts/default/token';
    const request = (uid: string): Promise<Answer> =>
      server.call('POST', path, {
        body: {
          apiVersion: 'authentication.k8s.io/v1',
          kind: 'TokenRequest',
          spec: { boundObjectRef: { kind: 'Secret', apiVersion: 'v1', name: 'binder', uid } },
        },
      });
    assert.equal((await request('other')).code, 409);
    const { json } = await request(secret.json.metadata.uid);
    const bearer = { anonymous: true, headers: { Authorization: `Bearer ${json.status.token}` } };
    assert.equal((await server.call('GET', '/api', bearer)).code, 200);
    await server.call('DELETE', '/api/v1/namespaces/default/secrets/binder');
    assert.equal((await server.call('GET', '/api', bearer)).code, 401);
  });

  test('the issuer’s documents are for ServiceAccounts and can check a token', async () => {
    const issued = await server.call('POST', '/api/v1/namespaces/default/serviceaccounts/default/token', { body: {} });
    const bearer = { anonymous: true, headers: { Authorization: `Bearer ${issued.json.status.token}` } };
    const configuration = await server.call('GET', '/.well-known/openid-configuration', bearer);
    assert.equal(configuration.json.jwks_uri, `${configuration.json.issuer}/openid/v1/jwks`);
    const keys = JSON.parse((await server.call('GET', '/openid/v1/jwks', bearer)).text);
    const { subtle } = globalThis.crypto;
    const algorithm = { name: 'ECDSA', namedCurve: 'P-256' };
    const key = await subtle.importKey('jwk', keys.keys[0], algorithm, false, ['verify']);
    const [head, body, signature] = issued.json.status.token.split('.');
    const signed = new TextEncoder().encode(`${head}.${body}`);
    const bytes = Buffer.from(signature, 'base64url');
    assert.ok(await subtle.verify({ name: 'ECDSA', hash: 'SHA-256' }, key, bytes, signed));
    assert.equal(keys.keys[0].d, undefined);
  });

  test('reviews of access', async () => {
    const ask = (resource: string, kind: string, spec: Json, namespace = ''): Promise<Answer> =>
      server.call('POST', `/apis/authorization.k8s.io/v1${namespace}/${resource}`, {
        body: { apiVersion: 'authorization.k8s.io/v1', kind, spec },
      });
    const attributes = { verb: 'get', resource: 'configmaps', name: 'one', namespace: 'default' };
    const subject = await ask('subjectaccessreviews', 'SubjectAccessReview', {
      user: 'reader',
      resourceAttributes: attributes,
    });
    assert.equal(subject.json.status.allowed, true);
    assert.match(
      subject.json.status.reason,
      /RBAC: allowed by ClusterRoleBinding "read-one" of ClusterRole "read-one"/,
    );
    const group = await ask('subjectaccessreviews', 'SubjectAccessReview', {
      groups: ['system:masters'],
      resourceAttributes: { verb: 'x', resource: 'y' },
    });
    assert.equal(group.json.status.allowed, true);
    const refused: [string, string, Json, string, number][] = [
      ['subjectaccessreviews', 'SubjectAccessReview', { resourceAttributes: attributes }, '', 422],
      ['subjectaccessreviews', 'SubjectAccessReview', { user: 'x' }, '', 422],
      [
        'selfsubjectaccessreviews',
        'SelfSubjectAccessReview',
        { resourceAttributes: {}, nonResourceAttributes: {} },
        '',
        422,
      ],
      [
        'localsubjectaccessreviews',
        'LocalSubjectAccessReview',
        { user: 'x', resourceAttributes: attributes },
        '/namespaces/kube-system',
        400,
      ],
      ['selfsubjectrulesreviews', 'SelfSubjectRulesReview', {}, '', 400],
    ];
    for (const [resource, kind, spec, namespace, code] of refused) {
      assert.equal((await ask(resource, kind, spec, namespace)).code, code, `${kind} ${JSON.stringify(spec)}`);
    }
    assert.equal(
      (await as('reader', 'POST', '/apis/authorization.k8s.io/v1/subjectaccessreviews', { body: {} })).code,
      403,
    );
  });
});

test('who shows nothing may, where that is wanted, what is public', async () => {
  const server = await startTestServer({ auth: { anonymous: true } });
  try {
    const refused = await server.call('GET', maps, { anonymous: true });
    assert.equal(refused.code, 403);
    assert.match(refused.json.message, /User "system:anonymous" cannot list resource "configmaps"/);
    assert.equal((await server.call('GET', '/version', { anonymous: true })).code, 200);
    assert.equal((await server.call('GET', '/api', { anonymous: true })).code, 403);
    assert.equal(
      (await server.call('GET', '/api', { anonymous: true, headers: { Authorization: 'Bearer x' } })).code,
      401,
    );
  } finally {
    await server.close();
  }
});
