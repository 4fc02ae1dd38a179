import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { openFds } from '../../linux/fd/fd.ts';
import { openDirectory } from '../../linux/path/openat2.ts';
import { findImageDisk } from './image-disk.ts';
import { ImageRefusedError, decodeImageFacts } from './image-format.ts';

function temporary(cleanup: DisposableStack): string {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'vmlet-image-'));
  cleanup.defer(() => fs.rmSync(directory, { recursive: true }));
  return directory;
}

function qcow2Header(change: (header: Buffer) => void = () => {}): Buffer {
  const header = Buffer.alloc(104);
  header.writeUInt32BE(0x5146_49fb, 0);
  header.writeUInt32BE(3, 4);
  header.writeUInt32BE(16, 20);
  header.writeBigUInt64BE(1n << 30n, 24);
  header.writeUInt32BE(104, 100);
  change(header);
  return header;
}

void test('a raw image has its file size in whole sectors, a qcow2 what its header says', () => {
  assert.deepEqual(decodeImageFacts(Buffer.from('MBR of a disk'), 1000, 'x'), { format: 'raw', virtualBytes: 1024 });
  assert.deepEqual(decodeImageFacts(qcow2Header(), 200_000, 'x'), { format: 'qcow2', virtualBytes: 2 ** 30 });
});

void test('qcow2 images that reach for other files or are broken are refused with the reason', () => {
  const cases: readonly (readonly [RegExp, (header: Buffer) => void])[] = [
    [/backing file/, (header) => header.writeBigUInt64BE(104n, 8)],
    [/backing file/, (header) => header.writeUInt32BE(11, 16)],
    [/another file/, (header) => header.writeBigUInt64BE(4n, 72)],
    [/corrupt/, (header) => header.writeBigUInt64BE(2n, 72)],
    [/not known/, (header) => header.writeBigUInt64BE(1n << 40n, 72)],
    [/encrypted/, (header) => header.writeUInt32BE(2, 32)],
    [/0 bytes/, (header) => header.writeBigUInt64BE(0n, 24)],
    [/bytes/, (header) => header.writeBigUInt64BE(1n << 63n, 24)],
    [/broken/, (header) => header.writeUInt32BE(9, 4)],
  ];
  for (const [reason, change] of cases) {
    assert.throws(
      () => decodeImageFacts(qcow2Header(change), 200_000, 'disk'),
      (error) => {
        assert.ok(error instanceof ImageRefusedError);
        assert.match(error.message, reason);
        return true;
      },
    );
  }
  assert.throws(() => decodeImageFacts(qcow2Header().subarray(0, 20), 20, 'disk'), { code: 'ImageRefused' });
  assert.throws(() => decodeImageFacts(Buffer.alloc(0), 0, 'disk'), { code: 'ImageRefused' });
});

void test('any bytes give facts or a refusal', () => {
  const magic = Buffer.from('514649fb', 'hex');
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 110 }), fc.nat(), fc.boolean(), (bytes, size, qcow2) => {
      try {
        const facts = decodeImageFacts(Buffer.concat([qcow2 ? magic : Buffer.alloc(0), bytes]), size, 'x');
        assert.ok(facts.virtualBytes > 0);
      } catch (error) {
        assert.ok(error instanceof ImageRefusedError);
      }
    }),
  );
});

void test('the decoder agrees with qemu-img about what qemu-img makes', (t) => {
  using cleanup = new DisposableStack();
  const directory = temporary(cleanup);
  const base = path.join(directory, 'base.qcow2');
  try {
    execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', base, '123M'], { timeout: 10_000 });
  } catch {
    t.skip('needs qemu-img');
    return;
  }
  const info = JSON.parse(
    execFileSync('qemu-img', ['info', '--output=json', '-f', 'qcow2', base], { encoding: 'utf8', timeout: 10_000 }),
  ) as { 'virtual-size': number };
  using root = openDirectory(directory);
  assert.deepEqual(findImageDisk(root, 'base.qcow2'), {
    path: 'base.qcow2',
    format: 'qcow2',
    virtualBytes: info['virtual-size'],
  });
  const make = (name: string, ...options: string[]): void => {
    execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', ...options, path.join(directory, name), '123M'], {
      timeout: 10_000,
    });
  };
  make('overlay', '-F', 'qcow2', '-b', base);
  make('outside', '-o', `data_file=${path.join(directory, 'data')}`);
  make('old', '-o', 'compat=0.10');
  assert.throws(() => findImageDisk(root, 'overlay'), /backing file/);
  assert.throws(() => findImageDisk(root, 'outside'), /another file/);
  assert.equal(findImageDisk(root, 'old').virtualBytes, info['virtual-size']);
});

void test('the disk is the only file in /disk or the named one; links and specials are refused', () => {
  using cleanup = new DisposableStack();
  const directory = temporary(cleanup);
  const before = openFds().length;
  {
    using root = openDirectory(directory);
    const refused = (reason: RegExp, wanted?: string): void => {
      assert.throws(
        () => findImageDisk(root, wanted),
        (error) => {
          assert.ok(error instanceof ImageRefusedError, String(error));
          assert.match(error.message, reason);
          return true;
        },
      );
    };
    refused(/no \/disk/);
    fs.mkdirSync(path.join(directory, 'disk/sub'), { recursive: true });
    refused(/exactly one file .* holds 0/);
    fs.writeFileSync(path.join(directory, 'disk/a.img'), 'x');
    assert.deepEqual(findImageDisk(root), { path: 'disk/a.img', format: 'raw', virtualBytes: 512 });
    assert.equal(findImageDisk(root, '/disk/./a.img').path, 'disk/a.img');
    fs.symlinkSync('/etc/passwd', path.join(directory, 'disk/b.img'));
    refused(/holds 2/);
    refused(/symbolic link/, '/disk/b.img');
    refused(/not a path/, '/disk/../../etc/passwd');
    refused(/not a path/, '/');
    refused(/not a regular file/, '/disk/sub');
    refused(/has no/, '/disk/none');
    fs.rmSync(path.join(directory, 'disk'), { recursive: true });
    fs.symlinkSync('/', path.join(directory, 'disk'));
    refused(/symbolic link/);
    execFileSync('mkfifo', [path.join(directory, 'fifo')], { timeout: 5000 });
    refused(/not a regular file/, 'fifo');
  }
  assert.equal(openFds().length, before);
});
