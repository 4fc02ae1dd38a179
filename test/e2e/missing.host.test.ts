/** What a VM needs and does not find: shown with cause and remedy, tried again, and mended without anybody's help. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, rmSync, statfsSync, writeFileSync, readFileSync, mkdtempSync, appendFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { secretType, type Secret } from '../../src/apimachinery/core.ts';
import type { VirtualMachineInstance } from '../../src/vm/kinds/virtualmachineinstance/types.ts';
import { demoGuest, missingForHostTests, startInstance, type TestInstance } from '../support/instance.ts';
import { assertNothingLeft, condition, waitForEvent } from '../support/faults.ts';
import { run, traces } from '../support/host.ts';
import { create, find, machineManifest, remove, waitFor, waitForPhase, waitGone } from '../support/machines.ts';
import { registryMissing, startRegistry } from '../support/registry.ts';

const skip = missingForHostTests() ?? registryMissing ?? false;

/** Waits for the condition that tells of a problem, checks that an event tells it too, and gives its text. */
async function problem(instance: TestInstance, name: string, pattern: RegExp): Promise<string> {
  const vmi = await waitFor(
    instance,
    name,
    `a problem like ${pattern}`,
    (seen) =>
      condition(seen, 'Synchronized')?.status === 'False' &&
      pattern.test(condition(seen, 'Synchronized')?.message ?? ''),
    30_000,
  );
  const message = condition(vmi, 'Synchronized')?.message ?? '';
  assert.equal((await waitForEvent(instance, name, pattern)).type, 'Warning');
  return message;
}

async function clean(instance: TestInstance, name: string, before: readonly string[]): Promise<void> {
  await remove(instance, name);
  await waitGone(instance, name);
  await assertNothingLeft(instance, before);
}

function withDisk(manifest: VirtualMachineInstance, volume: object): VirtualMachineInstance {
  manifest.spec.domain.devices.disks = [{ name: 'extra', disk: { bus: 'virtio' } }];
  manifest.spec.volumes = [{ name: 'extra', ...volume }];
  return manifest;
}

function secret(name: string, type: string, data: Record<string, string>): Secret {
  const encoded = Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString('base64')]);
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace: 'default' },
    type,
    data: Object.fromEntries(encoded) as Record<string, string>,
  };
}

function dockerConfig(host: string, password: string): string {
  return JSON.stringify({ auths: { [host]: { auth: Buffer.from(`tester:${password}`).toString('base64') } } });
}

test(
  'what is missing is named, and the VM goes on by itself once it is there',
  { skip, timeout: 200_000 },
  async (t) => {
    const registry = await startRegistry(t, { guarded: true });
    registry.push(demoGuest, 'guest:v1');
    registry.push(diskImage(t), 'chained:v1');
    const instance = await startInstance(t);
    const before = traces(instance);
    const guarded = `${registry.host}/guest:v1`;

    await t.test('a Secret with cloud-init data', async () => {
      const manifest = withDisk(machineManifest('seedless'), { cloudInitNoCloud: { secretRef: { name: 'seed' } } });
      await create(instance, manifest);
      const message = await problem(instance, 'seedless', /Secret "seed"/);
      assert.match(message, /does not exist.*create it/);
      await instance.api.client.create(secretType, secret('seed', 'Opaque', { userdata: '#cloud-config\n' }));
      await waitForPhase(instance, 'seedless', 'Running', 20_000);
      await clean(instance, 'seedless', before);
    });

    await t.test('the right pull secret', async () => {
      const config = (password: string): Record<string, string> => ({
        '.dockerconfigjson': dockerConfig(registry.host, password),
      });
      const type = 'kubernetes.io/dockerconfigjson';
      await instance.api.client.create(secretType, secret('pull', type, config('wrong')));
      await create(instance, machineManifest('refused', { image: guarded, pullSecret: 'pull' }));
      assert.match(await problem(instance, 'refused', /refused access/), /imagePullSecret|pull secret/i);
      const stored = await instance.api.client.get(secretType, { namespace: 'default', name: 'pull' });
      await instance.api.client.update(secretType, {
        ...stored,
        data: secret('pull', type, config('secret')).data ?? {},
      });
      await waitForPhase(instance, 'refused', 'Running', 40_000);
      await clean(instance, 'refused', before);
    });

    await t.test('the kernel in its image', async () => {
      const manifest = machineManifest('kernelless');
      const container = manifest.spec.domain.firmware?.kernelBoot?.container;
      assert.ok(container !== undefined);
      container.kernelPath = '/boot/none';
      await create(instance, manifest);
      const message = await problem(instance, 'kernelless', /\/boot\/none/);
      assert.match(message, /kernelPath/);
      assert.match(message, /demo-guest/);
      await clean(instance, 'kernelless', before);
    });

    await t.test('an image that must not be pulled', async () => {
      await create(instance, machineManifest('unpulled', { image: `${registry.host}/other:v1`, pullPolicy: 'Never' }));
      const message = await problem(instance, 'unpulled', /Never/);
      assert.match(message, /other:v1/);
      await clean(instance, 'unpulled', before);
    });

    await t.test('a disk image that points at another file is refused', async () => {
      const manifest = withDisk(machineManifest('chained'), {
        containerDisk: { image: `${registry.host}/chained:v1`, imagePullSecret: 'pull' },
      });
      await create(instance, manifest);
      await problem(instance, 'chained', /backing file/);
      assert.equal((await find(instance, 'chained'))?.status?.phase, 'Scheduled');
      await clean(instance, 'chained', before);
    });
  },
);

test('a full disk is named, and the VM goes on by itself once there is room', { skip, timeout: 120_000 }, async (t) => {
  const instance = await startInstance(t, [], { stateMebibytes: 96 });
  const before = traces(instance);
  const ballast = join(instance.stateDir, 'ballast');
  fill(ballast, 6);
  await create(instance, machineManifest('roomless'));
  assert.match(await problem(instance, 'roomless', /no space/i), /free/);

  await t.test('with no byte left the API says so and loses nothing', async () => {
    await remove(instance, 'roomless');
    await waitGone(instance, 'roomless');
    fill(ballast, 0);
    const made: string[] = [];
    const fillUp = async (): Promise<void> => {
      for (let index = 0; index < 200; index++) {
        const name = `stored-${index}`;
        await instance.api.client.create(secretType, secret(name, 'Opaque', { blob: 'x'.repeat(60_000) }));
        made.push(name);
      }
    };
    try {
      await assert.rejects(fillUp(), /no space left/i);
    } finally {
      rmSync(ballast);
    }
    await instance.api.client.create(secretType, secret('after', 'Opaque', { blob: 'x' }));
    await instance.stop('SIGKILL');
    await instance.start();
    const names = (await instance.api.client.list(secretType, { namespace: 'default' })).items.map(
      (item) => item.metadata.name,
    );
    for (const name of [...made, 'after']) {
      assert.ok(names.includes(name), `${name} was acknowledged`);
    }
  });

  await t.test('once there is room the VM runs', async () => {
    fill(ballast, 6);
    await create(instance, machineManifest('roomless'));
    await problem(instance, 'roomless', /no space/i);
    rmSync(ballast);
    await waitForPhase(instance, 'roomless', 'Running', 40_000);
    await clean(instance, 'roomless', before);
  });
});

/** Fills the file system of `path` until so many MiB are left. */
function fill(path: string, leaveMebibytes: number): void {
  const { bavail, bsize } = statfsSync(join(path, '..'));
  const bytes = Math.max(0, bavail * bsize - leaveMebibytes * 1024 * 1024);
  appendFileSync(path, Buffer.alloc(bytes));
}

/** An image with a qcow2 disk whose header names another file as its base; in skopeo's directory form. */
function diskImage(t: TestContext): string {
  const work = mkdtempSync(join(tmpdir(), 'vmlet-chained-'));
  t.after(() => rmSync(work, { recursive: true, force: true }));
  mkdirSync(join(work, 'root/disk'), { recursive: true });
  const disk = join(work, 'root/disk/disk.qcow2');
  run('qemu-img', 'create', '-q', '-u', '-f', 'qcow2', '-F', 'raw', '-b', '/etc/shadow', disk, '1M');
  run('tar', '-C', join(work, 'root'), '-cf', join(work, 'layer'), 'disk');
  const target = join(work, 'dir');
  mkdirSync(target);
  const store = (bytes: Buffer): { size: number; digest: string } => {
    const hex = createHash('sha256').update(bytes).digest('hex');
    writeFileSync(join(target, hex), bytes);
    return { size: bytes.length, digest: `sha256:${hex}` };
  };
  const layer = store(readFileSync(join(work, 'layer')));
  const rootfs = { type: 'layers', diff_ids: [layer.digest] };
  const config = store(Buffer.from(JSON.stringify({ architecture: 'amd64', os: 'linux', config: {}, rootfs })));
  const docker = 'application/vnd.docker';
  const manifest = {
    schemaVersion: 2,
    mediaType: `${docker}.distribution.manifest.v2+json`,
    config: { mediaType: `${docker}.container.image.v1+json`, ...config },
    layers: [{ mediaType: `${docker}.image.rootfs.diff.tar`, ...layer }],
  };
  writeFileSync(join(target, 'version'), 'Directory Transport Version: 1.1\n');
  writeFileSync(join(target, 'manifest.json'), JSON.stringify(manifest));
  return `dir:${target}`;
}
