/** The bindings' table in nf_tables' terms. Pure. */
import { unreachable } from '../../../base/assert.ts';
import {
  type Clause,
  counter,
  daddr,
  dnatTo,
  drop,
  iifname,
  jumpTo,
  l4proto,
  masquerade,
  nfproto,
  oifname,
  rule,
  saddr,
  snatTo,
  transportPort,
} from '../../../linux/nftables/build.ts';
import type { Chain, Table } from '../../../linux/nftables/types.ts';
import type { DesiredTable, RuleAction, RuleMatch } from '../../../vm/bindings/types.ts';

/** Every rule counts, so that `nft list ruleset` shows which way packets took. */
export function compileTable(desired: DesiredTable): Table {
  return {
    family: 'inet',
    name: desired.name,
    sets: [],
    chains: desired.chains.map(({ name, base }): Chain => ({
      name,
      ...(base === undefined ? {} : { base: { type: 'nat', ...base, policy: 'accept' } }),
      rules: desired.rules
        .filter(({ chain }) => chain === name)
        .map(({ match, action }) => rule(...matchClauses(match), counter(), actionClause(action))),
    })),
  };
}

function matchClauses(match: RuleMatch): Clause[] {
  const clauses: Clause[] = [];
  if (match.iifname !== undefined) {
    clauses.push(iifname(match.iifname));
  }
  if (match.oifname !== undefined) {
    clauses.push(oifname(match.oifname));
  }
  if (match.family !== undefined) {
    clauses.push(nfproto(match.family === 6 ? 'ip6' : 'ip'));
  }
  if (match.saddr !== undefined) {
    clauses.push(saddr(match.saddr));
  }
  if (match.daddr !== undefined) {
    clauses.push(daddr(match.daddr));
  }
  if (match.protocol !== undefined) {
    clauses.push(
      match.dport === undefined ? l4proto(match.protocol) : transportPort(match.protocol, 'dport', match.dport),
    );
  }
  return clauses;
}

function actionClause(action: RuleAction): Clause {
  switch (action.kind) {
    case 'masquerade':
      return masquerade();
    case 'drop':
      return drop();
    case 'jump':
      return jumpTo(action.chain);
    case 'dnat':
      return dnatTo(action.to);
    case 'snat':
      return snatTo(action.to);
    default:
      return unreachable(action);
  }
}
