import type { SandboxSettings } from '../sandbox/settings.ts';

/** What the pod runtime of one node has to know. */
export interface PodRuntimeSettings {
  readonly nodeName: string;
  /** Addresses of the host, for `status.hostIP`. */
  readonly hostIPs: readonly string[];
  /** Root in the kubelet's own layout: `<state>/kubelet`. */
  readonly kubeletDir: string;
  /** The one image that Pods here may have. */
  readonly launcherImage: string;
  readonly sandbox: SandboxSettings;
  /** Processes and threads of one sandbox. */
  readonly pidsLimit: number;
  /** Size at which a sandbox's log file is cut. */
  readonly logLimitBytes: number;
  /** How long an image that no Pod uses is kept. */
  readonly keepImagesMs: number;
}

export const podRuntimeDefaults = {
  launcherImage: 'vmlet-launcher',
  pidsLimit: 1024,
  logLimitBytes: 1 << 20,
  keepImagesMs: 7 * 24 * 3_600_000,
} as const;
