import type { DesiredRule, RuleAction, RuleMatch } from './types.ts';
import { unreachable } from '../../base/assert.ts';

/**
 * A rule in nft's words without its counter: `iifname "eth0" jump KUBEVIRT_PREINBOUND`. It is also the rule's comment
 * in the kernel, by which the rule is known again; at most 128 bytes by the length of names and addresses.
 */
export function formatRule(rule: DesiredRule): string {
  return [...matchWords(rule.match), actionWords(rule.action, rule.match)].join(' ');
}

function matchWords(match: RuleMatch): string[] {
  const ip = match.family === 6 ? 'ip6' : 'ip';
  const words: string[] = [];
  if (match.iifname !== undefined) {
    words.push(`iifname "${match.iifname}"`);
  }
  if (match.oifname !== undefined) {
    words.push(`oifname "${match.oifname}"`);
  }
  if (match.family !== undefined && match.saddr === undefined && match.daddr === undefined) {
    words.push(`meta nfproto ${match.family === 6 ? 'ipv6' : 'ipv4'}`);
  }
  if (match.saddr !== undefined) {
    words.push(`${ip} saddr ${match.saddr}`);
  }
  if (match.daddr !== undefined) {
    words.push(`${ip} daddr ${match.daddr}`);
  }
  if (match.protocol !== undefined) {
    words.push(match.dport === undefined ? `meta l4proto ${match.protocol}` : `${match.protocol} dport ${match.dport}`);
  }
  return words;
}

function actionWords(action: RuleAction, match: RuleMatch): string {
  switch (action.kind) {
    case 'masquerade':
    case 'drop':
      return action.kind;
    case 'jump':
      return `jump ${action.chain}`;
    case 'dnat':
    case 'snat':
      return `${action.kind} ${match.family === 6 ? 'ip6' : 'ip'} to ${action.to}`;
    default:
      return unreachable(action);
  }
}
