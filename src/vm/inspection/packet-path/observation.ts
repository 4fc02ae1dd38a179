/** One look at everything that a VM's packets pass on its node, as plain data. Counters are since each link was made. */

export type IpFamily = 4 | 6;
/** `out`: from the guest; `in`: to it. */
export type Direction = 'out' | 'in';

export interface PathObservation {
  /** Milliseconds since the epoch. */
  readonly atMs: number;
  readonly vmi: { readonly namespace: string; readonly name: string };
  /** A process in the sandbox's network namespace: `nsenter -t PID -n`. */
  readonly sandboxPid: number;
  readonly paths: readonly InterfacePath[];
}

/** The path of one of the guest's cards. What is undefined is not there. */
export interface InterfacePath {
  /** Of the VMI's interface. */
  readonly name: string;
  readonly binding: 'masquerade' | 'bridge';
  readonly guest: {
    readonly state: 'running' | 'paused' | 'gone';
    readonly macAddress: string;
    /** That it was told. */
    readonly mtu: number;
    /** That it is given, as CIDR. */
    readonly addresses: readonly string[];
    /** That it was seen to take since vmlet was started. */
    readonly leases: readonly string[];
  };
  /** What others reach it by, as CIDR. */
  readonly podAddresses: readonly string[];
  readonly tap: NamedLink;
  /** Queues of the TAP that QEMU holds; undefined when QEMU could not be looked at. */
  readonly queues: { readonly attached: number; readonly wanted: number } | undefined;
  readonly bridge: NamedLink;
  /** Where the sandbox's bridge has the guest's MAC address; undefined when it has not seen it. */
  readonly guestPort: string | undefined;
  readonly nic: NamedLink;
  readonly sandbox: PathPlace;
  /** What is on the host behind the pod's NIC; a text says why that is not known. */
  readonly host: HostPlace | string;
}

export interface NamedLink {
  readonly name: string;
  readonly link: PathLink | undefined;
}

export interface PathLink {
  readonly up: boolean;
  /** Has a carrier. */
  readonly lowerUp: boolean;
  readonly mtu: number;
  /** Name of the bridge that it is a port of. */
  readonly master: string | undefined;
  /** `forwarding`; undefined for a link that is no port. */
  readonly portState: string | undefined;
  /** CIDR. */
  readonly addresses: readonly string[];
  readonly counters: LinkCounters;
}

export interface LinkCounters {
  readonly rxPackets: number;
  readonly txPackets: number;
  readonly rxDropped: number;
  readonly txDropped: number;
  readonly rxErrors: number;
  readonly txErrors: number;
}

/** One network namespace on the way. */
export interface PathPlace {
  /** By key below /proc/sys; those that do not exist are missing. */
  readonly sysctls: Readonly<Record<string, string>>;
  readonly defaultRoutes: readonly {
    readonly family: IpFamily;
    readonly gateway: string | undefined;
    readonly link: string;
  }[];
  /** By which link the addresses behind it (the guest's, the pod's) are reached; undefined: by none. */
  readonly routes: readonly { readonly address: string; readonly link: string | undefined }[];
  /** Of the addresses that matter: of the guest, the pod, the gateways. */
  readonly neighbours: readonly { readonly address: string; readonly link: string; readonly state: string }[];
  /** What the nftables rules do with a first packet, for each direction and family. */
  readonly rules: readonly RuleOutcome[];
  /** Rules that drop and count; bounded. */
  readonly dropCounters: readonly { readonly rule: string; readonly packets: number }[];
  /** Connections that are tracked, and how many may be. */
  readonly conntrack: { readonly count: number; readonly max: number } | undefined;
}

export interface RuleOutcome {
  readonly direction: Direction;
  readonly family: IpFamily;
  /** The rule or policy that drops it for certain. */
  readonly dropped: string | undefined;
  /** Source (out) or destination (in) may be translated. */
  readonly translated: boolean;
}

export interface HostPlace extends PathPlace {
  /** The other end of the pod's NIC. */
  readonly peer: NamedLink;
  /** The bridge that it is a port of; undefined for a peer that is none. */
  readonly bridge: NamedLink | undefined;
  /** A route leads to the pod by the peer itself, without a bridge. */
  readonly isRouted: boolean;
  /** Links that default routes use. */
  readonly uplinks: readonly NamedLink[];
  /** All addresses of the host, without length. */
  readonly addresses: readonly string[];
  /** Rules of iptables' own kind exist, which nf_tables does not show. */
  readonly hasLegacyRules: boolean;
  /** Packets that the host dropped because its CPUs did not keep up (softnet_stat). */
  readonly backlogDropped: number;
}
