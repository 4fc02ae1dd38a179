/** The stages at which nftables looks at a packet on its way, and the packets that are sent through them. Pure. */
import type { Table } from '../../linux/nftables/types.ts';
import type { BoundInterface } from '../../vm/bindings/types.ts';
import type { Direction, IpFamily, RuleOutcome } from '../../vm/inspection/packet-path/observation.ts';
import { walkRules, type WalkedHooks, type WalkedPacket, type WalkOutcome } from './rule-walk.ts';

/** Stand for any host elsewhere: RFC 5737, RFC 3849. */
const elsewhereOf = { 4: '198.51.100.1', 6: '2001:db8::1' } as const;

export type Stage = [WalkedHooks, WalkedPacket];

export function ipHooks(hooks: WalkedHooks['hooks']): WalkedHooks {
  return { families: ['inet', 'ip', 'ip6'], hooks };
}

/** The first stage that drops decides; any may translate. */
export function walkStages(tables: readonly Table[], stages: readonly Stage[]): WalkOutcome {
  const outcomes = stages.map(([place, packet]) => walkRules(tables, place, packet));
  return {
    dropped: outcomes.find(({ dropped }) => dropped !== undefined)?.dropped,
    sourceTranslated: outcomes.some(({ sourceTranslated }) => sourceTranslated),
    destinationTranslated: outcomes.some(({ destinationTranslated }) => destinationTranslated),
  };
}

export function outcome(direction: Direction, family: IpFamily, walked: WalkOutcome): RuleOutcome {
  return {
    direction,
    family,
    dropped: walked.dropped,
    translated: direction === 'out' ? walked.sourceTranslated : walked.destinationTranslated,
  };
}

export interface FamilyAddresses {
  readonly number: IpFamily;
  readonly family: 'ip' | 'ip6';
  /** Plain. */
  readonly guest: string;
  readonly pod: string;
  readonly elsewhere: string;
}

/** Families that guest and pod have addresses of. */
export function familiesOf(nic: BoundInterface): FamilyAddresses[] {
  return ([4, 6] as const).flatMap((number) => {
    const first = (addresses: readonly string[]): string | undefined =>
      addresses.find((address) => address.includes(':') === (number === 6))?.replace(/\/\d+$/, '');
    const pod = first(nic.podAddresses);
    const guest = first(nic.guestAddresses) ?? pod;
    return guest === undefined || pod === undefined
      ? []
      : [{ number, family: number === 4 ? 'ip' : 'ip6', guest, pod, elsewhere: elsewhereOf[number] }];
  });
}
