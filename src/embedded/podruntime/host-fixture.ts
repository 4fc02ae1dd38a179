/** Shared by crash.host.test.ts and the child that it kills: settings, a Pod, a network that is only a namespace. */
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Pod } from '../../apimachinery/core.ts';
import { createPinnedNetworkNamespace, removePinnedNamespace } from '../../linux/namespace/namespace.ts';
import { silentLogger } from '../../base/logger.ts';
import type { KubeClient } from '../../client/client.ts';
import { createCertificates } from '../apiserver/pki.ts';
import { createApiServer } from '../apiserver/server.ts';
import type { PodNetwork } from '../podnetwork/pod-network.ts';
import { openLmdbStore } from '../store/lmdb-backend.ts';
import { launcherEnvironment } from '../sandbox/capabilities-cache.ts';
import { sandboxSettings } from '../sandbox/settings.ts';
import type { ImageStoreSettings } from '../volumes/image-store.ts';
import { podRuntimeDefaults } from './settings.ts';
import type { PodRuntimeSettings } from './settings.ts';

export function testSettings(dir: string, instance: string): PodRuntimeSettings {
  return {
    ...podRuntimeDefaults,
    nodeName: 'node1',
    hostIPs: ['192.0.2.1'],
    kubeletDir: `${dir}/state/kubelet`,
    sandbox: sandboxSettings({ instance, stateDir: `${dir}/state`, runDir: `${dir}/run` }),
  };
}

/** The real API server on a store that outlives the process. */
export async function openTestApi(dir: string): Promise<{ readonly client: KubeClient; close(): Promise<void> }> {
  const store = openLmdbStore({ path: join(dir, 'store.mdb') });
  const { server: tls } = await createCertificates({ directory: join(dir, 'pki') });
  const server = await createApiServer({ store, logger: silentLogger, tls });
  return {
    client: server.client,
    async close() {
      await server.close();
      await store.close();
    },
  };
}

export function testImageSettings(dir: string): ImageStoreSettings {
  return {
    dir: `${dir}/state/images`,
    runDir: `${dir}/run/images`,
    localImageDirs: [join(dir, 'local')],
    insecureRegistries: [],
  };
}

/** State is what is on the host, as for the real one: a pinned namespace per Pod below `<dir>/netns`. */
export function createTestNetwork(dir: string): PodNetwork {
  const parent = join(dir, 'netns');
  mkdirSync(parent, { recursive: true });
  const network: PodNetwork = {
    async setup({ uid }) {
      const netnsPath = join(parent, uid);
      if (!existsSync(netnsPath)) {
        createPinnedNetworkNamespace(netnsPath);
      }
      return { netnsPath, ips: ['10.0.0.7', 'fd00::7'] };
    },
    async teardown(uid) {
      if (existsSync(join(parent, uid))) {
        removePinnedNamespace(join(parent, uid));
      }
    },
    async retainOnly(uids) {
      for (const uid of readdirSync(parent)) {
        if (!uids.has(uid)) {
          await network.teardown(uid);
        }
      }
    },
  };
  return network;
}

export function testLauncherPod(name: string, image?: string): Pod {
  const emptyDirs = {
    private: 'kubevirt-private',
    'libvirt-runtime': 'libvirt',
    'ephemeral-disks': 'kubevirt-ephemeral-disks',
  };
  const imageMount = { name: 'disk-0', mountPath: '/var/run/kubevirt-image-volume/disk_0', readOnly: true };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default' },
    spec: {
      nodeName: 'node1',
      restartPolicy: 'Never',
      readinessGates: [{ conditionType: 'kubevirt.io/virtual-machine-unpaused' }],
      containers: [
        {
          name: 'compute',
          image: 'vmlet-launcher',
          command: ['/usr/lib/vmlet/init'],
          env: launcherEnvironment.map(({ name, value }) => ({ name, value })),
          resources: {
            limits: { memory: '512Mi', 'devices.kubevirt.io/tun': '1' },
            requests: { cpu: '100m', memory: '256Mi' },
          },
          volumeMounts: [
            ...Object.entries(emptyDirs).map(([volume, path]) => ({ name: volume, mountPath: `/var/run/${path}` })),
            ...(image === undefined ? [] : [imageMount]),
          ],
        },
      ],
      volumes: [
        ...Object.keys(emptyDirs).map((volume) => ({ name: volume, emptyDir: {} })),
        ...(image === undefined ? [] : [{ name: 'disk-0', image: { reference: image } }]),
      ],
    },
  };
}
