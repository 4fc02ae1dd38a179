import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { podType } from '../../apimachinery/core.ts';
import { isNotFound } from '../../apimachinery/status.ts';
import { pollUntil } from '../../base/deadline.ts';
import { silentLogger } from '../../base/logger.ts';
import type { KubeClient } from '../../client/client.ts';
import { createReactor } from '../../linux/reactor/reactor.ts';
import { deleteSandbox, listSandboxes, removeSandboxRemains } from '../sandbox/sandbox.ts';
import { prepareSandboxHost } from '../sandbox/sandbox-host.ts';
import { sandboxCgroup } from '../sandbox/settings.ts';
import { openImageStore } from '../volumes/image-store.ts';
import { createTestNetwork, openTestApi, testImageSettings, testLauncherPod, testSettings } from './host-fixture.ts';
import { startPodRuntime } from './pod-runtime.ts';

const run = promisify(execFile);

async function unable(): Promise<string | false> {
  if (process.getuid?.() !== 0) {
    return 'needs root';
  }
  for (const tool of ['runc', 'virsh', 'qemu-system-x86_64']) {
    try {
      await run(tool, ['--version']);
    } catch {
      return `needs ${tool}`;
    }
  }
  return false;
}

/** Each is a kill -9 at that point of a start; the next process must bring the Pod up exactly once. */
const startSteps = [
  'network set up',
  'before sandbox',
  'in sandbox start 5',
  'in sandbox start 15',
  'in sandbox start 30',
  'in sandbox start 45',
  'before status Running',
  'after status Running',
];
/** And of a deletion; the next process must leave nothing. */
const deleteSteps = [
  'before status Succeeded',
  'after status Succeeded',
  'sandbox deleted',
  'network torn down',
  'before delete',
  'after delete',
];
const skip = await unable();

describe('pod runtime killed with -9', { skip, timeout: 180_000 }, () => {
  let dir: string;
  const instance = `crash-${process.pid}`;

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'vmlet-crash-'));
  });
  after(async () => {
    const settings = testSettings(dir, instance);
    const left = await listSandboxes(settings.sandbox);
    for (const { id } of left) {
      await deleteSandbox(settings.sandbox, id);
    }
    await createTestNetwork(dir).retainOnly(new Set());
    await removeSandboxRemains(settings.sandbox);
    await rm(dir, { recursive: true, force: true });
    assert.deepEqual(left, []);
  });

  async function runChild(step: string): Promise<void> {
    const child = spawn(process.execPath, [join(import.meta.dirname, 'crash-child.ts'), step, dir, instance], {
      stdio: ['ignore', 'ignore', 'inherit'],
      timeout: 30_000,
      killSignal: 'SIGTERM',
    });
    const [, signal] = (await once(child, 'exit')) as [number | null, string | null];
    assert.equal(signal, 'SIGKILL', `the child never came to "${step}"`);
  }

  async function withApi<T>(body: (client: KubeClient) => Promise<T>): Promise<T> {
    const api = await openTestApi(dir);
    try {
      return await body(api.client);
    } finally {
      await api.close();
    }
  }

  /** Another life of the runtime, with the API as the dead one left it. */
  function withRuntime(body: (client: KubeClient) => Promise<void>): Promise<void> {
    return withApi(async (client) => {
      const settings = testSettings(dir, instance);
      const controller = new AbortController();
      const reactor = createReactor();
      const runtime = await startPodRuntime({
        client,
        settings,
        reactor,
        network: createTestNetwork(dir),
        images: await openImageStore(testImageSettings(dir)),
        hostFacts: prepareSandboxHost(settings.sandbox, { kvm: undefined }),
        logger: silentLogger,
        signal: controller.signal,
      });
      try {
        await body(client);
        await runtime.idle();
      } finally {
        controller.abort();
        await runtime.closed;
        reactor.close();
      }
    });
  }

  async function createPod(): Promise<string> {
    const { metadata } = await withApi((client) => client.create(podType, testLauncherPod('vm')));
    assert.ok(metadata.uid !== undefined);
    return metadata.uid;
  }

  const requestDeletion = (client: KubeClient) =>
    client.delete(podType, key, { gracePeriodSeconds: 15 }).catch((error: unknown) => assert.ok(isNotFound(error)));

  async function removePod(client: KubeClient): Promise<void> {
    await requestDeletion(client);
    await pollUntil(
      () =>
        client.get(podType, key).then(
          () => undefined,
          (error: unknown) => (isNotFound(error) ? true : undefined),
        ),
      { timeoutMs: 20_000, doing: 'wait until the Pod is gone' },
    );
  }

  async function assertNothingLeft(uid: string): Promise<void> {
    const settings = testSettings(dir, instance);
    assert.deepEqual(await listSandboxes(settings.sandbox), []);
    assert.equal(existsSync(`${settings.kubeletDir}/pods/${uid}`), false);
    assert.equal(existsSync(join(dir, 'netns', uid)), false);
    assert.equal(existsSync(`${settings.sandbox.runDir}/bundles/${uid}`), false);
    for (const name of ['', ...(await readdir('/sys/fs/cgroup'))]) {
      assert.equal(existsSync(join('/sys/fs/cgroup', name, sandboxCgroup(settings.sandbox, uid))), false, name);
    }
  }

  for (const step of startSteps) {
    it(`during start: ${step}`, async () => {
      const uid = await createPod();
      await runChild(step);
      await withRuntime(async (client) => {
        await pollUntil(
          async () => {
            const { status } = await client.get(podType, key);
            assert.notEqual(status?.phase, 'Failed', JSON.stringify(status));
            return status?.phase === 'Running' ? true : undefined;
          },
          { timeoutMs: 20_000, doing: 'wait for Running' },
        );
        const boxes = await listSandboxes(testSettings(dir, instance).sandbox);
        assert.deepEqual(
          boxes.map(({ id, status }) => [id, status]),
          [[uid, 'running']],
        );
        await removePod(client);
      });
      await assertNothingLeft(uid);
    });
  }

  for (const step of deleteSteps) {
    it(`during deletion: ${step}`, async () => {
      const uid = await createPod();
      await runChild('after status Running');
      await withApi(requestDeletion);
      await runChild(step);
      await withRuntime(removePod);
      await assertNothingLeft(uid);
    });
  }
});

const key = { namespace: 'default', name: 'vm' };
