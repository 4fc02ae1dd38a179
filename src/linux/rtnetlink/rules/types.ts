import type { UnknownAttribute } from '../../netlink/reader.ts';

/** A policy routing rule (ip-rule(8)): which packets are routed by which table. */
export interface Rule {
  readonly family: 'ip' | 'ip6';
  /** Lower is asked first. */
  readonly priority: number;
  readonly action: RuleAction;
  /** For `table`: 254 main, 255 local. */
  readonly table: number;
  /** Matches all but what the rest says. */
  readonly invert: boolean;
  /** Prefix of the source address; absent for all. */
  readonly source?: string;
  readonly destination?: string;
  readonly inputInterface?: string;
  readonly outputInterface?: string;
  readonly mark?: number;
  readonly markMask?: number;
  readonly tos?: number;
  readonly ipProtocol?: number;
  readonly sourcePorts?: PortRange;
  readonly destinationPorts?: PortRange;
  readonly userIds?: PortRange;
  /** For `goto`: the priority of the rule to go on with. */
  readonly target?: number;
  /** A route whose prefix is this long or shorter does not count. */
  readonly suppressPrefixLength?: number;
  /** RTPROT_...: who made it. */
  readonly protocol?: number;
  readonly unknown: readonly UnknownAttribute[];
}

/** Both ends belong to it. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** FR_ACT_...; a number for one without a name. */
export type RuleAction = 'table' | 'goto' | 'nop' | 'blackhole' | 'unreachable' | 'prohibit' | number;

/** What to add or delete. A rule to delete is found by the fields given. */
export interface RuleSpec extends Partial<Omit<Rule, 'family' | 'unknown'>> {
  readonly family: 'ip' | 'ip6';
}
