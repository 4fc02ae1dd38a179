import assert from 'node:assert/strict';
import { lstat, mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { buffer } from 'node:stream/consumers';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { assert as check, asyncProperty, nat } from 'fast-check';
import { pack } from 'tar-stream';
import type { Header } from 'tar-stream';
import { DecodeError } from '../../base/errors.ts';
import { createTarReader } from './tar-reader.ts';
import { unpackLayers } from './unpack.ts';

type Member = Partial<Header> & { readonly name: string } & { readonly content?: string | Buffer };

async function tar(members: readonly Member[]): Promise<Buffer> {
  const archive = pack();
  for (const { content, ...header } of members) {
    archive.entry(header, content ?? '');
  }
  archive.finalize();
  return buffer(archive);
}

describe('unpackLayers', () => {
  let dir: string;
  let target: string;

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'vmlet-unpack-'));
    target = join(dir, 'files');
    await mkdir(target);
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));

  let count = 0;
  async function unpack(...layers: Buffer[]): Promise<void> {
    const blobs = [];
    for (const layer of layers) {
      count += 1;
      const blob = join(dir, `blob-${count}`);
      await writeFile(blob, layer);
      blobs.push(blob);
    }
    await unpackLayers(blobs, target, { entries: 50, totalBytes: 64 << 20 });
  }

  it('applies plain, gzip and zstd layers, later ones over earlier ones', async () => {
    await unpack(
      await tar([
        { name: 'disk/', type: 'directory' },
        { name: 'disk/a', content: 'one' },
        { name: 'disk/b', content: 'two' },
        { name: 'old/x', content: 'x' },
      ]),
      gzipSync(await tar([{ name: './disk/a', content: 'newer' }, { name: 'disk/.wh.b' }])),
      zstdCompressSync(await tar([{ name: 'old/keep', content: 'k' }, { name: 'old/.wh..wh..opq' }])),
    );
    assert.equal(await readFile(join(target, 'disk/a'), 'utf8'), 'newer');
    assert.deepEqual(await readdir(join(target, 'disk')), ['a']);
    assert.deepEqual(await readdir(join(target, 'old')), ['keep']);
  });

  it('reads long names, large members and leaves zeros sparse', async () => {
    const name = `disk/${'n'.repeat(200)}`;
    const content = Buffer.concat([Buffer.from('head'), Buffer.alloc(8 << 20), Buffer.from('tail')]);
    await unpack(gzipSync(await tar([{ name, content }])));
    assert.deepEqual(await readFile(join(target, name)), content);
    const { blocks } = await stat(join(target, name));
    assert.ok(blocks * 512 < 1 << 20, `${blocks} blocks`);
  });

  it('drops setuid and execute bits, and links that stay inside', async () => {
    await unpack(
      await tar([
        { name: 'bin/su', mode: 0o4755, content: 'x' },
        { name: 'bin/link', type: 'symlink', linkname: '../etc/passwd' },
        { name: 'bin/absolute', type: 'symlink', linkname: '/etc/shadow' },
        { name: 'bin/hard', type: 'link', linkname: 'bin/su' },
      ]),
    );
    assert.equal((await lstat(join(target, 'bin/su'))).mode & 0o7777, 0o444);
    assert.deepEqual((await readdir(join(target, 'bin'))).sort(), ['hard', 'su']);
  });

  const hostile: readonly (readonly [string, readonly Member[], RegExp])[] = [
    ['a path upwards', [{ name: 'disk/../../x', content: 'x' }], /leads outside/u],
    ['a link upwards', [{ name: 'disk/l', type: 'symlink', linkname: '../../etc/shadow' }], /leads outside/u],
    ['a hard link upwards', [{ name: 'l', type: 'link', linkname: '../x' }], /leads outside/u],
    ['a hard link to nothing', [{ name: 'l', type: 'link', linkname: 'x' }], /does not lead to a file/u],
    ['a device', [{ name: 'sda', type: 'block-device', devmajor: 8, devminor: 0 }], /device or pipe/u],
    ['a pipe', [{ name: 'p', type: 'fifo' }], /device or pipe/u],
    ['too many files', Array.from({ length: 60 }, (_, index) => ({ name: `f${index}` })), /too many files/u],
    [
      'too many bytes',
      Array.from({ length: 3 }, (_, index) => ({ name: `f${index}`, content: Buffer.alloc(25 << 20) })),
      /larger than allowed/u,
    ],
    ['a deep path', [{ name: `${'d/'.repeat(80)}x` }], /too long/u],
  ];
  for (const [what, members, message] of hostile) {
    it(`refuses ${what}`, async () => {
      await assert.rejects(unpack(gzipSync(await tar(members))), message);
      assert.deepEqual(
        (await readdir(dir)).filter((name) => !name.startsWith('blob-')),
        ['files'],
      );
    });
  }

  it('refuses an absolute path', async () => {
    const archive = await tar([{ name: 'Xetc/x', content: 'x' }]);
    archive.write('/', 0);
    fixChecksum(archive);
    await assert.rejects(unpack(archive), /absolute/u);
  });

  it('a link of one layer cannot redirect a file of the next', async () => {
    await unpack(
      await tar([{ name: 'disk', type: 'symlink', linkname: '/tmp' }]),
      await tar([{ name: 'disk/evil', content: 'x' }]),
    );
    assert.ok((await lstat(join(target, 'disk'))).isDirectory());
  });

  it('refuses a cut archive and bytes that are none', async () => {
    const whole = await tar([{ name: 'a', content: Buffer.alloc(4000, 1) }]);
    await assert.rejects(unpack(whole.subarray(0, 2000)), DecodeError);
    await assert.rejects(unpack(Buffer.alloc(2048, 7)), DecodeError);
    await assert.rejects(unpack(gzipSync(whole).subarray(0, 60)));
  });
});

describe('createTarReader', () => {
  async function read(pieces: readonly Buffer[]): Promise<string[]> {
    async function* source() {
      yield* pieces;
    }
    const reader = createTarReader(source());
    const found: string[] = [];
    for (let entry = await reader.next(); entry !== undefined; entry = await reader.next()) {
      const parts: Buffer[] = [];
      for (let part = await reader.content(); part !== undefined; part = await reader.content()) {
        parts.push(Buffer.from(part));
      }
      found.push(`${entry.kind} ${entry.name} ${Buffer.concat(parts).toString()}`);
    }
    return found;
  }

  it('reads the same however the stream is split', async () => {
    const archive = await tar([
      { name: 'dir/', type: 'directory' },
      { name: `dir/${'long'.repeat(60)}`, content: 'text' },
      { name: 'b', content: Buffer.alloc(700, 65) },
    ]);
    const whole = await read([archive]);
    assert.equal(whole.length, 3);
    for (let at = 1; at < archive.length; at += 97) {
      assert.deepEqual(await read([archive.subarray(0, at), archive.subarray(at)]), whole);
    }
  });

  it('gives entries or a DecodeError for any bytes', async () => {
    const archive = await tar([
      { name: 'a', content: 'text' },
      { name: 'ü'.repeat(80), content: 'x' },
    ]);
    await check(
      asyncProperty(nat(archive.length - 1), nat(255), async (at, value) => {
        const damaged = Buffer.from(archive);
        damaged[at] = value;
        await read([damaged]).catch((error: unknown) => assert.ok(error instanceof DecodeError, String(error)));
      }),
      { numRuns: 200 },
    );
  });

  it('does not buffer a huge extension header', async () => {
    const archive = await tar([{ name: 'n'.repeat(150), content: '' }]);
    archive.write('77777777777', 124, 'latin1');
    fixChecksum(archive);
    await assert.rejects(read([archive]), /extension header of/u);
  });
});

function fixChecksum(header: Buffer): void {
  header.write('        ', 148, 'latin1');
  const sum = header.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
}
