import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { openFds } from '../../linux/fd/fd.ts';
import { prepareConfigDriveSeed, prepareNoCloudSeed } from './cloud-init.ts';
import { prepareEmptyDisk, prepareOverlay } from './qcow2.ts';
import type { VolumePlace } from './volume-file.ts';

const missing = ['qemu-img', 'xorriso'].filter((tool) => spawnSync(tool, ['--version']).error !== undefined);
const skip = process.getuid?.() !== 0 ? 'needs root' : missing.length > 0 ? `needs ${missing.join(', ')}` : false;
const owner = { uid: 107, gid: 107 };

function temporary(cleanup: DisposableStack): string {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'vmlet-volumes-'));
  cleanup.defer(() => fs.rmSync(directory, { recursive: true }));
  fs.chmodSync(directory, 0o755);
  fs.mkdirSync(path.join(directory, 'volume'));
  fs.chownSync(path.join(directory, 'volume'), owner.uid, owner.gid);
  return directory;
}

function place(directory: string, file: string): VolumePlace {
  return { volumeDirectory: path.join(directory, 'volume'), path: file, owner };
}

function info(file: string): Record<string, unknown> {
  const text = execFileSync('qemu-img', ['info', '-U', '--output=json', '-f', 'qcow2', file], {
    encoding: 'utf8',
    timeout: 10_000,
  });
  return JSON.parse(text) as Record<string, unknown>;
}

void test('an overlay names its base as the sandbox sees it and survives a second call', { skip }, async () => {
  using cleanup = new DisposableStack();
  const directory = temporary(cleanup);
  const before = openFds().length;
  const spec = {
    place: place(directory, 'disk-data/root/disk.qcow2'),
    basePathInSandbox: '/var/run/kubevirt-image-volume/disk_0/disk/a,b.img',
    baseFormat: 'raw',
    baseBytes: 64 * 1024 * 1024,
  } as const;
  assert.deepEqual(await prepareOverlay(spec), { created: true });
  const file = path.join(directory, 'volume/disk-data/root/disk.qcow2');
  const seen = info(file);
  assert.equal(seen['virtual-size'], spec.baseBytes);
  assert.equal(seen['backing-filename'], spec.basePathInSandbox);
  assert.equal(seen['backing-filename-format'], 'raw');
  const stat = fs.statSync(file);
  assert.deepEqual([stat.uid, stat.gid, stat.mode & 0o777], [107, 107, 0o640]);
  assert.equal(fs.statSync(path.dirname(file)).uid, 107);
  fs.appendFileSync(file, 'what the guest wrote');
  const size = fs.statSync(file).size;
  assert.deepEqual(await prepareOverlay(spec), { created: false });
  assert.equal(fs.statSync(file).size, size);
  assert.equal(openFds().length, before);
  await assert.rejects(prepareOverlay({ ...spec, sizeBytes: 1024 }), { code: 'DiskTooSmall' });
});

void test('two calls at once make one file', { skip }, async () => {
  using cleanup = new DisposableStack();
  const directory = temporary(cleanup);
  const spec = { place: place(directory, 'empty-disks/data.qcow2'), capacityBytes: 5 * 1024 * 1024 + 7 };
  const results = await Promise.all([prepareEmptyDisk(spec), prepareEmptyDisk(spec)]);
  assert.equal(results.filter((result) => result.created).length, 1);
  assert.equal(info(path.join(directory, 'volume/empty-disks/data.qcow2'))['virtual-size'], 5 * 1024 * 1024);
  assert.deepEqual(fs.readdirSync(path.join(directory, 'volume/empty-disks')), ['data.qcow2']);
  await assert.rejects(prepareEmptyDisk({ ...spec, capacityBytes: 1_000_000 }), { code: 'DiskTooSmall' });
});

void test('links that QEMU may have planted lead nowhere', { skip }, async () => {
  using cleanup = new DisposableStack();
  const directory = temporary(cleanup);
  const victim = path.join(directory, 'victim');
  fs.mkdirSync(victim);
  fs.symlinkSync(victim, path.join(directory, 'volume/disk-data'));
  const spec = { place: place(directory, 'disk-data/x.qcow2'), capacityBytes: 1 << 20 };
  await assert.rejects(prepareEmptyDisk(spec), { code: 'ELOOP' });
  fs.symlinkSync(path.join(victim, 'new'), path.join(directory, 'volume/direct.qcow2'));
  await assert.rejects(prepareEmptyDisk({ ...spec, place: place(directory, 'direct.qcow2') }), { code: 'ELOOP' });
  fs.mkdirSync(path.join(directory, 'volume/taken'));
  await assert.rejects(prepareEmptyDisk({ ...spec, place: place(directory, 'taken') }), { code: 'UnexpectedFile' });
  await assert.rejects(prepareEmptyDisk({ ...spec, place: place(directory, '../up') }), { code: 'Assertion' });
  assert.deepEqual(fs.readdirSync(victim), []);
});

void test(
  'a seed holds the three files, has the right label, and equal input gives equal bytes',
  { skip },
  async () => {
    using cleanup = new DisposableStack();
    const directory = temporary(cleanup);
    const staging = path.join(directory, 'staging');
    const spec = {
      stagingDirectory: staging,
      metaData: { 'instance-id': 'abc', 'local-hostname': 'guest' },
      userData: '#cloud-config\npassword: secret\n',
      networkData: 'version: 2\n',
    };
    assert.deepEqual(await prepareNoCloudSeed({ ...spec, place: place(directory, 'a.iso') }), { created: true });
    await prepareNoCloudSeed({ ...spec, place: place(directory, 'b.iso') });
    const [a, b] = ['a.iso', 'b.iso'].map((name) => path.join(directory, 'volume', name));
    assert.ok(a !== undefined && b !== undefined);
    assert.ok(fs.readFileSync(a).equals(fs.readFileSync(b)));
    assert.deepEqual(fs.readdirSync(staging), []);
    const out = path.join(directory, 'out');
    execFileSync('xorriso', ['-osirrox', 'on', '-indev', a, '-extract', '/', out], {
      stdio: 'ignore',
      timeout: 10_000,
    });
    assert.deepEqual(fs.readdirSync(out).sort(), ['meta-data', 'network-config', 'user-data']);
    assert.equal(fs.readFileSync(path.join(out, 'user-data'), 'utf8'), spec.userData);
    assert.deepEqual(JSON.parse(fs.readFileSync(path.join(out, 'meta-data'), 'utf8')), spec.metaData);
    const listed = execFileSync('xorriso', ['-indev', a, '-pvd_info'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: 10_000,
    });
    assert.match(listed, /Volume Id\s*: cidata/);
    assert.equal(fs.readFileSync(a).subarray(0x8001, 0x8006).toString(), 'CD001');
    await prepareConfigDriveSeed({ ...spec, place: place(directory, 'drive.iso') });
    const drive = path.join(directory, 'drive');
    execFileSync(
      'xorriso',
      ['-osirrox', 'on', '-indev', path.join(directory, 'volume/drive.iso'), '-extract', '/', drive],
      {
        stdio: 'ignore',
        timeout: 10_000,
      },
    );
    assert.deepEqual(fs.readdirSync(path.join(drive, 'openstack/latest')).sort(), [
      'meta_data.json',
      'network_data.json',
      'user_data',
    ]);
    assert.equal(fs.readFileSync(path.join(drive, 'openstack/latest/user_data'), 'utf8'), spec.userData);
    await assert.rejects(
      prepareNoCloudSeed({ ...spec, userData: 'x'.repeat(5 << 20), place: place(directory, 'c.iso') }),
      { code: 'CloudInitTooLarge' },
    );
  },
);
