import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { openLmdbStore, openTables } from '../../store/lmdb-backend.ts';
import { isStoreError } from '../../store/store.ts';
import { decodeRawEntry, encodeEntry } from '../../store/codec.ts';
import { verifyStore } from '../../store/verify.ts';
import { startTestServer } from '../test-server.ts';
import { makeKey, readKeyFile, writeKeyFile } from './key-file.ts';
import { storeCipher } from './store-cipher.ts';
import { createValueCipher, keyId, secretPrefixes } from './value-cipher.ts';

const secretKey = '/registry/core/secrets/default/a';
const otherKey = '/registry/core/secrets/default/b';
const mapKey = '/registry/core/configmaps/default/a';

function place(t: TestContext) {
  const directory = mkdtempSync(join(tmpdir(), 'vmlet-seal-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const path = join(directory, 'data.mdb');
  const keyFile = join(directory, 'pki', 'encryption.key');
  return { path, keyFile, open: () => openLmdbStore({ path, cipher: storeCipher(keyFile) }) };
}

const text = (value: string) => () => Buffer.from(value);

test('a value opens with its key and its place only', () => {
  const keys = [makeKey(), makeKey()] as const;
  const cipher = createValueCipher({ keys, prefixes: secretPrefixes });
  const value = Buffer.from('{"data":"hunter2"}');
  const sealed = cipher.seal(secretKey, value);
  assert.ok(!sealed.includes('hunter2'));
  assert.notDeepEqual(sealed, cipher.seal(secretKey, value));
  assert.deepEqual(cipher.open(secretKey, sealed), value);
  assert.equal(cipher.seal(mapKey, value), value);
  assert.equal(cipher.open(mapKey, value), value);
  assert.throws(
    () => cipher.open(otherKey, sealed),
    (error) => isStoreError(error, 'Corrupt') && /moved from another object/u.test(error.message),
  );
  for (let bit = 5 * 8 + 64; bit < sealed.length * 8; bit += 7) {
    const changed = Buffer.from(sealed);
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    assert.throws(
      () => cipher.open(secretKey, changed),
      (error) => isStoreError(error, 'Corrupt'),
    );
  }
  for (let length = 5; length < sealed.length; length += 1) {
    assert.throws(() => cipher.open(secretKey, sealed.subarray(0, length)));
  }
  const foreign = createValueCipher({ keys: [makeKey()], prefixes: secretPrefixes });
  assert.throws(
    () => foreign.open(secretKey, sealed),
    (error) => isStoreError(error, 'KeyMissing') && error.message.includes(keyId(keys[0])),
  );
  const rotated = createValueCipher({ keys: [keys[1], keys[0]], prefixes: secretPrefixes });
  assert.deepEqual(rotated.open(secretKey, sealed), value);
  assert.ok(rotated.isStale(secretKey, sealed) && rotated.isStale(secretKey, value));
  assert.ok(!cipher.isStale(secretKey, sealed) && !cipher.isStale(mapKey, value));
  // A plain value that looks like a sealed one is sealed itself.
  assert.deepEqual(cipher.open(mapKey, cipher.seal(mapKey, sealed)), sealed);
});

test('no plain Secret is in the files of a server, and its API knows no difference', async (t) => {
  const { path, keyFile, open } = place(t);
  const store = open();
  const server = await startTestServer({ store });
  t.after(() => server.close());
  const password = 'correct-horse-battery';
  const data = { password: Buffer.from(password).toString('base64') };
  const body = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'a' }, data };
  const secrets = '/api/v1/namespaces/default/secrets';
  assert.equal((await server.call('POST', secrets, { body })).code, 201);
  assert.equal(
    (await server.call('PUT', `${secrets}/a`, { body: { ...body, data: { ...data, more: 'eA==' } } })).code,
    200,
  );
  assert.equal((await server.call('GET', `${secrets}/a`)).json.data.password, data.password);
  assert.equal((await server.call('GET', secrets)).json.items.length, 1);
  const watch = server.stream(`${secrets}?watch=1&resourceVersion=1`);
  assert.equal((await watch.next()).value.object.data.password, data.password);
  await watch.return(undefined);
  const bytes = readFileSync(path);
  assert.ok(!bytes.includes(password) && !bytes.includes(data.password), 'the Secret is in the store file');
  assert.equal(statSync(keyFile).mode & 0o777, 0o600);
});

test('plain values of before are sealed at the next start, and keys rotate', async (t) => {
  const { path, keyFile, open } = place(t);
  const plain = openLmdbStore({ path });
  await plain.create(secretKey, text('{"v":1}'));
  await plain.create(mapKey, text('{"v":2}'));
  await plain.update(secretKey, text('{"v":3}'), 1);
  await plain.close();
  for (const round of [1, 2]) {
    if (round === 2) {
      writeKeyFile(keyFile, [makeKey(), ...(readKeyFile(keyFile) ?? [])]);
    }
    const store = open();
    assert.equal(store.get(secretKey)?.value.toString(), '{"v":3}');
    assert.equal(store.range({ prefix: '/', revision: 1 }).entries[0]?.value.toString(), '{"v":1}');
    assert.equal(store.revision, 3);
    await store.close();
    const [newest] = readKeyFile(keyFile) ?? [];
    assert.ok(newest !== undefined);
    // The first alone opens all.
    writeKeyFile(keyFile, [newest]);
    const again = open();
    assert.equal(again.get(secretKey)?.value.toString(), '{"v":3}');
    assert.equal(again.range({ prefix: '/', revision: 1 }).entries.length, 1);
    await again.close();
    const cipher = createValueCipher({ keys: [newest], prefixes: secretPrefixes });
    assert.deepEqual(verifyStore(path, cipher).sealedWith, [keyId(newest)]);
  }
});

test('a lost or wrong key is told, and no other made in its place', async (t) => {
  const { path, keyFile, open } = place(t);
  const store = open();
  await store.create(secretKey, text('{}'));
  await store.close();
  const keys = readKeyFile(keyFile) ?? [];
  rmSync(keyFile);
  assert.throws(open, /is missing, and Secrets are sealed with its key/u);
  assert.equal(readKeyFile(keyFile), undefined);
  assert.throws(
    () => openLmdbStore({ path }),
    (error) => isStoreError(error, 'KeyMissing'),
  );
  writeKeyFile(keyFile, [makeKey()]);
  assert.throws(open, (error) => isStoreError(error, 'KeyMissing'));
  writeKeyFile(keyFile, keys);
  chmodSync(keyFile, 0o644);
  assert.throws(open, /can be read by others: chmod 600/u);
  chmodSync(keyFile, 0o600);
  await open().close();
  writeFileSync(keyFile, 'abc\n');
  assert.throws(open, /lines of 32 bytes in base64/u);
});

test('a swapped and a changed value in the file answer with a clear error; others go on', async (t) => {
  const { path, open } = place(t);
  const store = open();
  const server = await startTestServer({ store });
  const secrets = '/api/v1/namespaces/default/secrets';
  for (const name of ['a', 'b', 'c']) {
    const body = {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name },
      data: { who: Buffer.from(name).toString('base64') },
    };
    assert.equal((await server.call('POST', secrets, { body })).code, 201);
  }
  await server.close();
  const { root, entries } = openTables(path, 'write');
  const read = (key: string) => decodeRawEntry(key, Buffer.from(entries.getBinary(key) ?? []));
  const [a, b] = [read(secretKey), read(otherKey)];
  entries.putSync(secretKey, encodeEntry(secretKey, { value: b.value, revision: a.revision }));
  const changed = Buffer.from(b.value);
  changed[40] = (changed[40] ?? 0) ^ 1;
  entries.putSync(otherKey, encodeEntry(otherKey, { value: changed, revision: b.revision }));
  await root.close();
  const again = await startTestServer({ store: open() });
  t.after(() => again.close());
  for (const name of ['a', 'b']) {
    const answer = await again.call('GET', `${secrets}/${name}`);
    assert.equal(answer.code, 500);
    assert.match(
      answer.json.message,
      /sealed value of \/registry\/core\/secrets\/default\/[ab] is not what was written/u,
    );
  }
  assert.equal((await again.call('GET', secrets)).code, 500);
  assert.equal((await again.call('GET', `${secrets}/c`)).code, 200);
});
