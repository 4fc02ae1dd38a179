/** VirtualMachine, kubevirt.io/v1: a VMI template that is started and stopped. KubeVirt's names. */
import type { Condition, KubeObject, ObjectMeta } from '../../../apimachinery/object.ts';
import type { VirtualMachineInstanceSpec } from '../virtualmachineinstance/types.ts';

export interface VirtualMachine extends KubeObject {
  spec: VirtualMachineSpec;
  status?: VirtualMachineStatus;
}

export type RunStrategy = 'Always' | 'Halted' | 'Manual' | 'RerunOnFailure' | 'Once' | 'WaitAsReceiver';

export interface VirtualMachineSpec {
  /** The old switch; excludes runStrategy. True means Always, false Halted. */
  running?: boolean;
  runStrategy?: RunStrategy;
  template: VirtualMachineTemplate;
  /** Not yet. */
  dataVolumeTemplates?: unknown[];
  /** Not yet. */
  instancetype?: Record<string, unknown>;
  /** Not yet. */
  preference?: Record<string, unknown>;
  /** Not yet. */
  updateVolumesStrategy?: 'Migration' | 'Replacement';
}

export interface VirtualMachineTemplate {
  metadata?: Partial<ObjectMeta>;
  spec: VirtualMachineInstanceSpec;
}

export type PrintableStatus =
  | 'Stopped'
  | 'Provisioning'
  | 'Starting'
  | 'Running'
  | 'Paused'
  | 'Stopping'
  | 'Terminating'
  | 'CrashLoopBackOff'
  | 'Unknown'
  | 'ErrorUnschedulable'
  | 'ErrImagePull'
  | 'ImagePullBackOff';

export interface StateChangeRequest {
  action: 'Start' | 'Stop';
  /** The VMI a Stop is meant for. */
  uid?: string;
  /** `paused: "true"` on a Start. */
  data?: Record<string, string>;
}

export interface StartFailure {
  consecutiveFailCount?: number;
  lastFailedVMIUID?: string;
  /** RFC 3339. */
  retryAfterTimestamp?: string;
}

export interface VirtualMachineStatus {
  created?: boolean;
  ready?: boolean;
  printableStatus?: PrintableStatus;
  runStrategy?: RunStrategy;
  conditions?: Condition[];
  stateChangeRequests?: StateChangeRequest[];
  startFailure?: StartFailure;
  observedGeneration?: number;
  desiredGeneration?: number;
  volumeRequests?: unknown[];
  volumeSnapshotStatuses?: unknown[];
}
