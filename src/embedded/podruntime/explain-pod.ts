/** What the embedded runtime would do for a launcher Pod, in words, from the very functions that do it. Reads only. */
import type { Node, Pod } from '../../apimachinery/core.ts';
import { decide } from '../scheduler/decide.ts';
import type { Amounts } from '../scheduler/requests.ts';
import { buildOciSpec, type SandboxHostFacts } from '../sandbox/oci-spec.ts';
import { sandboxCgroup, type SandboxSettings } from '../sandbox/settings.ts';
import { emptyDirPath, imageVolumePath } from '../volumes/pod-volumes.ts';
import { readLauncherPod } from './launcher-pod.ts';

export interface ExplainedStep {
  readonly what: string;
  readonly why: string;
  readonly detail?: string;
}

export interface ExplainedPod {
  readonly parts: readonly { readonly part: string; readonly steps: readonly ExplainedStep[] }[];
  readonly conflicts: readonly { readonly problem: string; readonly meaning: string; readonly remedy: string }[];
}

export interface ExplainPodOptions {
  readonly sandbox: SandboxSettings;
  readonly hostFacts: SandboxHostFacts;
  readonly kubeletDir: string;
  readonly launcherImage: string;
  readonly pidsLimit: number;
  readonly podNetwork: { readonly bridge: string; readonly cidr: string };
  readonly nodes: readonly { readonly node: Node; readonly used: Amounts }[];
}

/** Pure. The Pod's uid may be a stand-in. */
export function explainPod(pod: Pod, options: ExplainPodOptions): ExplainedPod {
  const { uid = '' } = pod.metadata;
  const read = readLauncherPod(pod, options.launcherImage);
  if ('refusal' in read) {
    const conflict = { problem: read.refusal, meaning: 'the Pod would fail', remedy: 'change the manifest' };
    return { parts: [], conflicts: [conflict] };
  }
  const { launcher } = read;
  const { bridge, cidr } = options.podNetwork;
  const spec = buildOciSpec(
    {
      id: uid,
      hostname: launcher.hostname,
      netnsPath: `<run>/netns/${uid}`,
      command: launcher.command,
      env: launcher.env,
      mounts: launcher.mounts.map(({ volume, mountPath, readOnly }) => ({
        source: launcher.images.some((image) => image.volume === volume)
          ? imageVolumePath(options.kubeletDir, uid, volume)
          : emptyDirPath(options.kubeletDir, uid, volume),
        destination: mountPath,
        readOnly,
      })),
      devices: [],
      resources: { ...launcher, pidsLimit: options.pidsLimit },
      annotations: {},
    },
    options.sandbox,
    options.hostFacts,
  );
  return {
    parts: [
      {
        part: 'images',
        steps: launcher.images.map(({ volume, reference }) => ({
          what: `fetch and unpack ${reference}, bind it read-only at ${imageVolumePath(options.kubeletDir, uid, volume)}`,
          why: 'the guest boots from it; one copy is shared by all VMs that use it',
        })),
      },
      {
        part: 'pod network',
        steps: [
          {
            what: `create a network namespace with eth0, a veth pair to bridge ${bridge}, an address of ${cidr} and a default route`,
            why: 'by this address the VM is reached; its own network is built behind it',
          },
        ],
      },
      {
        part: 'sandbox',
        steps: [
          {
            what: `make ${launcher.emptyDirs.length} directories for sockets and disks below ${options.kubeletDir}/pods/${uid}`,
            why: 'they live as long as the Pod and belong to the user that QEMU runs as',
          },
          {
            what: `start a container in cgroup ${sandboxCgroup(options.sandbox, uid)} with namespaces of its own, ${spec.mounts.length} mounts, devices ${launcher.devices.join(', ')}, as uid ${options.sandbox.uid} without any capability, behind a seccomp filter`,
            why: 'libvirt and QEMU run there and can reach nothing else of the host',
            detail: JSON.stringify(spec, undefined, 2),
          },
        ],
      },
    ].filter(({ steps }) => steps.length > 0),
    conflicts: decide({ pod, nodes: options.nodes }).flatMap((action) =>
      action.type === 'refuse'
        ? [
            {
              problem: action.message,
              meaning: 'the VM would wait (Pending) until there is room',
              remedy: 'stop other VMs, or ask for less memory or CPU',
            },
          ]
        : [],
    ),
  };
}
