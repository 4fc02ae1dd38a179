/** Tokens that are good, and all the ways in which they are not. */
import assert from 'node:assert/strict';
import { createHmac, generateKeyPairSync, sign } from 'node:crypto';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { createMemoryStore } from '../store/memory-backend.ts';
import type { Store } from '../store/store.ts';
import { createAccountTokens } from './account-tokens.ts';
import { fromClaims, toClaims } from './claims.ts';
import { signJwt, verifyJwt } from './jwt.ts';
import { makeSigningKey, readSigningKey } from './signing-key.ts';
import { parseTokenFile, readTokenFile } from './token-file.ts';

const key = makeSigningKey();
const claims = { sub: 'x', iat: 1 };
const segment = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

describe('a token with a signature', () => {
  const good = signJwt(claims, key);
  const [head = '', body = '', signature = ''] = good.split('.');

  test('is read', () => assert.deepEqual(verifyJwt(good, key), claims));

  const publicPem = key.publicKey.export({ type: 'spki', format: 'pem' }).toString();
  const hmacHead = segment({ alg: 'HS256', kid: key.keyId });
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
  const rsaHead = segment({ alg: 'RS256', kid: key.keyId });
  const other = makeSigningKey();
  const forged: readonly (readonly [title: string, token: string])[] = [
    ['no text', ''],
    ['dots alone', '..'],
    ['two parts', `${head}.${body}`],
    ['four parts', `${good}.x`],
    ['alg none without signature', `${segment({ alg: 'none' })}.${body}.`],
    ['alg none with the signature of another', `${segment({ alg: 'none', kid: key.keyId })}.${body}.${signature}`],
    ['alg None in other letters', `${segment({ alg: 'nOnE', kid: key.keyId })}.${body}.${signature}`],
    [
      'HMAC with the public key',
      `${hmacHead}.${body}.${createHmac('sha256', publicPem).update(`${hmacHead}.${body}`).digest('base64url')}`,
    ],
    ['RSA', `${rsaHead}.${body}.${sign('sha256', Buffer.from(`${rsaHead}.${body}`), rsa).toString('base64url')}`],
    ['another key', signJwt(claims, other)],
    ['another key under our id', signJwt(claims, { ...other, keyId: key.keyId })],
    ['another key id', signJwt(claims, { ...key, keyId: 'x' })],
    ['a changed body', `${head}.${segment({ sub: 'y', iat: 1 })}.${signature}`],
    ['a cut signature', `${head}.${body}.${signature.slice(0, -2)}`],
    ['a signature of zeros', `${head}.${body}.${Buffer.alloc(64).toString('base64url')}`],
    ['padding', `${head}.${body}.${signature}==`],
    ['the other base64', `${head}.${body}.${'+/'.repeat(43)}`],
    [
      'a critical extension',
      signJwt(claims, key).replace(head, segment({ alg: 'ES256', kid: key.keyId, crit: ['x'] })),
    ],
    ['a head that is no object', `${segment([1])}.${body}.${signature}`],
    ['a head that is no JSON', `e30x.${body}.${signature}`],
    ['too long', `${head}.${'A'.repeat(10_000)}.${signature}`],
    ['control characters', `${head}\n.${body}.${signature}`],
  ];
  for (const [title, token] of forged) {
    test(`is refused: ${title}`, () => assert.equal(verifyJwt(token, key), undefined));
  }

  test('has one spelling', () => {
    // The last character carries four bits that say nothing.
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const last = alphabet.indexOf(good.at(-1) ?? '');
    const twin = good.slice(0, -1) + (alphabet[last ^ 1] ?? '');
    assert.equal(verifyJwt(twin, key), undefined);
  });
});

const namespace = 'default';
async function put(store: Store, resource: string, name: string, uid: string): Promise<void> {
  const object = { apiVersion: 'v1', kind: 'X', metadata: { name, namespace, uid } };
  await store.create(`/registry/core/${resource}/${namespace}/${name}`, () => Buffer.from(JSON.stringify(object)));
}
async function remove(store: Store, resource: string, name: string): Promise<void> {
  const path = `/registry/core/${resource}/${namespace}/${name}`;
  const entry = store.get(path);
  assert.ok(entry);
  await store.delete(path, () => entry.value, entry.revision);
}

describe('the token of a ServiceAccount', () => {
  const issuer = 'https://issuer';
  const account = { name: 'robot', uid: 'u1' };
  const issued = { namespace, account, audiences: [issuer] };

  async function setUp() {
    const store = createMemoryStore();
    await put(store, 'serviceaccounts', 'robot', 'u1');
    let nowMs = 1_700_000_000_000;
    const tokens = createAccountTokens({ store, key, issuer, now: () => nowMs });
    return { store, tokens, pass: (seconds: number) => (nowMs += seconds * 1000) };
  }

  test('says who it is', async () => {
    const { tokens } = await setUp();
    const outcome = tokens.check(tokens.issue(issued, 600).token, []);
    assert.ok('user' in outcome);
    assert.equal(outcome.user.name, 'system:serviceaccount:default:robot');
    assert.equal(outcome.user.uid, 'u1');
    assert.deepEqual(outcome.user.groups, [
      'system:serviceaccounts',
      'system:serviceaccounts:default',
      'system:authenticated',
    ]);
    assert.match(outcome.user.extra?.['authentication.kubernetes.io/credential-id']?.[0] ?? '', /^JTI=/);
    assert.deepEqual(outcome.audiences, [issuer]);
  });

  test('ends with its time, remembered or not', async () => {
    const { tokens, pass } = await setUp();
    const { token } = tokens.issue(issued, 600);
    assert.ok('user' in tokens.check(token, []));
    pass(599);
    assert.ok('user' in tokens.check(token, []));
    pass(1);
    assert.deepEqual(tokens.check(token, []), { error: 'service account token has expired' });
  });

  test('is for its audience alone', async () => {
    const { tokens } = await setUp();
    const { token } = tokens.issue({ ...issued, audiences: ['vault', 'other'] }, 600);
    assert.match(JSON.stringify(tokens.check(token, [])), /is invalid for the target audiences/);
    const outcome = tokens.check(token, ['x', 'vault']);
    assert.deepEqual('audiences' in outcome && outcome.audiences, ['vault']);
  });

  test('ends with its account, also when there is a new one of the name', async () => {
    const { tokens, store } = await setUp();
    const { token } = tokens.issue(issued, 600);
    assert.ok('user' in tokens.check(token, []));
    await remove(store, 'serviceaccounts', 'robot');
    assert.ok('error' in tokens.check(token, []));
    await put(store, 'serviceaccounts', 'robot', 'u2');
    assert.ok('error' in tokens.check(token, []));
  });

  test('ends with the Pod that it is bound to', async () => {
    const { tokens, store } = await setUp();
    await put(store, 'pods', 'p', 'pu1');
    const bound = { kind: 'pod', object: { name: 'p', uid: 'pu1' } } as const;
    const { token } = tokens.issue({ ...issued, bound }, 600);
    const outcome = tokens.check(token, []);
    assert.ok('user' in outcome);
    assert.deepEqual(outcome.user.extra?.['authentication.kubernetes.io/pod-name'], ['p']);
    await remove(store, 'pods', 'p');
    assert.ok('error' in tokens.check(token, []));
  });

  test('of another issuer is refused, even with our key', async () => {
    const { tokens, store } = await setUp();
    const foreign = createAccountTokens({ store, key, issuer: 'https://elsewhere' });
    const { token } = foreign.issue({ ...issued, audiences: [issuer] }, 600);
    assert.deepEqual(tokens.check(token, []), { error: 'invalid bearer token' });
  });

  test('claims that do not fit together are refused', () => {
    const good = toClaims({
      ...issued,
      issuer,
      tokenId: 'j',
      issuedAt: 1,
      expiresAt: 2,
      bound: undefined,
      node: undefined,
    });
    assert.ok(fromClaims(good));
    const bad: Record<string, unknown>[] = [
      { ...good, sub: 'system:serviceaccount:default:admin' },
      { ...good, sub: 'admin' },
      { ...good, exp: 'never' },
      { ...good, exp: null },
      { ...good, iat: 1.5 },
      { ...good, nbf: 0 },
      { ...good, 'kubernetes.io': undefined },
      { ...good, 'kubernetes.io': { namespace } },
      { ...good, 'kubernetes.io': { namespace: 'x', serviceaccount: account } },
      { ...good, jti: 5 },
    ];
    for (const item of bad) {
      assert.equal(fromClaims(item), undefined, JSON.stringify(item));
    }
  });
});

describe('files', () => {
  test('the key is made once, is nobody else’s to read, and must be one', (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'vmlet-key-'));
    t.after(() => rmSync(directory, { recursive: true }));
    const path = join(directory, 'sa.key');
    const made = readSigningKey(path);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.equal(readSigningKey(path).keyId, made.keyId);
    writeFileSync(path, 'nonsense');
    assert.throws(() => readSigningKey(path), /holds no P-256 private key/);
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs8', format: 'pem' });
    writeFileSync(path, rsa);
    assert.throws(() => readSigningKey(path), /holds no P-256 private key/);
    assert.doesNotMatch(readFileSync(path, 'utf8'), /^$/);
  });

  test('static tokens', (t) => {
    assert.deepEqual(parseTokenFile('# users\n\nt1,alice,u1,"a,b"\nt2,bob,\n"t3","carol ""c""",u3,d\n'), [
      { token: 't1', user: { name: 'alice', groups: ['a', 'b'], uid: 'u1' } },
      { token: 't2', user: { name: 'bob', groups: [] } },
      { token: 't3', user: { name: 'carol "c"', groups: ['d'], uid: 'u3' } },
    ]);
    const bad = [
      'secret-one',
      'secret-one,alice',
      'secret-one,,u',
      ',alice,u',
      'secret-one,a,u,"g',
      'secret-one,a,u,g,x',
      'secret-one,a,u\nsecret-one,b,u',
      'a b,alice,u',
    ];
    for (const text of bad) {
      assert.throws(
        () => parseTokenFile(text),
        (error: Error) => /^line \d/.test(error.message) && !error.message.includes('secret-one'),
        text,
      );
    }
    const directory = mkdtempSync(join(tmpdir(), 'vmlet-tokens-'));
    t.after(() => rmSync(directory, { recursive: true }));
    const path = join(directory, 'tokens.csv');
    writeFileSync(path, 't1,alice,u1\n', { mode: 0o600 });
    assert.equal(readTokenFile(path).length, 1);
    chmodSync(path, 0o644);
    assert.throws(() => readTokenFile(path), /can be read by others/);
  });
});
