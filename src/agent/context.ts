import type { Logger } from '../base/logger.ts';
import type { KubeClient } from '../client/client.ts';
import type { EventRecorder } from '../client/events.ts';
import type { FileWatcher } from '../linux/fanotify/watch-files.ts';
import type { DeviceWatcher } from '../linux/netlink/device-watcher.ts';
import type { Reactor } from '../linux/reactor/reactor.ts';
import type { SeccompProfile } from '../linux/seccomp/types.ts';
import type { VirtualMachineInstance } from '../vm/kinds/virtualmachineinstance/types.ts';
import type { DnsSettings } from './network/dns-settings.ts';

/** What every part of the agent is given. Made once, in src/cmd. */
export interface AgentContext {
  readonly nodeName: string;
  readonly kubeletDir: string;
  /** The uid and gid that libvirt and QEMU run as in the sandbox. */
  readonly sandboxUid: number;
  readonly client: KubeClient;
  readonly events: EventRecorder;
  readonly reactor: Reactor;
  /** Tells who writes to files that hold kernel state. */
  readonly files: FileWatcher;
  /** Tells which devices come and go. */
  readonly devices: DeviceWatcher;
  /** How often every running VM is compared with its plan without any sign of a change. */
  readonly driftResyncMs: number;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /** Only root can look into it; best on a tmpfs. For files that hold secrets on their way to a seed. */
  readonly stagingDir: string;
  readonly dns: DnsSettings;
  /** Why guests are emulated here; undefined when KVM runs them. */
  readonly emulationReason: string | undefined;
  /** Most processes and threads in a sandbox; undefined where the Pod's runtime decides alone. */
  readonly sandboxPidsMax: number | undefined;
  /** What the Pod's runtime lets the sandbox call, for `inspect --deep`; undefined where another decides (a kubelet). */
  readonly seccompProfile?: SeccompProfile;
  /** One step of a start, for the log and the waterfall. */
  readonly step: (vmi: VirtualMachineInstance, step: string) => void;
}
