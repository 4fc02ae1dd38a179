/** `vmlet backup`, `restore` and `store` as a person runs them, beside a server that is written to. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { connectClient, collection } from '../crash/client.ts';
import type { EventSeen } from '../crash/history.ts';
import { supplyServers } from '../crash/server-process.ts';
import { pollUntil } from '../../src/base/deadline.ts';
import { executable } from '../support/instance.ts';

const skip = process.getuid?.() === 0 ? false : 'needs root';

function directory(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'vmlet-backup-'));
  t.after(() => rmSync(path, { recursive: true }));
  return path;
}

async function vmlet(stateDir: string, ...words: string[]): Promise<{ code: number | null; out: string; err: string }> {
  const child = spawn(executable, words, { env: { ...process.env, VMLET_STATE_DIR: stateDir }, timeout: 60_000 });
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, out, err };
}

test('backup beside a writer, restore elsewhere, go on', { skip, timeout: 180_000 }, async (t) => {
  const from = directory(t);
  const to = directory(t);
  const elsewhere = directory(t);
  const supply = supplyServers(from);
  t.after(() => supply.close());
  const server = await supply.start();
  const client = connectClient(from, server.port);
  t.after(() => client.close());
  const secrets = '/api/v1/namespaces/crash/secrets';
  assert.equal((await client.call('POST', '/api/v1/namespaces', { metadata: { name: 'crash' } })).code, 201);
  const secret = { metadata: { name: 's' }, data: { password: 'aHVudGVyMg==' } };
  assert.equal((await client.call('POST', secrets, secret)).code, 201);

  // Objects and revisions that were acknowledged, in order.
  const acknowledged: { name: string; revision: number }[] = [];
  const writer = { stopped: false };
  const writing = (async () => {
    for (let index = 0; !writer.stopped; index += 1) {
      const name = `o${index}`;
      const { body, code } = await client.call('POST', collection, {
        metadata: { name },
        data: { value: String(index) },
      });
      assert.equal(code, 201);
      acknowledged.push({
        name,
        revision: Number((body as { metadata: { resourceVersion: string } }).metadata.resourceVersion),
      });
    }
  })();
  const least = 50;
  await pollUntil(() => (acknowledged.length > least ? true : undefined), {
    timeoutMs: 30_000,
    doing: 'waiting for the writer',
  });
  const file = join(elsewhere, 'vmlet.backup');
  const sure = acknowledged.length;
  const made = await vmlet(from, 'backup', '--with-keys', file);
  writer.stopped = true;
  await writing;
  assert.equal(made.code, 0, made.err);
  assert.match(made.err, /^backup of \d+ objects at revision \d+, \d+ KiB, with keys\n$/u);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  const revision = Number(/at revision (\d+)/u.exec(made.err)?.[1]);
  assert.ok(revision >= (acknowledged[sure - 1]?.revision ?? Infinity), 'the backup is older than its begin');

  await t.test('a backup checks itself, and damaged ones do not pass', async () => {
    const good = await vmlet(from, 'backup', '--check', file);
    assert.match(good.out, new RegExp(`^the backup is good: \\d+ objects at revision ${revision}, `, 'u'));
    const bytes = readFileSync(file);
    const bad = join(elsewhere, 'bad.backup');
    const changed = Buffer.from(bytes);
    changed.fill(0x5a, bytes.length >> 1, (bytes.length >> 1) + 16);
    for (const content of [
      bytes.subarray(0, bytes.length >> 1),
      bytes.subarray(0, bytes.length - 60),
      changed,
      Buffer.from('nonsense'),
      Buffer.alloc(0),
    ]) {
      writeFileSync(bad, content);
      const checked = await vmlet(from, 'backup', '--check', bad);
      assert.equal(checked.code, 1);
      assert.match(checked.err, /the backup cannot be used: /u);
      const target = directory(t);
      const restored = await vmlet(target, 'restore', bad);
      assert.equal(restored.code, 1);
      assert.match(restored.err, /the backup cannot be used: /u);
      assert.deepEqual(readdirSync(join(target, 'store')), [], 'a restore that failed left something');
    }
  });

  await t.test('nothing is overwritten unasked', async () => {
    assert.match((await vmlet(from, 'backup', file)).err, /is there already: name another file, or add --force/u);
    assert.equal((await vmlet(from, 'backup', '--force', '--with-keys', join(elsewhere, 'other.backup'))).code, 0);
    assert.match((await vmlet(from, 'restore', '--force', file)).err, /vmlet runs on .*`vmlet down` first/u);
    assert.match((await vmlet(from, 'store', 'check')).err, /vmlet runs on/u);
    assert.equal((await vmlet(from, 'backup')).code, 2);
    assert.match((await vmlet(join(from, 'none'), 'backup', join(elsewhere, 'x'))).err, /there is no .*--state-dir/u);
    assert.ok(!readdirSync(elsewhere).some((name) => name.endsWith('.partial')));
  });

  await t.test('restored elsewhere, all is there and watches go on', async (t) => {
    mkdirSync(to, { recursive: true });
    const restored = await vmlet(to, 'restore', file);
    assert.equal(restored.code, 0, restored.err);
    assert.match(restored.out, new RegExp(`^restored \\d+ objects at revision ${revision}, `, 'u'));
    assert.match((await vmlet(to, 'store', 'check')).out, /^the store is whole: \d+ objects/u);
    assert.match((await vmlet(to, 'restore', file)).err, /has objects already: add --force/u);
    const other = supplyServers(to);
    t.after(() => other.close());
    const second = await other.start();
    const there = connectClient(to, second.port);
    t.after(() => there.close());
    const { body } = await there.call('GET', collection);
    const names = new Set(
      (body as unknown as { items: { metadata: { name: string } }[] }).items.map(({ metadata }) => metadata.name),
    );
    for (const object of acknowledged) {
      assert.equal(
        names.has(object.name),
        object.revision <= revision,
        `${object.name} at revision ${object.revision}`,
      );
    }
    const found = (await there.call('GET', `${secrets}/s`)).body as { data?: { password?: string } };
    assert.equal(found.data?.password, secret.data.password);
    // A watch from before the backup sees the rest of the history, then what comes.
    const events: EventSeen[] = [];
    const start = acknowledged[sure - 5]?.revision ?? 0;
    const watch = await there.watch(start, (event) => events.push(event), assert.fail);
    assert.equal((await there.call('POST', collection, { metadata: { name: 'new' }, data: { value: 'n' } })).code, 201);
    await pollUntil(() => (events.some(({ key }) => key === 'new') ? true : undefined), {
      timeoutMs: 10_000,
      doing: 'waiting for the watch',
    });
    watch.close();
    const expected = acknowledged.filter((object) => object.revision > start && object.revision <= revision);
    assert.deepEqual(
      events.slice(0, -1).map(({ key }) => key),
      expected.map(({ name }) => name),
    );
    assert.ok((events.at(-1)?.revision ?? 0) > revision);
    await second.kill();
  });

  await t.test('without keys it needs those of this host', async (t) => {
    const keyless = join(elsewhere, 'keyless.backup');
    const { err } = await vmlet(from, 'backup', keyless);
    assert.match(err, /Secrets in it are sealed: another host needs .*encryption\.key too/u);
    const refused = await vmlet(directory(t), 'restore', keyless);
    assert.equal(refused.code, 1);
    assert.match(refused.err, /sealed with key [\da-f]{16}, which is neither in it nor in/u);
  });

  await t.test('back to an earlier state: revisions go on above those that clients know', async () => {
    const later = Number((await client.call('GET', collection)).body['metadata'] && acknowledged.at(-1)?.revision);
    client.close();
    await server.kill();
    const restored = await vmlet(from, 'restore', '--force', file);
    assert.equal(restored.code, 0, restored.err);
    assert.ok(existsSync(join(from, 'store/data.mdb.before-restore')));
    assert.ok(Number(/at revision (\d+)/u.exec(restored.out)?.[1]) >= revision);
    const again = await supply.start();
    const back = connectClient(from, again.port);
    t.after(() => back.close());
    const made = await back.call('POST', collection, { metadata: { name: 'after' }, data: { value: 'a' } });
    assert.ok(Number((made.body as { metadata: { resourceVersion: string } }).metadata.resourceVersion) > later);
    await again.kill();
  });

  await t.test('keys rotate', async () => {
    const rotated = await vmlet(from, 'store', 'rotate', '--forget');
    assert.equal(rotated.code, 0, rotated.err);
    assert.match(rotated.out, /sealed anew with key [\da-f]{16}\n1 older key\(s\) dropped/u);
    const again = await supply.start();
    const back = connectClient(from, again.port);
    t.after(() => back.close());
    const found = (await back.call('GET', `${secrets}/s`)).body as { data?: { password?: string } };
    assert.equal(found.data?.password, secret.data.password);
    await again.kill();
    assert.match((await vmlet(from, 'store', 'check')).out, /sealed with key/u);
  });
});

test('Ctrl-C leaves nothing half', { skip, timeout: 60_000 }, async (t) => {
  const place = directory(t);
  const target = directory(t);
  // Standard input that never ends: the restore waits in the middle.
  const child = spawn(executable, ['restore', '-'], { env: { ...process.env, VMLET_STATE_DIR: target } });
  child.stdin.on('error', () => undefined);
  const ended = once(child, 'close');
  await pollUntil(() => (existsSync(join(target, 'store')) ? true : undefined), {
    timeoutMs: 20_000,
    doing: 'waiting for the restore to begin',
  });
  child.kill('SIGINT');
  const [code] = (await ended) as [number | null];
  assert.equal(code, 130);
  assert.deepEqual(readdirSync(join(target, 'store')), []);
  assert.deepEqual(readdirSync(place), []);
});
