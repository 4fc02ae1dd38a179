import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { lstat, mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { eventType, podType } from '../../apimachinery/core.ts';
import type { Pod } from '../../apimachinery/core.ts';
import { isNotFound } from '../../apimachinery/status.ts';
import { pollUntil } from '../../base/deadline.ts';
import { silentLogger } from '../../base/logger.ts';
import { createMemoryClient } from '../../client/memory-client.ts';
import { createReactor } from '../../linux/reactor/reactor.ts';
import type { PodNetwork } from '../podnetwork/pod-network.ts';
import { prepareSandboxHost } from '../sandbox/sandbox-host.ts';
import type { SandboxHost } from '../sandbox/sandbox-host.ts';
import { deleteSandbox, listSandboxes, removeSandboxRemains } from '../sandbox/sandbox.ts';
import { sandboxCgroup } from '../sandbox/settings.ts';
import { openImageStore } from '../volumes/image-store.ts';
import { createTestNetwork, testImageSettings, testLauncherPod, testSettings } from './host-fixture.ts';
import type { PodRuntimeSettings } from './settings.ts';
import { startPodRuntime } from './pod-runtime.ts';

const run = promisify(execFile);

async function unable(): Promise<string | false> {
  if (process.getuid?.() !== 0) {
    return 'needs root';
  }
  for (const tool of ['runc', 'virsh', 'qemu-system-x86_64', 'skopeo']) {
    try {
      await run(tool, ['--version']);
    } catch {
      return `needs ${tool}`;
    }
  }
  return false;
}

const skip = await unable();

describe('pod runtime', { skip, timeout: 120_000 }, () => {
  let dir: string;
  let settings: PodRuntimeSettings;
  let image: string;
  let network: PodNetwork;
  let hostFacts: SandboxHost;
  const client = createMemoryClient();
  const reactor = createReactor();
  const runtimes: AbortController[] = [];

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'vmlet-pods-'));
    settings = testSettings(dir, `pods-${process.pid}`);
    network = createTestNetwork(dir);
    hostFacts = prepareSandboxHost(settings.sandbox, { kvm: undefined });
    image = await makeImage(dir);
  });

  after(async () => {
    runtimes.forEach((controller) => controller.abort());
    reactor.close();
    const left = await listSandboxes(settings.sandbox);
    for (const { id } of left) {
      await deleteSandbox(settings.sandbox, id);
    }
    await createTestNetwork(dir).retainOnly(new Set());
    await removeSandboxRemains(settings.sandbox);
    await rm(dir, { recursive: true, force: true });
    assert.deepEqual(left, []);
  });

  async function start() {
    const controller = new AbortController();
    runtimes.push(controller);
    const runtime = await startPodRuntime({
      client,
      settings,
      network,
      reactor,
      images: await openImageStore(testImageSettings(dir)),
      hostFacts,
      logger: silentLogger,
      signal: controller.signal,
    });
    return {
      runtime,
      async stop() {
        controller.abort();
        await runtime.closed;
      },
    };
  }

  async function reach(name: string, what: (pod: Pod) => boolean, timeoutMs = 20_000): Promise<Pod> {
    let last: Pod | undefined;
    try {
      return await pollUntil(
        async () => {
          last = await client.get(podType, { namespace: 'default', name });
          return what(last) ? last : undefined;
        },
        { timeoutMs, doing: `wait for Pod ${name}` },
      );
    } catch (error) {
      throw new Error(`last status: ${JSON.stringify(last?.status)}`, { cause: error });
    }
  }

  async function disappear(name: string): Promise<void> {
    await pollUntil(
      async () =>
        client.get(podType, { namespace: 'default', name }).then(
          () => undefined,
          (error: unknown) => (isNotFound(error) ? true : undefined),
        ),
      { timeoutMs: 20_000, doing: `wait until Pod ${name} is gone` },
    );
  }

  async function assertNothingLeft(uid: string): Promise<void> {
    assert.deepEqual(
      (await listSandboxes(settings.sandbox)).filter(({ id }) => id === uid),
      [],
    );
    assert.equal(existsSync(`${settings.kubeletDir}/pods/${uid}`), false, 'Pod directory left');
    assert.equal(existsSync(join(dir, 'netns', uid)), false, 'network left');
    for (const name of ['', ...(await readdir('/sys/fs/cgroup'))]) {
      assert.equal(
        existsSync(join('/sys/fs/cgroup', name, sandboxCgroup(settings.sandbox, uid))),
        false,
        `cgroup in ${name}`,
      );
    }
    const mounts = await readFile('/proc/self/mountinfo', 'utf8');
    assert.equal(mounts.includes(uid), false, 'mount left');
  }

  it('runs a launcher, adopts it after a restart, and leaves nothing after deletion', async () => {
    const first = await start();
    const { uid } = await create(testLauncherPod('vm1', image));
    const running = await reach('vm1', (pod) => pod.status?.phase === 'Running');
    assert.equal(running.status?.podIP, '10.0.0.7');
    assert.equal(running.status?.hostIP, '192.0.2.1');
    assert.equal(running.status?.qosClass, 'Burstable');
    assert.equal(condition(running, 'ContainersReady'), 'True');
    assert.equal(condition(running, 'Ready'), 'False');
    const volumes = `${settings.kubeletDir}/pods/${uid}/volumes`;
    assert.equal(await readFile(`${volumes}/kubernetes.io~image/disk-0/disk/disk.img`, 'utf8'), 'image content');
    assert.equal((await lstat(`${volumes}/kubernetes.io~empty-dir/private`)).uid, 107);
    const [box] = await listSandboxes(settings.sandbox);
    assert.ok(box !== undefined);
    const inside = `/proc/${box.pid}/root/run/kubevirt-image-volume/disk_0/disk/disk.img`;
    assert.equal(await readFile(inside, 'utf8'), 'image content');
    await assert.rejects(writeFile(inside, 'x'), { code: 'EROFS' });

    // The agent opens the readiness gate through the API.
    const conditions = [
      ...(running.status?.conditions ?? []),
      { type: 'kubevirt.io/virtual-machine-unpaused', status: 'True' as const },
    ];
    await client.update(podType, { ...running, status: { ...running.status, conditions } }, { subresource: 'status' });
    await reach('vm1', (pod) => condition(pod, 'Ready') === 'True');
    await first.stop();
    assert.ok(existsSync(`/proc/${box.pid}`), 'the sandbox must outlive the runtime');

    const second = await start();
    await second.runtime.idle();
    const after = await reach('vm1', (pod) => pod.status?.phase === 'Running');
    assert.equal(after.status?.containerStatuses?.[0]?.restartCount, 0);
    assert.deepEqual(
      (await listSandboxes(settings.sandbox)).map(({ pid }) => pid),
      [box.pid],
    );
    await client.delete(podType, { namespace: 'default', name: 'vm1' }, { gracePeriodSeconds: 20 });
    await disappear('vm1');
    await second.runtime.idle();
    await assertNothingLeft(uid);
    const reasons = (await client.list(eventType)).items.map(({ reason }) => reason);
    for (const reason of ['Pulling', 'Pulled', 'Created', 'Started', 'Killing']) {
      assert.ok(reasons.includes(reason), `no event ${reason}`);
    }
    await second.stop();
  });

  it('tells exit 0 from a kill, and keeps a finished Pod off the host', async () => {
    const runtime = await start();
    for (const [name, signal, phase, exitCode] of [
      ['ends', 'SIGUSR1', 'Succeeded', 0],
      ['killed', 'SIGKILL', 'Failed', 137],
    ] as const) {
      const { uid } = await create(testLauncherPod(name, image));
      await reach(name, (pod) => pod.status?.phase === 'Running');
      const box = (await listSandboxes(settings.sandbox)).find(({ id }) => id === uid);
      assert.ok(box !== undefined);
      await pollUntil(
        () =>
          existsSync(`/proc/${box.pid}/root/run/libvirt/libvirtd.pid`) ||
          existsSync(`/proc/${box.pid}/root/run/libvirt/virtqemud.pid`)
            ? true
            : undefined,
        { timeoutMs: 10_000, doing: 'wait for the daemon' },
      );
      process.kill(box.pid, signal);
      const ended = await reach(name, (pod) => pod.status?.phase === phase);
      assert.equal(ended.status?.containerStatuses?.[0]?.state.terminated?.exitCode, exitCode);
      await runtime.runtime.idle();
      await pollUntil(() => (existsSync(`${settings.kubeletDir}/pods/${uid}`) ? undefined : true), {
        timeoutMs: 10_000,
        doing: 'wait for the clean-up',
      });
      await assertNothingLeft(uid);
      await client.delete(podType, { namespace: 'default', name }, { gracePeriodSeconds: 0 });
    }
    await runtime.stop();
  });

  it('finds at its start: a Pod deleted meanwhile, a sandbox without Pod, a Pod whose sandbox is gone', async () => {
    const first = await start();
    const deleted = await create(testLauncherPod('deleted', image));
    const forced = await create(testLauncherPod('forced', image));
    const lost = await create(testLauncherPod('lost', image));
    for (const name of ['deleted', 'forced', 'lost']) {
      await reach(name, (pod) => pod.status?.phase === 'Running');
    }
    await first.runtime.idle();
    await first.stop();
    await client.delete(podType, { namespace: 'default', name: 'deleted' }, { gracePeriodSeconds: 15 });
    await client.delete(podType, { namespace: 'default', name: 'forced' }, { gracePeriodSeconds: 0 });
    await run('runc', ['--root', `${settings.sandbox.runDir}/runtime`, 'delete', '--force', lost.uid]);
    await rm(`${settings.sandbox.runDir}/bundles/${lost.uid}`, { recursive: true });
    const second = await start();
    await disappear('deleted');
    await reach('lost', (pod) => pod.status?.phase === 'Failed' && pod.status.reason === 'NodeRestarted');
    await client.delete(podType, { namespace: 'default', name: 'lost' }, { gracePeriodSeconds: 0 });
    await second.runtime.idle();
    for (const { uid } of [deleted, forced, lost]) {
      await assertNothingLeft(uid);
    }
    await second.stop();
  });

  it('refuses other Pods and says which image is missing', async () => {
    const runtime = await start();
    const stranger = testLauncherPod('stranger', image);
    stranger.spec.containers.forEach((container) => {
      container.image = 'nginx';
    });
    await create(stranger);
    const refused = await reach('stranger', (pod) => pod.status?.phase === 'Failed');
    assert.match(refused.status?.message ?? '', /only VM launcher Pods/u);

    const missing = `oci:${join(dir, 'local', 'not-there')}`;
    await create(testLauncherPod('waits', missing));
    const waiting = await reach(
      'waits',
      (pod) => pod.status?.containerStatuses?.[0]?.state.waiting?.reason === 'ErrImagePull',
    );
    assert.match(waiting.status?.containerStatuses?.[0]?.state.waiting?.message ?? '', /is not there/u);
    await create(testLauncherPod('outside', 'docker-archive:/etc/passwd'));
    const outside = await reach(
      'outside',
      (pod) => pod.status?.containerStatuses?.[0]?.state.waiting?.reason === 'ErrImagePull',
    );
    assert.match(outside.status?.containerStatuses?.[0]?.state.waiting?.message ?? '', /only images below/u);
    for (const name of ['stranger', 'waits', 'outside']) {
      await client.delete(podType, { namespace: 'default', name });
      await disappear(name);
    }
    await runtime.stop();
  });

  async function create(pod: Pod): Promise<{ uid: string }> {
    const { metadata } = await client.create(podType, pod);
    assert.ok(metadata.uid !== undefined);
    return { uid: metadata.uid };
  }
});

function condition(pod: Pod, type: string): string | undefined {
  return pod.status?.conditions?.find((candidate) => candidate.type === type)?.status;
}

/** An OCI layout with one layer that holds disk/disk.img, made by tar and skopeo. */
async function makeImage(dir: string): Promise<string> {
  const work = join(dir, 'make');
  await mkdir(join(work, 'root/disk'), { recursive: true });
  await mkdir(join(dir, 'local'), { recursive: true });
  await writeFile(join(work, 'root/disk/disk.img'), 'image content');
  await run('tar', ['-C', join(work, 'root'), '-cf', join(work, 'layer.tar'), 'disk']);
  const layer = (await run('sha256sum', [join(work, 'layer.tar')])).stdout.slice(0, 64);
  const config = JSON.stringify({
    architecture: 'amd64',
    os: 'linux',
    config: {},
    rootfs: { type: 'layers', diff_ids: [`sha256:${layer}`] },
  });
  await mkdir(join(work, 'image'));
  await writeFile(join(work, 'config'), config);
  const configDigest = (await run('sha256sum', [join(work, 'config')])).stdout.slice(0, 64);
  await run('cp', [join(work, 'layer.tar'), join(work, 'image', layer)]);
  await writeFile(join(work, 'image', configDigest), config);
  await writeFile(join(work, 'image/version'), 'Directory Transport Version: 1.1\n');
  const { size } = await stat(join(work, 'layer.tar'));
  await writeFile(
    join(work, 'image/manifest.json'),
    JSON.stringify({
      schemaVersion: 2,
      mediaType: 'application/vnd.docker.distribution.manifest.v2+json',
      config: {
        mediaType: 'application/vnd.docker.container.image.v1+json',
        size: config.length,
        digest: `sha256:${configDigest}`,
      },
      layers: [{ mediaType: 'application/vnd.docker.image.rootfs.diff.tar', size, digest: `sha256:${layer}` }],
    }),
  );
  const target = `oci:${join(dir, 'local', 'guest')}`;
  await run('skopeo', ['--insecure-policy', 'copy', `dir:${join(work, 'image')}`, target]);
  return target;
}
