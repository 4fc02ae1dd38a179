import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { pollUntil } from '../../base/deadline.ts';
import { openImageStore } from './image-store.ts';
import type { ImageStore, ImageStoreSettings } from './image-store.ts';

const run = promisify(execFile);

async function unable(): Promise<string | false> {
  if (process.getuid?.() !== 0) {
    return 'needs root';
  }
  for (const tool of ['skopeo', 'docker-registry']) {
    try {
      await run(tool, ['--help']);
    } catch {
      return `needs ${tool}`;
    }
  }
  return false;
}

const skip = await unable();

describe('image store with a registry', { skip, timeout: 120_000 }, () => {
  let dir: string;
  let port: number;
  let registry: ChildProcess;
  let settings: ImageStoreSettings;
  let store: ImageStore;
  const name = (tag: string) => `127.0.0.1:${port}/vm/guest${tag}`;
  const credentials = () =>
    JSON.stringify({ auths: { [`127.0.0.1:${port}`]: { auth: Buffer.from('tester:secret').toString('base64') } } });

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'vmlet-images-'));
    port = await freePort();
    // perl -e 'print crypt("secret", q($2y$05$abcdefghijklmnopqrstuu))'
    await writeFile(join(dir, 'htpasswd'), 'tester:$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\n');
    const config = {
      version: '0.1',
      log: { level: 'error' },
      storage: { filesystem: { rootdirectory: join(dir, 'registry') } },
      http: { addr: `127.0.0.1:${port}` },
      auth: { htpasswd: { realm: 'test', path: join(dir, 'htpasswd') } },
    };
    await writeFile(join(dir, 'config.yml'), JSON.stringify(config));
    registry = spawn('docker-registry', ['serve', join(dir, 'config.yml')], { stdio: 'ignore' });
    await pollUntil(
      () =>
        fetch(`http://127.0.0.1:${port}/v2/`).then(
          () => true,
          () => undefined,
        ),
      { timeoutMs: 10_000, doing: 'wait for the registry' },
    );
    await push('one', ':v1');
    settings = { dir: join(dir, 'images'), runDir: join(dir, 'run'), localImageDirs: [], insecureRegistries: [] };
    store = await openImageStore(settings);
  });

  after(async () => {
    await stopRegistry();
    await rm(dir, { recursive: true, force: true });
  });

  async function stopRegistry(): Promise<void> {
    if (registry.exitCode === null && registry.signalCode === null) {
      registry.kill('SIGKILL');
      await once(registry, 'exit');
    }
  }

  async function push(content: string, tag: string): Promise<void> {
    const source = await imageDirectory(dir, Buffer.from(content));
    await run('skopeo', [
      '--insecure-policy',
      'copy',
      '--dest-tls-verify=false',
      '--dest-creds=tester:secret',
      `dir:${source}`,
      `docker://${name(tag)}`,
    ]);
  }

  const content = (image: { dir: string }) => readFile(join(image.dir, 'disk/disk.img'), 'utf8');

  it('is refused without credentials and says so', async () => {
    await assert.rejects(store.ensure({ reference: name(':v1') }), {
      code: 'ErrImagePull',
      message: /imagePullSecret/u,
    });
  });

  it('pulls once for several at the same time, with progress, and leaves no credentials behind', async () => {
    const lines: string[] = [];
    const request = {
      reference: name(':v1'),
      credentials: credentials(),
      onProgress: (line: string) => lines.push(line),
    };
    const images = await Promise.all([store.ensure(request), store.ensure(request), store.ensure(request)]);
    assert.equal(await content(images[0]), 'one');
    assert.equal(new Set(images.map(({ digest }) => digest)).size, 1);
    assert.ok(
      lines.some((line) => line.includes('Copying blob')),
      lines.join(),
    );
    assert.equal(lines.filter((line) => line.startsWith('Unpacking')).length, 1);
    assert.deepEqual(await readdir(settings.runDir), []);
    assert.deepEqual(await readdir(join(settings.dir, 'staging')), []);
    assert.equal((await stat(settings.dir)).mode & 0o777, 0o700);
  });

  it('keeps what it has under IfNotPresent and looks again under Always', async () => {
    await push('two', ':v1');
    const kept = await store.ensure({ reference: name(':v1') });
    assert.deepEqual([kept.pulled, await content(kept)], [false, 'one']);
    const fresh = await store.ensure({ reference: name(':v1'), pullPolicy: 'Always', credentials: credentials() });
    assert.deepEqual([fresh.pulled, await content(fresh)], [true, 'two']);
    const pinned = await store.ensure({ reference: `127.0.0.1:${port}/vm/guest@${kept.digest}` });
    assert.deepEqual([pinned.pulled, await content(pinned)], [false, 'one']);
  });

  it('says what is missing', async () => {
    await assert.rejects(store.ensure({ reference: name(':nope'), credentials: credentials() }), {
      code: 'ErrImagePull',
      message: /no such image/u,
    });
    await assert.rejects(store.ensure({ reference: name(':other'), pullPolicy: 'Never' }), {
      code: 'ErrImageNeverPull',
    });
    await assert.rejects(store.ensure({ reference: 'docker-archive:/etc/hostname' }), { message: /switched off/u });
    await assert.rejects(store.ensure({ reference: '--help' }), { code: 'InvalidImageName' });
  });

  it('gives a clear error on a full disk, leaves nothing, and works when there is room', async () => {
    await push(randomBytes(3 << 20).toString('base64'), ':big');
    const small = join(dir, 'small');
    await mkdir(small);
    await run('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', small]);
    try {
      const tight = await openImageStore({ ...settings, dir: join(small, 'images') });
      const request = { reference: name(':big'), credentials: credentials() };
      await assert.rejects(tight.ensure(request), { code: 'DiskFull', message: /no space left/u });
      for (const part of ['staging', 'content', 'references']) {
        assert.deepEqual(await readdir(join(small, 'images', part)), [], part);
      }
      await run('mount', ['-o', 'remount,size=64m', small]);
      assert.equal((await tight.ensure(request)).pulled, true);
    } finally {
      await run('umount', [small]);
    }
  });

  it('is cleaned up at start and collects only what nobody uses', async () => {
    await mkdir(join(settings.dir, 'staging', 'pull-left'));
    const again = await openImageStore(settings);
    assert.deepEqual(await readdir(join(settings.dir, 'staging')), []);
    const used = await again.find({ reference: name(':v1') });
    assert.ok(used !== undefined);
    await again.collect(new Set([used.digest]), 0);
    assert.deepEqual(await readdir(join(settings.dir, 'content')), [used.digest.slice(7)]);
    assert.deepEqual(await again.collect(new Set(), 3_600_000), []);
    assert.deepEqual(await again.collect(new Set(), 0), [used.digest]);
    assert.equal(await again.find({ reference: name(':v1') }), undefined);
  });

  it('names an unreachable registry', async () => {
    await stopRegistry();
    await assert.rejects(store.ensure({ reference: name(':v1') }), { message: /cannot be reached/u });
  });
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** An image in skopeo's directory form: one tar layer with disk/disk.img. */
async function imageDirectory(dir: string, disk: Buffer): Promise<string> {
  const work = await mkdtemp(join(dir, 'image-'));
  await mkdir(join(work, 'root/disk'), { recursive: true });
  await writeFile(join(work, 'root/disk/disk.img'), disk);
  await run('tar', ['-C', join(work, 'root'), '-cf', join(work, 'layer'), 'disk']);
  const layer = await readFile(join(work, 'layer'));
  const layerHex = createHash('sha256').update(layer).digest('hex');
  const rootfs = { type: 'layers', diff_ids: [`sha256:${layerHex}`] };
  const config = Buffer.from(JSON.stringify({ architecture: 'amd64', os: 'linux', config: {}, rootfs }));
  const configHex = createHash('sha256').update(config).digest('hex');
  const docker = 'application/vnd.docker';
  const manifest = {
    schemaVersion: 2,
    mediaType: `${docker}.distribution.manifest.v2+json`,
    config: { mediaType: `${docker}.container.image.v1+json`, size: config.length, digest: `sha256:${configHex}` },
    layers: [{ mediaType: `${docker}.image.rootfs.diff.tar`, size: layer.length, digest: `sha256:${layerHex}` }],
  };
  const target = join(work, 'dir');
  await mkdir(target);
  await writeFile(join(target, layerHex), layer);
  await writeFile(join(target, configHex), config);
  await writeFile(join(target, 'version'), 'Directory Transport Version: 1.1\n');
  await writeFile(join(target, 'manifest.json'), JSON.stringify(manifest));
  return target;
}
