/** Hostile bodies: JSON, YAML, protobuf, and objects of the wrong shape. */
import { gzipSync } from 'node:zlib';
import type { HostileRequest } from './client.ts';

export interface HostileCase extends HostileRequest {
  readonly name: string;
  /** The one right answer, or the two that are. */
  readonly code: number | readonly number[];
}

export const maps = '/api/v1/namespaces/default/configmaps';
const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const yaml = 'application/yaml';
const protobuf = 'application/vnd.kubernetes.protobuf';

const post = (
  name: string,
  body: HostileRequest['body'],
  code: HostileCase['code'],
  more: Partial<HostileRequest> = {},
): HostileCase => ({
  name,
  method: 'POST',
  path: maps,
  ...(body !== undefined && { body }),
  code,
  ...more,
});

const nested = (open: string, close: string, depth: number): string => `${open.repeat(depth)}1${close.repeat(depth)}`;
const named = (rest: string): string => `{"metadata":{"name":"hostile"},${rest}}`;

export const jsonBodies: readonly HostileCase[] = [
  post('nothing', undefined, 400),
  post('blanks', '   \n\t ', 400),
  post('half an object', '{"metadata":{"name":"a"', 400),
  post('two objects', '{"metadata":{"name":"a"}}{"metadata":{"name":"b"}}', 400),
  post('a comma too many', '{"metadata":{"name":"a"},}', 400),
  post('single quotes', "{'metadata':{'name':'a'}}", 400),
  post('a comment', '{/* x */"metadata":{"name":"a"}}', 400),
  post('null', 'null', 400),
  post('true', 'true', 400),
  post('a text', '"text"', 400),
  post('a list of objects', '[{"metadata":{"name":"a"}}]', 400),
  post('NaN', named('"data":{"a":NaN}'), 400),
  post('Infinity', named('"data":{"a":Infinity}'), 400),
  post('a hexadecimal number', named('"data":{"a":0x10}'), 400),
  post('a leading zero', named('"data":{"a":01}'), 400),
  post('lists, 100,000 deep', '['.repeat(100_000), 400),
  post('lists that close, 100,000 deep', nested('[', ']', 100_000), 400),
  post('objects, 50,000 deep', nested('{"a":', '}', 50_000), 400),
  post('lists, 101 deep', named(`"data":${nested('[', ']', 101)}`), 400),
  post('brackets inside of a text are not deep', named(`"data":{"a":"${'['.repeat(1000)}"}`), 201, {
    path: `${maps}?dryRun=All`,
  }),
  post('an unpaired surrogate', named('"data":{"a":"\\ud800"}'), [201, 400], { path: `${maps}?dryRun=All` }),
  post('a bad escape', named('"data":{"a":"\\x41"}'), 400),
  post('a raw line feed in a text', named('"data":{"a":"\n"}'), 400),
  post('a raw NUL in a text', named('"data":{"a":"\0"}'), 400),
  post('an escaped NUL in a name', '{"metadata":{"name":"a\\u0000b"}}', 422),
  post('not UTF-8', Buffer.from([0x7b, 0xff, 0xfe, 0x7d]), 400),
  post(
    'an overlong encoding',
    Buffer.concat([Buffer.from('{"metadata":{"name":"'), Buffer.from([0xc0, 0xaf]), Buffer.from('"}}')]),
    [400, 422],
  ),
  post('a byte order mark', '\ufeff{"metadata":{"name":"a"}}', 400),
  post('UTF-16', Buffer.from('{"metadata":{"name":"a"}}', 'utf16le'), 400),
  post(
    'bad UTF-8 in a value',
    Buffer.concat([
      Buffer.from('{"metadata":{"name":"hostile"},"data":{"a":"'),
      Buffer.from([0x80]),
      Buffer.from('"}}'),
    ]),
    [201, 400],
    { path: `${maps}?dryRun=All` },
  ),
  post('__proto__ at the top', named('"__proto__":{"polluted":1}'), 400),
  post('__proto__ in metadata', '{"metadata":{"name":"hostile","__proto__":{"polluted":1}}}', 400),
  post('__proto__ as a label', '{"metadata":{"name":"hostile","labels":{"__proto__":"x"}}}', 400),
  post('__proto__ as an annotation', '{"metadata":{"name":"hostile","annotations":{"__proto__":"x"}}}', 400),
  post('__proto__ as a data key', named('"data":{"__proto__":"x"}'), 400),
  post('__proto__ in escapes', named('"\\u005f\\u005fproto__":{"polluted":1}'), 400),
  post('__proto__ in a list', named('"items":[{"__proto__":{"polluted":1}}]'), 400),
  post('constructor.prototype', named('"constructor":{"prototype":{"polluted":1}}'), 201, {
    path: `${maps}?dryRun=All`,
  }),
  post(
    'constructor as a label',
    '{"metadata":{"name":"hostile","labels":{"constructor":"x","toString":"y","hasOwnProperty":"z"}}}',
    201,
    { path: `${maps}?dryRun=All` },
  ),
  post('constructor as a data key', named('"data":{"constructor":"x","valueOf":"y"}'), 201, {
    path: `${maps}?dryRun=All`,
  }),
  post('toJSON as a key', named('"data":{"toJSON":"x"}'), 201, { path: `${maps}?dryRun=All` }),
  post('then as a key', named('"then":"x"'), 201, { path: `${maps}?dryRun=All` }),
  post('one key 20,000 times', `{"metadata":{"name":"hostile"}${',"data":{"a":"1"}'.repeat(20_000)}}`, [400, 413], {
    path: `${maps}?fieldValidation=Strict`,
  }),
  post('a huge number', `{"metadata":{"name":"hostile","generation":1${'0'.repeat(400)}}}`, [201, 400, 422], {
    path: `${maps}?dryRun=All`,
  }),
  post('a number of 1,000,000 digits', named(`"data":{"a":${'9'.repeat(1_000_000)}}`), [400, 422]),
  post('a huge exponent', named('"data":{"a":1e999999999}'), [400, 422]),
  post(
    '100,000 unknown fields',
    `{"metadata":{"name":"hostile"}${Array.from({ length: 100_000 }, (_, index) => `,"f${index}":1`).join('')}}`,
    413,
    { path: `${maps}?dryRun=All` },
  ),
  post(
    '100,000 labels',
    {
      metadata: {
        name: 'hostile',
        labels: Object.fromEntries(Array.from({ length: 100_000 }, (_, index) => [`l${index}`, 'x'])),
      },
    },
    413,
    { path: `${maps}?dryRun=All` },
  ),
  post(
    '5,000 bad labels',
    {
      metadata: {
        name: 'hostile',
        labels: Object.fromEntries(Array.from({ length: 5000 }, (_, index) => [`-${index}`, '-'])),
      },
    },
    422,
  ),
  post(
    '20,000 bad labels',
    {
      metadata: {
        name: 'hostile',
        labels: Object.fromEntries(Array.from({ length: 20_000 }, (_, index) => [`-${index}`, '-'])),
      },
    },
    413,
  ),
  post(
    '10,000 owners',
    { metadata: { name: 'hostile', ownerReferences: Array.from({ length: 10_000 }, () => ({})) } },
    422,
  ),
  post(
    '10,000 finalizers',
    { metadata: { name: 'hostile', finalizers: Array.from({ length: 10_000 }, (_, index) => `-${index}`) } },
    422,
  ),
  post('a body of 4 MiB', Buffer.alloc(4 * 1024 * 1024, 0x20), 413),
  post('a body of 64 MiB', Buffer.alloc(64 * 1024 * 1024, 0x20), 413),
  post('a value of 2 MB', { metadata: { name: 'hostile' }, data: { a: 'x'.repeat(2_000_000) } }, [413, 422]),
  post('a name of 1 MB', { metadata: { name: 'n'.repeat(1_000_000) } }, 422),
  post('a generateName of 1 MB', { metadata: { generateName: 'n'.repeat(1_000_000) } }, [201, 422], {
    path: `${maps}?dryRun=All`,
  }),
  post('a gzip body', gzipSync('{"metadata":{"name":"hostile"}}'), [400, 415], {
    headers: { 'Content-Encoding': 'gzip' },
  }),
  post('a gzip bomb', gzipSync(Buffer.alloc(100 * 1024 * 1024)), [400, 415], {
    headers: { 'Content-Encoding': 'gzip' },
  }),
];

const expansion = Array.from(
  { length: 30 },
  (_, level) => `l${level}: &l${level} [${level === 0 ? 'x' : `*l${level - 1}, *l${level - 1}, *l${level - 1}`}]`,
).join('\n');

export const otherBodies: readonly HostileCase[] = [
  post('YAML aliases that double 30 times', expansion, 400, { type: yaml }),
  post(
    'YAML with 10,000 aliases',
    `a: &a [x]\n${Array.from({ length: 10_000 }, (_, index) => `b${index}: *a`).join('\n')}`,
    400,
    { type: yaml },
  ),
  post('a YAML alias to itself', 'a: &a\n  b: *a\n', [400, 422], { type: yaml }),
  post('a YAML merge key', 'base: &b {x: 1}\nmetadata:\n  name: hostile\n  <<: *b\n', [201, 400, 422], {
    type: yaml,
    path: `${maps}?dryRun=All`,
  }),
  post('YAML flow lists, 50,000 deep', '['.repeat(50_000), 400, { type: yaml }),
  post(
    'YAML blocks, 2,000 deep',
    Array.from({ length: 2000 }, (_, index) => `${' '.repeat(index)}a:`).join('\n'),
    400,
    { type: yaml },
  ),
  post('a YAML tag of a type', 'metadata: !!js/function "x"\n', [400, 422], { type: yaml }),
  post('a YAML tag of a Python object', 'metadata: !!python/object/apply:os.system ["x"]\n', [400, 422], {
    type: yaml,
  }),
  post('YAML with __proto__', 'metadata:\n  name: hostile\n__proto__:\n  polluted: 1\n', 400, { type: yaml }),
  post('two YAML documents', 'metadata: {name: a}\n---\nmetadata: {name: b}\n', 400, { type: yaml }),
  post('YAML with a tab', 'metadata:\n\tname: a\n', 400, { type: yaml }),
  post('YAML keys that are objects', '? {a: b}\n: c\n', [400, 422], { type: yaml }),
  post('YAML with one key twice', 'metadata: {name: a}\nmetadata: {name: b}\n', 400, { type: yaml }),
  post('binary as YAML', Buffer.from([0, 1, 2, 0xff]), 400, { type: yaml }),
  post('a YAML number of 100,000 digits', `metadata:\n  name: ${'9'.repeat(100_000)}\n`, [400, 422], { type: yaml }),
  post('protobuf without its magic', Buffer.from([1, 2, 3, 4]), 400, { type: protobuf }),
  post('protobuf that is its magic alone', Buffer.from('k8s\0', 'latin1'), [400, 415], { type: protobuf }),
  post(
    'protobuf with a length of 2^63',
    Buffer.concat([Buffer.from('k8s\0', 'latin1'), Buffer.from([0x0a]), Buffer.alloc(9, 0xff), Buffer.from([0x7f])]),
    400,
    { type: protobuf },
  ),
  post(
    'protobuf with an endless varint',
    Buffer.concat([Buffer.from('k8s\0', 'latin1'), Buffer.alloc(1000, 0xff)]),
    400,
    { type: protobuf },
  ),
  post(
    'protobuf of groups that do not end',
    Buffer.concat([Buffer.from('k8s\0', 'latin1'), Buffer.alloc(10_000, 0x0b)]),
    400,
    { type: protobuf },
  ),
  post(
    'protobuf of random bytes',
    Buffer.concat([
      Buffer.from('k8s\0', 'latin1'),
      Buffer.from(Array.from({ length: 5000 }, (_, index) => (index * 7919) % 251)),
    ]),
    [400, 415],
    { type: protobuf },
  ),
];

/** An object of the wrong shape for each kind that the server itself looks into. */
const pods = '/api/v1/namespaces/default/pods';
const pod = (spec: unknown): object => ({ metadata: { name: 'hostile' }, spec });
const definition = (more: object): object => ({
  metadata: { name: 'xs.hostile.example.com' },
  spec: {
    group: 'hostile.example.com',
    scope: 'Namespaced',
    names: { plural: 'xs', kind: 'X' },
    versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }],
    ...more,
  },
});
const withSchema = (schema: unknown): object =>
  definition({ versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: schema } }] });
let deep: object = { type: 'object' };
for (let level = 0; level < 90; level += 1) {
  deep = { type: 'object', properties: { a: deep } };
}

export const wrongShapes: readonly HostileCase[] = [
  post('metadata is a text', { metadata: 'x' }, 400),
  post('metadata is a list', { metadata: [] }, [400, 422]),
  post('name is a number', { metadata: { name: 7 } }, [400, 422]),
  post('name is an object', { metadata: { name: { a: 1 } } }, [400, 422]),
  post('labels are a list', { metadata: { name: 'hostile', labels: ['a'] } }, [400, 422]),
  post('label values are objects', { metadata: { name: 'hostile', labels: { a: {} } } }, [400, 422]),
  post('finalizers are a text', { metadata: { name: 'hostile', finalizers: 'x' } }, [400, 422]),
  post('owners are numbers', { metadata: { name: 'hostile', ownerReferences: [1] } }, [400, 422]),
  post('managedFields are a text', { metadata: { name: 'hostile', managedFields: 'x' } }, [201, 400, 422], {
    path: `${maps}?dryRun=All`,
  }),
  post(
    'managedFields hold garbage',
    { metadata: { name: 'hostile', managedFields: [{ fieldsV1: { 'f:a': 7, 'k:{': {} } }, 7, null] } },
    [201, 400, 422],
    { path: `${maps}?dryRun=All` },
  ),
  post('kind is an object', { kind: {}, metadata: { name: 'hostile' } }, 400),
  post('apiVersion is a list', { apiVersion: ['v1'], metadata: { name: 'hostile' } }, 400),
  post('data is a list', { metadata: { name: 'hostile' }, data: ['x'] }, [400, 422]),
  post('data values are numbers', { metadata: { name: 'hostile' }, data: { a: 1 } }, [400, 422]),
  post('immutable is a text', { metadata: { name: 'hostile' }, immutable: 'yes' }, [400, 422]),
  post('stringData is a number', { metadata: { name: 'hostile' }, stringData: 7 }, [400, 422], {
    path: '/api/v1/namespaces/default/secrets',
  }),
  post('Secret data is a list', { metadata: { name: 'hostile' }, data: [] }, [400, 422], {
    path: '/api/v1/namespaces/default/secrets',
  }),
  post('a Secret whose type is an object', { metadata: { name: 'hostile' }, type: {} }, [400, 422], {
    path: '/api/v1/namespaces/default/secrets',
  }),
  post('a Pod without a spec', { metadata: { name: 'hostile' } }, 422, { path: pods }),
  post('a Pod with null containers', pod({ containers: null }), 422, { path: pods }),
  post('a Pod with containers of null', pod({ containers: [null] }), 422, { path: pods }),
  post('a Pod with containers of numbers', pod({ containers: [7] }), 422, { path: pods }),
  post('a Pod whose image is a list', pod({ containers: [{ name: 'a', image: [] }] }), 422, { path: pods }),
  post('a Pod whose ports are a text', pod({ containers: [{ name: 'a', image: 'b', ports: 'x' }] }), 422, {
    path: pods,
  }),
  post(
    'a Pod with a bad quantity',
    pod({ containers: [{ name: 'a', image: 'b', resources: { requests: { memory: '1e9999999999' } } }] }),
    [201, 400, 422],
    { path: `${pods}?dryRun=All` },
  ),
  post('a Pod with 50,000 containers', pod({ containers: Array.from({ length: 50_000 }, () => ({})) }), 422, {
    path: pods,
  }),
  post('a definition without a spec', { metadata: { name: 'x.y.z' } }, 422, { path: definitions }),
  post('a definition with null versions', definition({ versions: [null] }), 422, { path: definitions }),
  post('a definition whose names are a list', definition({ names: [] }), 422, { path: definitions }),
  post('a definition whose schema is a text', withSchema('x'), 422, { path: definitions }),
  post('a definition whose schema is 90 deep', withSchema(deep), 400, { path: definitions }),
  post(
    'a definition with a property __proto__',
    JSON.stringify(withSchema({ type: 'object', properties: { x: { type: 'object' } } })).replace(
      '"x":{"type"',
      '"__proto__":{"type"',
    ),
    400,
    { path: definitions },
  ),
  post(
    'a definition with a property constructor',
    withSchema({ type: 'object', properties: { constructor: { type: 'object' } } }),
    [201, 422],
    { path: `${definitions}?dryRun=All` },
  ),
  post(
    'a definition with a pattern that backtracks',
    withSchema({ type: 'object', properties: { a: { type: 'string', pattern: '(' } } }),
    422,
    { path: definitions },
  ),
  post(
    'a definition with a pattern of 1 MB',
    withSchema({ type: 'object', properties: { a: { type: 'string', pattern: 'a'.repeat(1_000_000) } } }),
    422,
    { path: definitions },
  ),
  post(
    'a definition with 60,000 properties',
    withSchema({
      type: 'object',
      properties: Object.fromEntries(Array.from({ length: 60_000 }, (_, index) => [`p${index}`, { type: 'string' }])),
    }),
    413,
    { path: definitions },
  ),
  post(
    'a definition with a JSONPath that is none',
    definition({
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: { openAPIV3Schema: { type: 'object' } },
          additionalPrinterColumns: [{ name: 'a', type: 'string', jsonPath: '.[[[[' }],
        },
      ],
    }),
    422,
    { path: definitions },
  ),
  post('a definition whose required is a number', withSchema({ type: 'object', required: 7 }), 422, {
    path: definitions,
  }),
  post(
    'a definition whose enum is a text',
    withSchema({ type: 'object', properties: { a: { type: 'string', enum: 'x' } } }),
    [201, 422],
    { path: `${definitions}?dryRun=All` },
  ),
  post('a definition whose allOf is an object', withSchema({ type: 'object', allOf: {} }), 422, { path: definitions }),
  post('a definition whose properties are a list', withSchema({ type: 'object', properties: [] }), [201, 422], {
    path: `${definitions}?dryRun=All`,
  }),
  post('an Event about a number', { metadata: { name: 'hostile' }, involvedObject: 7 }, 422, {
    path: '/api/v1/namespaces/default/events',
  }),
  post('a Lease whose spec is a list', { metadata: { name: 'hostile' }, spec: [] }, 422, {
    path: '/apis/coordination.k8s.io/v1/namespaces/default/leases',
  }),
  post('an access review without a spec', {}, [400, 422], {
    path: '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
  }),
  post('an access review whose spec is a list', { spec: [] }, [201, 400, 422], {
    path: '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
  }),
  post('a namespace whose spec is a text', { metadata: { name: 'hostile' }, spec: 'x' }, 422, {
    path: '/api/v1/namespaces',
  }),
  {
    name: 'a status that is a text',
    method: 'PUT',
    path: '/api/v1/namespaces/default/status',
    body: { metadata: { name: 'default' }, status: 'x' },
    code: 422,
  },
  { name: 'DeleteOptions that are a list', method: 'DELETE', path: `${maps}/nobody`, body: [], code: [400, 404] },
  {
    name: 'DeleteOptions with preconditions that are a text',
    method: 'DELETE',
    path: `${maps}/nobody`,
    body: { preconditions: 'x' },
    code: [400, 404],
  },
  {
    name: 'DeleteOptions with a grace period of 1e300',
    method: 'DELETE',
    path: `${maps}/nobody`,
    body: { gracePeriodSeconds: 1e300 },
    code: [400, 422],
  },
  {
    name: 'DeleteOptions with a negative grace period',
    method: 'DELETE',
    path: `${maps}/nobody`,
    body: { gracePeriodSeconds: -1 },
    code: [400, 422],
  },
];
