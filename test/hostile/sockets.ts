/** Hostile bytes on the wire: what no HTTP client sends. `first` is what the answer begins with, if there is one. */
const host = 'Host: 127.0.0.1\r\n';
const path = '/api/v1/namespaces/default/configmaps';
const body = '{"metadata":{"name":"smuggled"}}';
const smuggled = `DELETE ${path}/target HTTP/1.1\r\n${host}\r\n`;

export interface SocketCase {
  readonly name: string;
  readonly send: readonly (string | Buffer)[];
  /** The answer; an empty one stands for a connection that is cut. */
  readonly answer: RegExp;
  /** Not over TLS. */
  readonly plain?: boolean;
  /** Answers are counted: what is smuggled must not be answered. */
  readonly answers?: number;
}

const bad = /^(?:HTTP\/1\.1 400 |$)/u;
const of = (
  name: string,
  send: string | readonly (string | Buffer)[],
  answer = bad,
  more: Partial<SocketCase> = {},
): SocketCase => ({
  name,
  send: typeof send === 'string' ? [send] : send,
  answer,
  ...more,
});
const post = (fields: string, content: string): string =>
  `POST ${path}?dryRun=All HTTP/1.1\r\n${host}Content-Type: application/json\r\n${fields}\r\n${content}`;

export const socketCases: readonly SocketCase[] = [
  of('no HTTP at all', 'hello\r\n\r\n'),
  of('random bytes', [Buffer.from(Array.from({ length: 4000 }, (_, index) => (index * 7919 + 13) % 256))]),
  of('10 MB without a line end', ['A'.repeat(10_000_000)], /^(?:HTTP\/1\.1 (?:400|431) |$)/u),
  of('a request line without a version', `GET ${path}\r\n\r\n`, /^(?:HTTP\/1\.1 (?:200|400|505) |$)/u),
  of('HTTP/0.9', `GET ${path} HTTP/0.9\r\n\r\n`, /^(?:HTTP\/1\.1 (?:200|400|505) |$)/u),
  of('HTTP/3.7', `GET ${path} HTTP/3.7\r\n${host}\r\n`),
  of('the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', /^(?:HTTP\/1\.1 (?:400|505) |$)/u),
  of(
    'a method of 100,000 letters',
    `${'G'.repeat(100_000)} / HTTP/1.1\r\n${host}\r\n`,
    /^(?:HTTP\/1\.1 (?:400|431) |$)/u,
  ),
  of('a lower case method', `get ${path} HTTP/1.1\r\n${host}\r\n`),
  of('a target with a blank', `GET /api v1 HTTP/1.1\r\n${host}\r\n`),
  of('a target with a NUL', `GET /api\0/v1 HTTP/1.1\r\n${host}\r\n`),
  of(
    'a target that is a URL',
    `GET https://evil.example.com${path} HTTP/1.1\r\n${host}Connection: close\r\n\r\n`,
    /^(?:HTTP\/1\.1 4\d\d |$)/u,
  ),
  of('a target that is an asterisk', `OPTIONS * HTTP/1.1\r\n${host}Connection: close\r\n\r\n`, /^HTTP\/1\.1 4\d\d /u),
  of('CONNECT', `CONNECT evil.example.com:443 HTTP/1.1\r\n${host}\r\n`, /^(?:HTTP\/1\.1 4\d\d |$)/u),
  of('no Host', `GET ${path} HTTP/1.1\r\nConnection: close\r\n\r\n`),
  of(
    'two Hosts',
    `GET ${path} HTTP/1.1\r\n${host}Host: evil\r\nConnection: close\r\n\r\n`,
    /^(?:HTTP\/1\.1 (?:200|400) |$)/u,
  ),
  of('a header without a colon', `GET ${path} HTTP/1.1\r\n${host}nonsense\r\n\r\n`),
  of('a header name with a blank', `GET ${path} HTTP/1.1\r\n${host}X Y: z\r\n\r\n`),
  of('a blank before the colon', `GET ${path} HTTP/1.1\r\n${host}X-Y : z\r\n\r\n`),
  of(
    'a folded header',
    `GET ${path} HTTP/1.1\r\n${host}X-Y: a\r\n b\r\nConnection: close\r\n\r\n`,
    /^(?:HTTP\/1\.1 (?:200|400) |$)/u,
  ),
  of('a header with a NUL', `GET ${path} HTTP/1.1\r\n${host}X-Y: a\0b\r\n\r\n`),
  of(
    'a bare line feed between headers',
    `GET ${path} HTTP/1.1\n${host.trim()}\nX: y\n\n`,
    /^(?:HTTP\/1\.1 (?:200|400) |$)/u,
  ),
  of('a bare carriage return in a header', `GET ${path} HTTP/1.1\r\n${host}X: a\rb: c\r\n\r\n`),
  of('20,000 headers', `GET ${path} HTTP/1.1\r\n${host}${'X-A: b\r\n'.repeat(20_000)}\r\n`, /^(?:HTTP\/1\.1 431 |$)/u),
  of(
    'a header of 1 MB',
    `GET ${path} HTTP/1.1\r\n${host}X: ${'y'.repeat(1_000_000)}\r\n\r\n`,
    /^(?:HTTP\/1\.1 431 |$)/u,
  ),
  of(
    'a header name of 100,000 letters',
    `GET ${path} HTTP/1.1\r\n${host}${'X'.repeat(100_000)}: y\r\n\r\n`,
    /^(?:HTTP\/1\.1 431 |$)/u,
  ),
  of('two lengths that differ', post('Content-Length: 1\r\nContent-Length: 2\r\n', 'xx')),
  of('a length below zero', post('Content-Length: -1\r\n', '')),
  of('a length that is no number', post('Content-Length: many\r\n', '')),
  of('a length of 2^64', post('Content-Length: 18446744073709551616\r\n', '')),
  of('a length of 10 GB', post('Content-Length: 10000000000\r\n', '{'), /^HTTP\/1\.1 413 /u),
  of('a length in hexadecimal', post('Content-Length: 0x10\r\n', body)),
  of(
    'a length and chunks',
    post(
      `Content-Length: ${body.length}\r\nTransfer-Encoding: chunked\r\n`,
      `0\r\n\r\nGET ${path} HTTP/1.1\r\n${host}\r\n`,
    ),
    bad,
    { answers: 1 },
  ),
  of(
    'chunks and a length',
    post('Transfer-Encoding: chunked\r\nContent-Length: 4\r\n', `5c\r\nGPOST / HTTP/1.1\r\n\r\n0\r\n\r\n`),
    bad,
    { answers: 1 },
  ),
  of(
    'two transfer encodings',
    post('Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n', '0\r\n\r\n'),
    /^(?:HTTP\/1\.1 4\d\d |$)/u,
  ),
  of(
    'a transfer encoding that is almost chunked',
    post('Transfer-Encoding: xchunked\r\n', '0\r\n\r\n'),
    /^(?:HTTP\/1\.1 4\d\d |HTTP\/1\.1 501 |$)/u,
  ),
  of('chunked, but not last', post('Transfer-Encoding: chunked, gzip\r\n', '0\r\n\r\n'), /^(?:HTTP\/1\.1 4\d\d |$)/u),
  of('a chunk size that is none', post('Transfer-Encoding: chunked\r\n', 'zz\r\nabc\r\n0\r\n\r\n')),
  of('a chunk size of 2^64', post('Transfer-Encoding: chunked\r\n', '10000000000000000\r\nabc\r\n'), bad),
  of('a chunk size below zero', post('Transfer-Encoding: chunked\r\n', '-1\r\nabc\r\n')),
  of('a chunk without its line end', post('Transfer-Encoding: chunked\r\n', '3\r\nabcdef\r\n0\r\n\r\n')),
  of(
    'a chunk extension of 1 MB',
    post('Transfer-Encoding: chunked\r\n', `1;${'x'.repeat(1_000_000)}\r\na\r\n0\r\n\r\n`),
    /^(?:HTTP\/1\.1 4\d\d |$)/u,
  ),
  of(
    '4 MiB in chunks',
    post('Transfer-Encoding: chunked\r\n', `400000\r\n${' '.repeat(0x400000)}\r\n0\r\n\r\n`),
    /^HTTP\/1\.1 413 /u,
  ),
  of(
    '100,000 chunks of one byte',
    post('Transfer-Encoding: chunked\r\nConnection: close\r\n', `${'1\r\n \r\n'.repeat(100_000)}0\r\n\r\n`),
    /^HTTP\/1\.1 400 /u,
  ),
  of(
    'trailers',
    post('Transfer-Encoding: chunked\r\nConnection: close\r\n', `0\r\nX-Trailer: ${'y'.repeat(1000)}\r\n\r\n`),
    /^HTTP\/1\.1 400 /u,
  ),
  of(
    'a body on GET that looks like a request',
    `GET ${path}?limit=1 HTTP/1.1\r\n${host}Content-Length: ${smuggled.length}\r\nConnection: close\r\n\r\n${smuggled}`,
    /^HTTP\/1\.1 200 /u,
    { answers: 1 },
  ),
  of(
    'an Expect of something else',
    post(`Content-Length: ${body.length}\r\nExpect: a-miracle\r\nConnection: close\r\n`, body),
    /^HTTP\/1\.1 417 /u,
  ),
  of(
    '100 requests at once on one connection',
    `GET ${path}?limit=1 HTTP/1.1\r\n${host}\r\n`.repeat(99) +
      `GET ${path}?limit=1 HTTP/1.1\r\n${host}Connection: close\r\n\r\n`,
    /^HTTP\/1\.1 200 /u,
    { answers: 100 },
  ),
  of(
    'a WebSocket upgrade of a ConfigMap',
    `GET ${path}/target HTTP/1.1\r\n${host}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
    /^HTTP\/1\.1 4\d\d /u,
  ),
  of(
    'a WebSocket upgrade without a key',
    `GET /api/v1/namespaces/default/pods/x/exec HTTP/1.1\r\n${host}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
    /^HTTP\/1\.1 4\d\d /u,
  ),
  of(
    'a WebSocket upgrade with a body of garbage',
    [
      `GET /api/v1/namespaces/default/pods/x/exec HTTP/1.1\r\n${host}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: !!\r\n\r\n`,
      Buffer.alloc(100_000, 0xff),
    ],
    /^HTTP\/1\.1 4\d\d /u,
  ),
  of(
    'an upgrade to SPDY of garbage',
    `POST /api/v1/namespaces/default/pods/x/exec?command=a HTTP/1.1\r\n${host}Connection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: ${'x'.repeat(5000)}\r\n\r\n`,
    /^(?:HTTP\/1\.1 4\d\d |$)/u,
  ),
  of(
    'an upgrade of a path with dots',
    `GET /api/v1/../x HTTP/1.1\r\n${host}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
    /^HTTP\/1\.1 400 /u,
  ),
  of('HTTP without TLS', `GET ${path} HTTP/1.1\r\n${host}\r\n`, /^(?:HTTP\/1\.\d 400 |$|[^H])/u, { plain: true }),
  of('garbage without TLS', [Buffer.alloc(10_000, 0xab)], /^(?:$|[^H])/u, { plain: true }),
  of('half a TLS hello', [Buffer.from([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]), Buffer.alloc(600, 7)], /^(?:$|[^H])/u, {
    plain: true,
  }),
  of('a TLS alert first', [Buffer.from([0x15, 3, 3, 0, 2, 2, 40])], /^(?:$|[^H])/u, { plain: true }),
  of(
    'a TLS record of the largest length',
    [Buffer.from([0x16, 3, 1, 0xff, 0xff]), Buffer.alloc(70_000, 1)],
    /^(?:$|[^H])/u,
    { plain: true },
  ),
];
