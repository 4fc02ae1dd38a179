/** A Pod read as a launcher: which directories, images, mounts, devices and limits its sandbox gets. Pure. */
import { quantityBytes, quantityMilliCpu } from '../../apimachinery/quantity.ts';
import type { Container, Pod, PodVolume } from '../../apimachinery/core.ts';
import type { PullPolicy } from '../volumes/image-reference.ts';

export interface LauncherVolumeMount {
  readonly volume: string;
  readonly mountPath: string;
  readonly readOnly: boolean;
}

export interface LauncherPod {
  readonly container: string;
  readonly command: readonly string[];
  readonly env: readonly { readonly name: string; readonly value: string }[];
  readonly hostname: string;
  readonly emptyDirs: readonly string[];
  readonly images: readonly {
    readonly volume: string;
    readonly reference: string;
    readonly pullPolicy: PullPolicy | undefined;
  }[];
  readonly mounts: readonly LauncherVolumeMount[];
  /** Host device nodes asked for by `devices.kubevirt.io/...`. */
  readonly devices: readonly string[];
  readonly memoryLimitBytes: number | undefined;
  readonly cpuLimitMilli: number | undefined;
  readonly cpuRequestMilli: number | undefined;
  readonly pullSecrets: readonly string[];
}

export type ReadLauncherPod = { readonly launcher: LauncherPod } | { readonly refusal: string };

const devicePaths: Readonly<Record<string, string>> = {
  'devices.kubevirt.io/kvm': '/dev/kvm',
  'devices.kubevirt.io/tun': '/dev/net/tun',
  'devices.kubevirt.io/vhost-net': '/dev/vhost-net',
};
const devicePrefix = 'devices.kubevirt.io/';
const hostnameLimit = 63;

/** Gives the reason, for a person, when this Pod is nothing that the embedded runtime runs. */
export function readLauncherPod(pod: Pod, launcherImage: string): ReadLauncherPod {
  const [container, ...others] = pod.spec.containers;
  if (container === undefined || container.image !== launcherImage) {
    return {
      refusal:
        `the standalone node runs only VM launcher Pods (image ${launcherImage}), not image ` +
        `${JSON.stringify(container?.image ?? '')}; run ordinary containers on a Kubernetes cluster`,
    };
  }
  if (others.length > 0 || (pod.spec.initContainers ?? []).length > 0) {
    return { refusal: 'a launcher Pod has exactly one container here' };
  }
  const volumes = pod.spec.volumes ?? [];
  const unknown = volumes.find((volume) => volume.image === undefined && !isPlainEmptyDir(volume));
  if (unknown !== undefined) {
    return { refusal: `volume ${JSON.stringify(unknown.name)}: only emptyDir (on disk) and image volumes work here` };
  }
  const mounts = (container.volumeMounts ?? []).map((mount) => ({
    volume: mount.name,
    mountPath: mount.mountPath,
    readOnly: mount.readOnly === true || volumes.some(({ name, image }) => name === mount.name && image !== undefined),
  }));
  const stray = mounts.find(
    (mount) => !volumes.some(({ name }) => name === mount.volume) || !isPlainPath(mount.mountPath),
  );
  if (stray !== undefined) {
    return { refusal: `volume mount ${JSON.stringify(stray.volume)} names no volume or no plain absolute path` };
  }
  const devices = deviceRequests(container);
  const strange = devices.find((name) => devicePaths[name] === undefined);
  if (strange !== undefined) {
    return { refusal: `device ${strange} is not offered by this node` };
  }
  const { requests = {}, limits = {} } = container.resources ?? {};
  return {
    launcher: {
      container: container.name,
      command: [...(container.command ?? []), ...(container.args ?? [])],
      env: (container.env ?? []).map(({ name, value }) => ({ name, value: value ?? '' })),
      hostname: (pod.spec.hostname ?? pod.metadata.name).slice(0, hostnameLimit),
      emptyDirs: volumes.filter(isPlainEmptyDir).map(({ name }) => name),
      images: volumes.flatMap(({ name, image }) =>
        image === undefined ? [] : [{ volume: name, reference: image.reference, pullPolicy: image.pullPolicy }],
      ),
      mounts,
      devices: devices.flatMap((name) => devicePaths[name] ?? []),
      memoryLimitBytes: limits['memory'] === undefined ? undefined : Number(quantityBytes(limits['memory'])),
      cpuLimitMilli: limits['cpu'] === undefined ? undefined : quantityMilliCpu(limits['cpu']),
      cpuRequestMilli: requests['cpu'] === undefined ? undefined : quantityMilliCpu(requests['cpu']),
      pullSecrets: (pod.spec.imagePullSecrets ?? []).map(({ name }) => name),
    },
  };
}

/** kubelet's rule (pkg/apis/core/v1/helper/qos) for cpu and memory of all containers. */
export function qosClass(pod: Pod): 'Guaranteed' | 'Burstable' | 'BestEffort' {
  const containers = [...(pod.spec.initContainers ?? []), ...pod.spec.containers];
  const values = containers.flatMap(({ resources }) =>
    ['cpu', 'memory'].map((name) => ({
      limit: resources?.limits?.[name],
      request: resources?.requests?.[name] ?? resources?.limits?.[name],
    })),
  );
  if (values.every(({ limit, request }) => limit === undefined && request === undefined)) {
    return 'BestEffort';
  }
  return values.every(({ limit, request }) => limit !== undefined && limit === request) ? 'Guaranteed' : 'Burstable';
}

function isPlainEmptyDir(volume: PodVolume): boolean {
  return volume.emptyDir !== undefined && (volume.emptyDir.medium ?? '') === '';
}

function isPlainPath(path: string): boolean {
  return path.startsWith('/') && !path.split('/').includes('..');
}

function deviceRequests(container: Container): string[] {
  const { requests = {}, limits = {} } = container.resources ?? {};
  return Object.entries({ ...requests, ...limits })
    .filter(([name, quantity]) => name.startsWith(devicePrefix) && quantity !== '0')
    .map(([name]) => name);
}
