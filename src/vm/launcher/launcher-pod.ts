/**
 * The launcher Pod of a VMI: one container whose init runs a libvirt daemon, the images that the VM boots from, and the
 * resources that guest and overhead need. Pure: the same VMI and settings give the same Pod, name included, so that a
 * controller that crashed half-way finds its Pod again instead of making a second one.
 */
import { createHash } from 'node:crypto';
import type { Container, Pod, PodVolume, VolumeMount } from '../../apimachinery/core.ts';
import { formatBytes, formatMilli, quantityBytes } from '../../apimachinery/quantity.ts';
import { nodeNameLabel } from '../kinds/virtualmachineinstance/resource.ts';
import { guestMemoryBytes, vcpuCount } from '../kinds/virtualmachineinstance/sizing.ts';
import type { VirtualMachineInstance } from '../kinds/virtualmachineinstance/types.ts';
import {
  appLabel,
  computeContainer,
  containerDiskMount,
  createdByLabel,
  domainAnnotation,
  kernelBootMount,
  launcherLabel,
  launcherMounts,
  launcherUid,
  memoryOverheadAnnotation,
  seccompProfile,
  vmNameLabel,
} from './names.ts';
import { memoryOverheadBytes } from './overhead.ts';

export interface LauncherSettings {
  /** Image of the compute container; a name that the embedded pod runtime knows, or a real image on a cluster. */
  readonly image: string;
  /** False where guests are emulated: then the Pod asks for no KVM device. */
  readonly kvm: boolean;
  /** True where nodes offer /dev/vhost-net and guests can use it (KVM): Pods with a virtio card then ask for it. */
  readonly vhostNet?: boolean;
  /** Virtual CPUs per CPU requested; KubeVirt's default is 10. */
  readonly cpuAllocationRatio: number;
  /** Labels that every VM node has, such as kubevirt.io/schedulable; beside the VMI's own selector. */
  readonly nodeSelector?: Readonly<Record<string, string>>;
}

/** Beside the guest's own grace period: the daemon's stop and the last writes. */
const extraGraceSeconds = 15;
/** `virt-launcher-` and a suffix leave this much of the VMI's name within a DNS label of 63 characters. */
const maxNamePart = 43;

export function renderLauncherPod(vmi: VirtualMachineInstance, settings: LauncherSettings): Pod {
  const { spec } = vmi;
  const { volumes, mounts } = imageVolumes(vmi);
  const emptyDirs = Object.values(launcherMounts);
  const pullSecrets = imagePullSecrets(vmi);
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: podMetadata(vmi, settings),
    spec: {
      restartPolicy: 'Never',
      enableServiceLinks: false,
      automountServiceAccountToken: false,
      hostname: podHostname(vmi),
      ...(spec.subdomain === undefined || spec.subdomain === '' ? {} : { subdomain: spec.subdomain }),
      ...(spec.schedulerName === undefined ? {} : { schedulerName: spec.schedulerName }),
      ...(spec.tolerations === undefined ? {} : { tolerations: spec.tolerations }),
      ...(pullSecrets.length === 0 ? {} : { imagePullSecrets: pullSecrets }),
      terminationGracePeriodSeconds: (spec.terminationGracePeriodSeconds ?? 30) + extraGraceSeconds,
      nodeSelector: {
        ...spec.nodeSelector,
        ...settings.nodeSelector,
        ...(spec.architecture === undefined ? {} : { 'kubernetes.io/arch': spec.architecture }),
      },
      securityContext: {
        runAsUser: launcherUid,
        runAsGroup: launcherUid,
        fsGroup: launcherUid,
        runAsNonRoot: true,
        seccompProfile: { type: 'Localhost', localhostProfile: seccompProfile },
      },
      containers: [
        {
          name: computeContainer,
          image: settings.image,
          imagePullPolicy: 'IfNotPresent',
          command: ['/usr/lib/vmlet/init'],
          env: [
            { name: 'XDG_RUNTIME_DIR', value: '/var/run' },
            { name: 'XDG_CACHE_HOME', value: '/var/cache' },
            { name: 'XDG_CONFIG_HOME', value: launcherMounts.private.path },
            { name: 'HOME', value: launcherMounts.private.path },
          ],
          ...namedPorts(vmi),
          resources: podResources(vmi, settings),
          securityContext: {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ['ALL'] },
          },
          volumeMounts: [...emptyDirs.map(({ volume, path }) => ({ name: volume, mountPath: path })), ...mounts],
        },
      ],
      volumes: [...emptyDirs.map(({ volume }) => ({ name: volume, emptyDir: {} })), ...volumes],
    },
  };
}

function podMetadata(vmi: VirtualMachineInstance, settings: LauncherSettings): Pod['metadata'] {
  const { name, namespace, uid = '' } = vmi.metadata;
  const generateName = `virt-launcher-${name.slice(0, maxNamePart).replace(/[-.]+$/u, '')}-`;
  const annotations = Object.entries(vmi.metadata.annotations ?? {}).filter(([key]) => !key.startsWith('kubectl'));
  const labels = Object.entries(vmi.metadata.labels ?? {}).filter(([key]) => key !== nodeNameLabel);
  const overheadBytes = memoryOverheadBytes(vmi.spec, { emulated: !settings.kvm });
  return {
    name: `${generateName}${createHash('sha256').update(uid).digest('hex').slice(0, 5)}`,
    generateName,
    ...(namespace === undefined ? {} : { namespace }),
    labels: {
      ...Object.fromEntries(labels),
      [appLabel]: launcherLabel,
      [createdByLabel]: uid,
      [vmNameLabel]: podHostname(vmi),
    },
    annotations: {
      ...Object.fromEntries(annotations),
      [domainAnnotation]: name,
      [memoryOverheadAnnotation]: overheadBytes.toString(),
    },
    ownerReferences: [
      {
        apiVersion: vmi.apiVersion,
        kind: vmi.kind,
        name,
        uid,
        controller: true,
        blockOwnerDeletion: true,
      },
    ],
  };
}

/** A DNS label: the host name that was asked for, or the VMI's name up to its first dot. */
export function podHostname(vmi: VirtualMachineInstance): string {
  const wanted = vmi.spec.hostname ?? '';
  const base = wanted === '' ? (vmi.metadata.name.split('.')[0] ?? '') : wanted;
  return base.slice(0, 63).replace(/-+$/u, '');
}

/**
 * Requests and limits of the compute container. A memory limit is the guest's limit plus the overhead; without one the
 * Pod has none. Source: KubeVirt's rules.
 */
function podResources(vmi: VirtualMachineInstance, settings: LauncherSettings): NonNullable<Container['resources']> {
  const { domain } = vmi.spec;
  const { requests = {}, limits = {}, overcommitGuestOverhead } = domain.resources ?? {};
  const overheadBytes = memoryOverheadBytes(vmi.spec, { emulated: !settings.kvm });
  const guestBytes = guestMemoryBytes(vmi.spec) ?? 0n;
  const wantedBytes = requests['memory'] === undefined ? guestBytes : quantityBytes(requests['memory']);
  const requestBytes = wantedBytes + (overcommitGuestOverhead === true ? 0n : overheadBytes);
  const cpuMilli = Math.ceil((vcpuCount(vmi.spec) * 1000) / settings.cpuAllocationRatio);
  const interfaces = domain.devices.interfaces ?? [];
  const virtioCard = interfaces.some(({ model }) => model === undefined || model === 'virtio');
  const devices: Record<string, string> = {
    ...(settings.kvm ? { 'devices.kubevirt.io/kvm': '1' } : {}),
    'devices.kubevirt.io/tun': '1',
    ...(settings.vhostNet === true && virtioCard ? { 'devices.kubevirt.io/vhost-net': '1' } : {}),
  };
  return {
    requests: {
      cpu: requests['cpu'] ?? limits['cpu'] ?? formatMilli(cpuMilli),
      memory: formatBytes(requestBytes),
      ...devices,
    },
    limits: {
      ...(limits['cpu'] === undefined ? {} : { cpu: limits['cpu'] }),
      ...(limits['memory'] === undefined
        ? {}
        : { memory: formatBytes(quantityBytes(limits['memory']) + overheadBytes) }),
      ...devices,
    },
  };
}

/** The ports that the VMI names, so that a Service's target port may be a name. */
function namedPorts(vmi: VirtualMachineInstance): Pick<Container, 'ports'> {
  const ports = (vmi.spec.domain.devices.interfaces ?? []).flatMap((entry) => entry.ports ?? []);
  return ports.length === 0
    ? {}
    : {
        ports: ports.map(({ name, port, protocol }) => ({
          ...(name === undefined || name === '' ? {} : { name }),
          containerPort: port,
          protocol: protocol ?? 'TCP',
        })),
      };
}

function imageVolumes(vmi: VirtualMachineInstance): { volumes: PodVolume[]; mounts: VolumeMount[] } {
  const volumes: PodVolume[] = [];
  const mounts: VolumeMount[] = [];
  const add = (
    place: { volume: string; path: string },
    source: { image: string; imagePullPolicy?: 'Always' | 'IfNotPresent' | 'Never' },
  ): void => {
    const pullPolicy = source.imagePullPolicy === undefined ? {} : { pullPolicy: source.imagePullPolicy };
    volumes.push({ name: place.volume, image: { reference: source.image, ...pullPolicy } });
    mounts.push({ name: place.volume, mountPath: place.path, readOnly: true });
  };
  for (const [index, { containerDisk }] of (vmi.spec.volumes ?? []).entries()) {
    if (containerDisk !== undefined) {
      add(containerDiskMount(index), containerDisk);
    }
  }
  const kernel = vmi.spec.domain.firmware?.kernelBoot?.container;
  if (kernel !== undefined) {
    add(kernelBootMount, kernel);
  }
  return { volumes, mounts };
}

function imagePullSecrets(vmi: VirtualMachineInstance): { name: string }[] {
  const names = [
    ...(vmi.spec.volumes ?? []).map((volume) => volume.containerDisk?.imagePullSecret),
    vmi.spec.domain.firmware?.kernelBoot?.container?.imagePullSecret,
  ];
  return [...new Set(names)]
    .filter((name) => name !== undefined && name !== '')
    .map((name) => ({ name: String(name) }));
}
