/**
 * VirtualMachineInstance, kubevirt.io/v1. Field names and nesting are KubeVirt's, so existing manifests and clients work.
 * Quantities are Kubernetes quantity strings. What vmlet does not do yet is typed here too (the schema knows it and admission
 * refuses it by name); those groups are marked "not yet".
 */
import type { Condition, KubeObject } from '../../../apimachinery/object.ts';
import type { DomainSpec } from './domain-types.ts';
import type { Volume } from './volume-types.ts';

export interface VirtualMachineInstance extends KubeObject {
  spec: VirtualMachineInstanceSpec;
  status?: VirtualMachineInstanceStatus;
}

export interface VirtualMachineInstanceSpec {
  domain: DomainSpec;
  networks?: Network[];
  volumes?: Volume[];
  /** Seconds between the polite shutdown request and the kill; admission fills 30. */
  terminationGracePeriodSeconds?: number;
  startStrategy?: 'Paused';
  hostname?: string;
  subdomain?: string;
  nodeSelector?: Record<string, string>;
  tolerations?: Toleration[];
  affinity?: Record<string, unknown>;
  schedulerName?: string;
  priorityClassName?: string;
  architecture?: string;
  evictionStrategy?: 'None' | 'LiveMigrate' | 'LiveMigrateIfPossible' | 'External';
  dnsPolicy?: string;
  dnsConfig?: { nameservers?: string[]; searches?: string[]; options?: { name?: string; value?: string }[] };
  /** Not yet. */
  topologySpreadConstraints?: unknown[];
  /** Not yet. */
  livenessProbe?: Record<string, unknown>;
  /** Not yet. */
  readinessProbe?: Record<string, unknown>;
  /** Not yet. */
  accessCredentials?: unknown[];
  /** Not yet. */
  resourceClaims?: unknown[];
  /** Not yet. */
  utilityVolumes?: unknown[];
}

export interface Toleration {
  key?: string;
  operator?: 'Exists' | 'Equal';
  value?: string;
  effect?: string;
  tolerationSeconds?: number;
}

export interface Network {
  /** Matches one `domain.devices.interfaces[].name`. */
  name: string;
  pod?: PodNetworkSource;
  /** Not yet. */
  multus?: { networkName: string; default?: boolean };
  /** Not yet. */
  resourceClaim?: Record<string, unknown>;
}

export interface PodNetworkSource {
  /** IPv4 network inside the sandbox, gateway first and guest second address; 10.0.2.0/24 when absent. */
  vmNetworkCIDR?: string;
  /** The same for IPv6; fd10:0:2::/120 when absent. */
  vmIPv6NetworkCIDR?: string;
}

export type VmiPhase =
  | ''
  | 'Pending'
  | 'Scheduling'
  | 'Scheduled'
  | 'Running'
  | 'Succeeded'
  | 'Failed'
  | 'WaitingForSync'
  | 'Unknown';

/** The guest has ended and nothing of this VMI will run again. */
export function isFinalPhase(phase: VmiPhase | undefined): boolean {
  return phase === 'Succeeded' || phase === 'Failed';
}

export interface VirtualMachineInstanceStatus {
  phase?: VmiPhase;
  /** Short machine-readable cause of the phase, where one exists: `GuestCrashed`, `PodFailed`. */
  reason?: string;
  conditions?: Condition[];
  /** Set at hand-over to the node agent, beside the label kubevirt.io/nodeName. */
  nodeName?: string;
  /** Node name by launcher Pod UID; an empty name while not bound. */
  activePods?: Record<string, string>;
  phaseTransitionTimestamps?: { phase: VmiPhase; phaseTransitionTimestamp: string }[];
  interfaces?: InterfaceStatus[];
  volumeStatus?: VolumeStatus[];
  guestOSInfo?: GuestOsInfo;
  qosClass?: 'Guaranteed' | 'Burstable' | 'BestEffort';
  launcherContainerImageVersion?: string;
  runtimeUser?: number;
  selinuxContext?: string;
  virtualMachineRevisionName?: string;
  machine?: { type?: string };
  currentCPUTopology?: { cores?: number; sockets?: number; threads?: number };
  memory?: { guestAtBoot?: string; guestCurrent?: string; guestRequested?: string; memoryOverhead?: string };
  migrationMethod?: string;
  migrationTransport?: string;
  migrationState?: Record<string, unknown>;
  evacuationNodeName?: string;
  fsFreezeStatus?: string;
  VSOCKCID?: number;
}

export interface InterfaceStatus {
  /** The VMI network's name. */
  name?: string;
  mac?: string;
  ipAddress?: string;
  ipAddresses?: string[];
  /** The name inside the guest, when a guest agent told it. */
  interfaceName?: string;
  podInterfaceName?: string;
  /** Comma-separated: `domain`, `guest-agent`, `multus-status`. */
  infoSource?: string;
  queueCount?: number;
  linkState?: 'up' | 'down';
}

export interface VolumeStatus {
  name: string;
  /** Target device in the domain: `vda`. */
  target: string;
  phase?: string;
  reason?: string;
  message?: string;
  size?: number;
  containerDiskVolume?: { checksum?: number };
}

export interface GuestOsInfo {
  name?: string;
  id?: string;
  version?: string;
  versionId?: string;
  prettyName?: string;
  kernelRelease?: string;
  kernelVersion?: string;
  machine?: string;
}

/** Condition types of a VMI; KubeVirt's names. */
export const vmiConditionTypes = {
  provisioning: 'Provisioning',
  ready: 'Ready',
  synchronized: 'Synchronized',
  paused: 'Paused',
  agentConnected: 'AgentConnected',
  podScheduled: 'PodScheduled',
  softwareEmulation: 'SoftwareEmulation',
  liveMigratable: 'LiveMigratable',
} as const;
