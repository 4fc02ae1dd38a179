import { dump, execute } from '../../netlink/exchange.ts';
import type { NetlinkSocket } from '../../netlink/socket.ts';
import { RTM_NEWRULE } from '../constants.ts';
import { addRuleRequest, decodeRule, deleteRuleRequest, listRulesRequest } from './codec.ts';
import type { Rule, RuleSpec } from './types.ts';

/** All calls act in the namespace of `socket` (NETLINK_ROUTE) and throw KernelError. */

/** The rules of one family or both, in the order in which they are asked. */
export function listRules(socket: NetlinkSocket, filter: { readonly family?: 'ip' | 'ip6' } = {}): Rule[] {
  return dump(socket, listRulesRequest(filter), (message) =>
    message.type === RTM_NEWRULE ? decodeRule(message.payload) : undefined,
  );
}

/** Adds a rule, by default for table 254 (main); EEXIST when there is the same. */
export function addRule(socket: NetlinkSocket, spec: RuleSpec): void {
  execute(socket, addRuleRequest(spec));
}

/** Deletes the first rule that has the fields given; ENOENT when there is none. */
export function deleteRule(socket: NetlinkSocket, spec: RuleSpec): void {
  execute(socket, deleteRuleRequest(spec));
}
