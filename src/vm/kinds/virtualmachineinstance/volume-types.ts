/** `spec.volumes` of a VirtualMachineInstance. Exactly one source is set. KubeVirt's names. */

export interface Volume {
  name: string;
  containerDisk?: ContainerDiskSource;
  cloudInitNoCloud?: CloudInitSource;
  cloudInitConfigDrive?: CloudInitSource;
  emptyDisk?: { capacity: string };
  /** Not yet, as all that follow. */
  persistentVolumeClaim?: Record<string, unknown>;
  dataVolume?: Record<string, unknown>;
  ephemeral?: Record<string, unknown>;
  hostDisk?: Record<string, unknown>;
  configMap?: Record<string, unknown>;
  secret?: Record<string, unknown>;
  downwardAPI?: Record<string, unknown>;
  serviceAccount?: Record<string, unknown>;
  sysprep?: Record<string, unknown>;
  downwardMetrics?: Record<string, unknown>;
  memoryDump?: Record<string, unknown>;
  containerPath?: Record<string, unknown>;
}

export interface ContainerDiskSource {
  image: string;
  /** Absolute path of the disk in the image; the only file under /disk when absent. */
  path?: string;
  imagePullSecret?: string;
  imagePullPolicy?: 'Always' | 'IfNotPresent' | 'Never';
}

export interface CloudInitSource {
  userData?: string;
  userDataBase64?: string;
  /** Secret key `userdata` or `userData`. */
  secretRef?: { name: string };
  networkData?: string;
  networkDataBase64?: string;
  /** Secret key `networkdata` or `networkData`. */
  networkDataSecretRef?: { name: string };
}
