/** Hostile paths, queries, headers, methods and patches. */
import { maps } from './bodies.ts';
import type { HostileCase } from './bodies.ts';

const get = (name: string, path: string, code: HostileCase['code'], more: Partial<HostileCase> = {}): HostileCase => ({
  name,
  method: 'GET',
  path,
  code,
  ...more,
});

export const paths: readonly HostileCase[] = [
  get('dot segments', '/api/v1/namespaces/../../etc', 400),
  get('a dot segment at the end', '/api/v1/namespaces/..', 400),
  get('a single dot', '/api/./v1', 400),
  get('dot segments in escapes', '/api/v1/namespaces/%2e%2e/pods', 400),
  get('dot segments in escapes, twice', '/api/v1/namespaces/%252e%252e/pods', [200, 400, 404]),
  get('an escaped slash', '/api/v1/namespaces/a%2fb/pods', 400),
  get('an escaped slash and dots', '/api/v1/namespaces/a%2f..%2f..%2fetc/pods', 400),
  get('an escaped backslash', '/api/v1/namespaces/a%5cb/pods', 400),
  get('an escaped NUL', '/api/v1/namespaces/%00/pods', 400),
  get('an escaped line feed', '/api/v1/namespaces/a%0ab/pods', 400),
  get('an escaped DEL', '/api/v1/namespaces/a%7fb/pods', 400),
  get('a bad escape', '/api/v1/%zz', 400),
  get('half an escape', '/api/v1/namespaces/%2', 400),
  get('an overlong escape', '/api/v1/namespaces/%c0%af/pods', 400),
  get('an escape that is no UTF-8', '/api/v1/namespaces/%ff/pods', 400),
  get('empty segments', '/api//v1', 400),
  get('empty segments at the start', '//api/v1', [400, 404]),
  get('an empty name', `${maps}//a`, 400),
  get('parameters in a segment', '/api/v1;x=y/pods', 404),
  get('a semicolon and dots', '/api/v1/..;/pods', [400, 404]),
  get('100 segments', `/${'a/'.repeat(100)}`, 400),
  get('10,000 segments', `/${'a/'.repeat(10_000)}`, [400, 414]),
  get('a path of 40,000 characters', `/api/v1/${'a'.repeat(40_000)}`, 414),
  get('a name of 10,000 characters', `${maps}/${'a'.repeat(10_000)}`, [400, 404]),
  get('__proto__ as a resource', '/api/v1/__proto__', 404),
  get('__proto__ as a namespace', '/api/v1/namespaces/__proto__/pods', [200, 404]),
  get('__proto__ as a name', `${maps}/__proto__`, 404),
  get('__proto__ as a group', '/apis/__proto__/v1', 404),
  get('__proto__ as a version', '/apis/apps/__proto__', 404),
  get('constructor as a group', '/apis/constructor/v1', 404),
  get('constructor as a resource', '/api/v1/namespaces/default/constructor', 404),
  get('hasOwnProperty as a subresource', `${maps}/a/hasOwnProperty`, 404),
  get('a path below a subresource', `${maps}/a/status/more`, 404),
  get('an OpenAPI path with dots', '/openapi/v3/../../etc/passwd', 400),
  get('an OpenAPI path of nobody', '/openapi/v3/apis/__proto__/v1', 404),
  get('a public path with more', '/version/../api/v1/secrets', 400),
  get('a health path with more', '/livez/../../api/v1/secrets', 400),
  get('upper case', '/API/V1/PODS', 404),
  get('unicode that looks like ASCII', `/api/v1/namespaces/default/${encodeURIComponent('configmapｓ')}`, 404),
  get('a store key as a name', `${maps}/${encodeURIComponent('/registry/secrets/default/x')}`, 400),
];

export const queries: readonly HostileCase[] = [
  get('a label selector that is none', `${maps}?labelSelector=%3D%3D`, 400),
  get('a label selector of 20,000 characters', `${maps}?labelSelector=${'a'.repeat(20_000)}`, 400),
  get(
    'a label selector of 8,000 requirements',
    `${maps}?labelSelector=${Array.from({ length: 8000 }, () => 'a').join(',')}`,
    [200, 400],
  ),
  get(
    'a label selector with 5,000 values',
    `${maps}?labelSelector=a+in+(${Array.from({ length: 5000 }, () => 'v').join(',')})`,
    [200, 400],
  ),
  get('a label selector of brackets', `${maps}?labelSelector=${'('.repeat(5000)}`, 400),
  get('a label selector of exclamation marks', `${maps}?labelSelector=${'!'.repeat(5000)}`, 400),
  get('a label selector of blanks', `${maps}?labelSelector=a${'+'.repeat(10_000)}in${'+'.repeat(5000)}`, 400),
  get('a label selector that backtracks', `${maps}?labelSelector=${'a-'.repeat(5000)}!`, 400),
  get('a label selector of __proto__', `${maps}?labelSelector=__proto__%3Dx`, [200, 400]),
  get('a label selector of constructor', `${maps}?labelSelector=constructor`, 200),
  get('a label selector with a huge number', `${maps}?labelSelector=a%3E${'9'.repeat(60)}`, [200, 400]),
  get('a field selector that is none', `${maps}?fieldSelector=%3D`, 400),
  get('a field selector of constructor', `${maps}?fieldSelector=constructor%3Dx`, 400),
  get('a field selector of __proto__', `${maps}?fieldSelector=__proto__%3Dx`, 400),
  get('a field selector of backslashes', `${maps}?fieldSelector=metadata.name%3D${'%5C'.repeat(3000)}`, [200, 400]),
  get(
    'a field selector of 3,000 requirements',
    `${maps}?fieldSelector=${Array.from({ length: 1500 }, () => 'metadata.name!=x').join(',')}`,
    [200, 400],
  ),
  get('a limit below zero', `${maps}?limit=-1`, 400),
  get('a limit of 2^80', `${maps}?limit=1208925819614629174706176`, 400),
  get('a limit that is a fraction', `${maps}?limit=1.5`, 400),
  get('a limit in hexadecimal', `${maps}?limit=0x10`, 400),
  get('a continue token of garbage', `${maps}?continue=garbage`, 400),
  ...(
    [
      ['of nothing', {}],
      ['of another shape', [1, 2]],
      ['of a negative revision', { v: 'meta.k8s.io/v1', rv: -1, start: 'a' }],
      ['with dots', { v: 'meta.k8s.io/v1', rv: 1, start: '../../secrets/default/a\0' }],
      ['of 100,000 characters', { v: 'meta.k8s.io/v1', rv: 1, start: 'a'.repeat(10_000) }],
      ['of a fraction', { v: 'meta.k8s.io/v1', rv: 1.5, start: 'a' }],
      ['of null', null],
    ] as const
  ).map(([what, token]) =>
    get(
      `a forged continue token ${what}`,
      `${maps}?continue=${Buffer.from(JSON.stringify(token)).toString('base64url')}`,
      400,
    ),
  ),
  get(
    'a forged continue token of the future',
    `${maps}?continue=${Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', rv: 9e12, start: 'a' })).toString('base64url')}`,
    [400, 410, 504],
  ),
  get('a resourceVersion that is a text', `${maps}?resourceVersion=abc`, 400),
  get('a resourceVersion below zero', `${maps}?resourceVersion=-5`, 400),
  get('a resourceVersion of 2^100', `${maps}?resourceVersion=1267650600228229401496703205376`, 400),
  get('a resourceVersion in the future', `${maps}?resourceVersion=900000000000`, 504),
  get('a match that does not exist', `${maps}?resourceVersion=1&resourceVersionMatch=__proto__`, 422),
  get('timeoutSeconds that is a text', `${maps}?watch=true&timeoutSeconds=soon`, 400),
  get('timeoutSeconds below zero', `${maps}?watch=true&timeoutSeconds=-1`, 400),
  get('a watch with a bad selector', `${maps}?watch=true&fieldSelector=spec.x%3Dy`, 400),
  get('a dry run that does not exist', `${maps}?dryRun=Some`, 422, {
    method: 'POST',
    body: { metadata: { name: 'hostile' } },
  }),
  get('a fieldValidation that does not exist', `${maps}?fieldValidation=__proto__`, 422, {
    method: 'POST',
    body: { metadata: { name: 'hostile' } },
  }),
  get('a field manager of 10,000 characters', `${maps}?fieldManager=${'m'.repeat(10_000)}`, 422, {
    method: 'POST',
    body: { metadata: { name: 'hostile' } },
  }),
  get('3,000 parameters', `${maps}?${Array.from({ length: 3000 }, (_, index) => `p${index}=1`).join('&')}`, 200),
  get('one parameter 3,000 times', `${maps}?${'limit=1&'.repeat(3000)}`, 200),
  get('a query of bad escapes', `${maps}?labelSelector=%zz%`, [200, 400]),
  get('a query of NULs', `${maps}?labelSelector=%00%00`, 400),
  get('__proto__ as a parameter', `${maps}?__proto__=1&constructor=2`, 200),
  get('a URL of 40,000 characters', `${maps}?labelSelector=${'a'.repeat(40_000)}`, 414),
];

export const headers: readonly HostileCase[] = [
  ...['OPTIONS', 'TRACE', 'PROPFIND', 'MKCOL', 'REPORT', 'SEARCH', 'PURGE', 'LINK'].map((method) =>
    get(`the method ${method}`, maps, 405, { method }),
  ),
  get('a method override', `${maps}/nobody`, 404, {
    headers: { 'X-HTTP-Method-Override': 'DELETE', 'X-Method-Override': 'DELETE' },
  }),
  get('a method override in the query', `${maps}/nobody?_method=DELETE`, 404),
  get('impersonation of somebody', '/api/v1/namespaces/default/secrets', [200, 403], {
    headers: { 'Impersonate-User': '__proto__' },
  }),
  get('identity by a header', '/api/v1/namespaces/default/secrets', 200, {
    headers: { 'X-Remote-User': 'nobody', 'X-Remote-Group': 'x' },
  }),
  get('a bearer token of nobody', maps, 401, { headers: { Authorization: 'Bearer nobody' } }),
  get('a bearer token of 20,000 characters', maps, 401, { headers: { Authorization: `Bearer ${'t'.repeat(20_000)}` } }),
  get('a bearer token without a token', maps, 401, { headers: { Authorization: 'Bearer ' } }),
  get('basic authorization', maps, 401, { headers: { Authorization: 'Basic YTpi' } }),
  get('a token that looks like a JWT', maps, 401, { headers: { Authorization: 'Bearer e30.e30.e30' } }),
  get('a JWT of the algorithm none', maps, 401, {
    headers: {
      Authorization: `Bearer ${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from('{"sub":"system:admin"}').toString('base64url')}.`,
    },
  }),
  get('an Accept of nothing known', maps, 406, { headers: { Accept: 'image/png' } }),
  get('an Accept of 5,000 types', maps, [200, 406], {
    headers: { Accept: Array.from({ length: 5000 }, () => 'a/b').join(',') },
  }),
  get('an Accept of semicolons', maps, [200, 406], { headers: { Accept: `application/json${';'.repeat(10_000)}` } }),
  get('an Accept with __proto__', maps, [200, 406], {
    headers: { Accept: 'application/json;__proto__=x;as=__proto__;v=v1;g=meta.k8s.io' },
  }),
  get('an Accept-Encoding that backtracks', maps, 200, {
    headers: { 'Accept-Encoding': `gzip${' '.repeat(20_000)};` },
  }),
  get('a Content-Type of text', maps, 415, { method: 'POST', body: 'x', type: 'text/plain' }),
  get('a Content-Type of a form', maps, 415, { method: 'POST', body: 'a=b', type: 'multipart/form-data; boundary=x' }),
  get('a Content-Type of __proto__', maps, 415, { method: 'POST', body: 'x', type: '__proto__' }),
  get('a Content-Type of 10,000 parameters', maps, [201, 400, 415], {
    method: 'POST',
    path: `${maps}?dryRun=All`,
    body: { metadata: { name: 'hostile' } },
    type: `application/json${';a=b'.repeat(5000)}`,
  }),
  get('a cookie of 30,000 characters', maps, 200, { headers: { Cookie: 'c'.repeat(30_000) } }),
  get('a Host of another server', maps, 200, { headers: { Host: 'evil.example.com' } }),
  get('an upgrade to nothing known', maps, [400, 404, 426], { headers: { Connection: 'Upgrade', Upgrade: 'h2c' } }),
];

const patch = (
  name: string,
  type: string,
  body: HostileCase['body'],
  code: HostileCase['code'],
  path = `${maps}/target`,
): HostileCase => ({
  name,
  method: 'PATCH',
  path,
  type,
  ...(body !== undefined && { body }),
  code,
});
const json = 'application/json-patch+json';
const merge = 'application/merge-patch+json';
const strategic = 'application/strategic-merge-patch+json';
const apply = 'application/apply-patch+yaml';
const applied = `${maps}/applied?fieldManager=hostile`;
const copies = (count: number): object[] => [
  { op: 'add', path: '/metadata/annotations', value: { a: 'x'.repeat(1000) } },
  ...Array.from({ length: count }, (_, index) => ({ op: 'copy', from: '/metadata', path: `/metadata/x${index}` })),
];

export const patches: readonly HostileCase[] = [
  patch(
    'a JSON patch of 10,001 operations',
    json,
    Array.from({ length: 10_001 }, () => ({ op: 'add', path: '/a', value: 1 })),
    413,
  ),
  patch('a JSON patch that doubles 40 times', json, copies(40), [400, 413, 422]),
  patch(
    'a JSON patch with an index of 2^53',
    json,
    [
      { op: 'add', path: '/metadata/finalizers', value: [] },
      { op: 'add', path: '/metadata/finalizers/9007199254740993', value: 'x' },
    ],
    [200, 422],
  ),
  patch(
    'a JSON patch with an index below zero',
    json,
    [
      { op: 'add', path: '/metadata/finalizers', value: [] },
      { op: 'add', path: '/metadata/finalizers/-5', value: 'x' },
    ],
    422,
  ),
  patch('a JSON patch to __proto__', json, '[{"op":"add","path":"/__proto__/polluted","value":1}]', 422),
  patch(
    'a JSON patch to constructor.prototype',
    json,
    [{ op: 'add', path: '/constructor/prototype/polluted', value: 1 }],
    422,
  ),
  patch('a JSON patch that adds __proto__', json, '[{"op":"add","path":"/data/__proto__","value":"x"}]', [400, 422]),
  patch('a JSON patch with a value of __proto__', json, '[{"op":"add","path":"/data","value":{"__proto__":"x"}}]', 400),
  patch(
    'a JSON patch that moves into itself',
    json,
    [{ op: 'move', from: '/metadata', path: '/metadata/labels' }],
    [400, 422],
  ),
  patch('a JSON patch of the whole object', json, [{ op: 'replace', path: '', value: 7 }], [400, 422]),
  patch('a JSON patch that removes the whole object', json, [{ op: 'remove', path: '' }], [400, 422]),
  patch(
    'a JSON patch with a path of 10,000 steps',
    json,
    [{ op: 'add', path: '/a'.repeat(10_000), value: 1 }],
    [400, 422],
  ),
  patch('a JSON patch without a path', json, [{ op: 'add', value: 1 }], [400, 422]),
  patch('a JSON patch of numbers', json, [1, 2, 3], [400, 422]),
  patch('a JSON patch of null', json, 'null', 400),
  patch('a JSON patch with an operation of __proto__', json, [{ op: '__proto__', path: '/a' }], [400, 422]),
  patch('a merge patch of __proto__', merge, '{"__proto__":{"polluted":1}}', 400),
  patch('a merge patch that is a list', merge, [], [400, 422]),
  patch('a merge patch that is a number', merge, '7', [400, 422]),
  patch('a merge patch that is null', merge, 'null', [400, 422]),
  patch('a merge patch, 10,000 deep', merge, `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`, 400),
  patch('a merge patch of metadata null', merge, { metadata: null }, [200, 400, 422]),
  patch('a merge patch of a kind', merge, { kind: 'Secret' }, [400, 409, 422]),
  patch('a strategic patch of a bad directive', strategic, { data: { $patch: 'explode' } }, [400, 422]),
  patch('a strategic patch of a directive that is an object', strategic, { data: { $patch: {} } }, [400, 422]),
  patch(
    'a strategic patch with garbage orders',
    strategic,
    { metadata: { '$setElementOrder/finalizers': 7 } },
    [400, 422],
  ),
  patch(
    'a strategic patch that deletes garbage',
    strategic,
    { metadata: { '$deleteFromPrimitiveList/finalizers': { a: 1 } } },
    [400, 422],
  ),
  patch('a strategic patch of __proto__', strategic, '{"metadata":{"__proto__":{"polluted":1}}}', 400),
  patch(
    'a strategic patch whose list key is missing',
    strategic,
    { metadata: { ownerReferences: [{ name: 'x' }] } },
    [400, 422],
  ),
  patch('an apply of nothing', apply, '', 400, applied),
  patch('an apply of garbage', apply, '{{{{', 400, applied),
  patch('an apply of a list', apply, '[]', 400, applied),
  patch(
    'an apply of aliases that double',
    apply,
    Array.from(
      { length: 25 },
      (_, level) => `l${level}: &l${level} [${level === 0 ? 'x' : `*l${level - 1}, *l${level - 1}`}]`,
    ).join('\n'),
    400,
    applied,
  ),
  patch(
    'an apply of __proto__',
    apply,
    '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"applied"},"__proto__":{"polluted":1}}',
    400,
    applied,
  ),
  patch(
    'an apply with forged managedFields',
    apply,
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'applied', managedFields: [{ manager: 'x' }] } },
    400,
    applied,
  ),
  patch(
    'an apply without a manager',
    apply,
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'applied' } },
    422,
    `${maps}/applied`,
  ),
  patch('a patch of no known type', 'application/x-patch', {}, 415),
  patch('a patch of a huge object', merge, { data: { a: 'x'.repeat(2_500_000) } }, [413, 422]),
];
