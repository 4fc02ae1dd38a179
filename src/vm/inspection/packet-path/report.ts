import type { Direction, IpFamily, LinkCounters } from './observation.ts';

/** In the order in which packets from the guest meet them. */
export const hopKinds = [
  'guest',
  'TAP',
  'sandbox bridge',
  'sandbox forwarding',
  'sandbox rules',
  'pod NIC',
  'host veth',
  'host bridge',
  'host forwarding',
  'host rules',
  'uplink',
] as const;
export type HopKind = (typeof hopKinds)[number];

/**
 * `stops`: no packet gets further. `loses`: some do not. `absent`: this family ends here, and nobody asked for more (a
 * host without IPv6). `note`: worth knowing.
 */
export type Severity = 'stops' | 'loses' | 'absent' | 'note';

export interface Fault {
  readonly severity: Severity;
  readonly directions: readonly Direction[];
  readonly families: readonly IpFamily[];
  readonly cause: string;
  readonly remedy: string;
}

export interface Hop {
  readonly kind: HopKind;
  /** `tap0`; empty where the kind says it. */
  readonly name: string;
  readonly mtu?: number;
  readonly counters?: LinkCounters;
  /** Since the look before. */
  readonly deltas?: LinkCounters;
  /** State in words, for a person. */
  readonly facts: readonly string[];
  readonly faults: readonly Fault[];
}

export interface PathVerdict {
  readonly direction: Direction;
  readonly families: readonly IpFamily[];
  readonly outcome: 'passes' | Exclude<Severity, 'note'>;
  /** Where they stop or get lost. */
  readonly hop?: HopKind;
  readonly text: string;
  readonly remedy?: string;
}

export interface PathReport {
  readonly vmi: { readonly namespace: string; readonly name: string };
  /** Between the two looks; undefined after one. */
  readonly intervalMs?: number;
  readonly paths: readonly {
    readonly interface: string;
    readonly binding: string;
    readonly hops: readonly Hop[];
    readonly verdicts: readonly PathVerdict[];
  }[];
}
