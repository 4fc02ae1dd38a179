/**
 * The part of the built-in kinds (core/v1, coordination.k8s.io/v1) that this product reads or writes.
 * Names and optionality follow the Kubernetes API; a field that nothing here uses is left out of the type, not of the data.
 */
import type { Condition, KubeObject, ResourceType } from './object.ts';

export interface Namespace extends KubeObject {
  spec?: { finalizers?: string[] };
  status?: { phase?: 'Active' | 'Terminating'; conditions?: readonly Condition[] };
}

export interface Taint {
  key: string;
  value?: string;
  effect: 'NoSchedule' | 'PreferNoSchedule' | 'NoExecute';
}

export interface Node extends KubeObject {
  spec?: { unschedulable?: boolean; podCIDRs?: string[]; taints?: Taint[] };
  status?: {
    /** Quantities by resource name: `cpu`, `memory`, `pods`, `devices.kubevirt.io/kvm`. */
    capacity?: Record<string, string>;
    allocatable?: Record<string, string>;
    conditions?: Condition[];
    addresses?: { type: string; address: string }[];
    nodeInfo?: Record<string, string>;
  };
}

export interface ResourceRequirements {
  requests?: Record<string, string>;
  limits?: Record<string, string>;
}

export interface VolumeMount {
  name: string;
  mountPath: string;
  readOnly?: boolean;
  subPath?: string;
  mountPropagation?: string;
}

export interface ContainerPort {
  name?: string;
  containerPort: number;
  /** TCP when left out. */
  protocol?: string;
}

export interface Container {
  name: string;
  image: string;
  imagePullPolicy?: 'Always' | 'IfNotPresent' | 'Never';
  command?: string[];
  args?: string[];
  env?: { name: string; value?: string }[];
  resources?: ResourceRequirements;
  volumeMounts?: VolumeMount[];
  ports?: ContainerPort[];
  securityContext?: {
    allowPrivilegeEscalation?: boolean;
    readOnlyRootFilesystem?: boolean;
    runAsNonRoot?: boolean;
    runAsUser?: number;
    runAsGroup?: number;
    capabilities?: { add?: string[]; drop?: string[] };
    seccompProfile?: { type: 'RuntimeDefault' | 'Localhost' | 'Unconfined'; localhostProfile?: string };
  };
}

export interface PodVolume {
  name: string;
  emptyDir?: { medium?: string; sizeLimit?: string };
  /** Image volume source: the image's files, read-only. */
  image?: { reference: string; pullPolicy?: 'Always' | 'IfNotPresent' | 'Never' };
  secret?: { secretName: string; optional?: boolean };
  configMap?: { name: string; optional?: boolean };
}

export interface ContainerState {
  waiting?: { reason: string; message?: string };
  running?: { startedAt: string };
  terminated?: {
    exitCode: number;
    signal?: number;
    reason?: string;
    message?: string;
    startedAt?: string;
    finishedAt?: string;
  };
}

export interface ContainerStatus {
  name: string;
  ready: boolean;
  restartCount: number;
  image: string;
  imageID: string;
  containerID?: string;
  started?: boolean;
  state: ContainerState;
}

export type PodPhase = 'Pending' | 'Running' | 'Succeeded' | 'Failed' | 'Unknown';

export interface Pod extends KubeObject {
  spec: {
    nodeName?: string;
    nodeSelector?: Record<string, string>;
    tolerations?: { key?: string; operator?: string; value?: string; effect?: string; tolerationSeconds?: number }[];
    affinity?: object;
    schedulerName?: string;
    priorityClassName?: string;
    restartPolicy?: 'Always' | 'OnFailure' | 'Never';
    terminationGracePeriodSeconds?: number;
    enableServiceLinks?: boolean;
    automountServiceAccountToken?: boolean;
    hostname?: string;
    subdomain?: string;
    imagePullSecrets?: { name: string }[];
    readinessGates?: { conditionType: string }[];
    securityContext?: {
      runAsUser?: number;
      runAsGroup?: number;
      fsGroup?: number;
      runAsNonRoot?: boolean;
      seccompProfile?: { type: 'RuntimeDefault' | 'Localhost' | 'Unconfined'; localhostProfile?: string };
    };
    initContainers?: Container[];
    containers: Container[];
    volumes?: PodVolume[];
  };
  status?: {
    phase?: PodPhase;
    reason?: string;
    message?: string;
    conditions?: Condition[];
    hostIP?: string;
    podIP?: string;
    podIPs?: { ip: string }[];
    startTime?: string;
    qosClass?: 'Guaranteed' | 'Burstable' | 'BestEffort';
    containerStatuses?: ContainerStatus[];
  };
}

export interface Secret extends KubeObject {
  type?: string;
  /** Base64 by key. */
  data?: Record<string, string>;
  stringData?: Record<string, string>;
}

export interface ConfigMap extends KubeObject {
  data?: Record<string, string>;
  binaryData?: Record<string, string>;
}

export interface ObjectReference {
  apiVersion?: string;
  kind?: string;
  namespace?: string;
  name?: string;
  uid?: string;
  resourceVersion?: string;
  fieldPath?: string;
}

export interface Event extends KubeObject {
  involvedObject: ObjectReference;
  reason?: string;
  message?: string;
  type?: 'Normal' | 'Warning';
  count?: number;
  firstTimestamp?: string | null;
  lastTimestamp?: string | null;
  /** RFC 3339 with microseconds. */
  eventTime?: string | null;
  source?: { component?: string; host?: string };
  reportingComponent?: string;
  reportingInstance?: string;
  action?: string;
}

export interface Lease extends KubeObject {
  spec?: { holderIdentity?: string; leaseDurationSeconds?: number; renewTime?: string; acquireTime?: string };
}

export const namespaceType: ResourceType<Namespace> = core('namespaces', 'Namespace', false);
export const nodeType: ResourceType<Node> = core('nodes', 'Node', false);
export const podType: ResourceType<Pod> = core('pods', 'Pod', true);
export const secretType: ResourceType<Secret> = core('secrets', 'Secret', true);
export const configMapType: ResourceType<ConfigMap> = core('configmaps', 'ConfigMap', true);
export const eventType: ResourceType<Event> = core('events', 'Event', true);
export const leaseType: ResourceType<Lease> = {
  group: 'coordination.k8s.io',
  version: 'v1',
  resource: 'leases',
  kind: 'Lease',
  namespaced: true,
};

function core(resource: string, kind: string, namespaced: boolean): ResourceType<never> {
  return { group: '', version: 'v1', resource, kind, namespaced };
}
