/**
 * What nftables does with the first packet of a new connection, found by reading the rules. What a rule tests and the
 * packet does not say (ports, marks, sets that change) may match or not: only what holds either way is told. Pure.
 */
import { encodeIpAddress } from '../../linux/netlink/ip-address.ts';
import type { Expression, PayloadExpression } from '../../linux/nftables/expressions/types.ts';
import { formatRule } from '../../linux/nftables/format-rule.ts';
import { fieldLengths } from '../../linux/nftables/set-types.ts';
import type { Chain, Family, Hook, NftSet, Rule, Table, Verdict } from '../../linux/nftables/types.ts';
import { ctStateBits, hostUint32Hex, interfaceHex } from '../../linux/nftables/values.ts';

export interface WalkedPacket {
  readonly family: 'ip' | 'ip6';
  /** Plain addresses. */
  readonly source: string;
  readonly destination: string;
  readonly iifname?: string;
  readonly oifname?: string;
  /** MAC address of who sends it, where rules of a bridge see it. */
  readonly sender?: string | undefined;
}

/** Where on its way the packet is looked at. */
export interface WalkedHooks {
  readonly families: readonly Family[];
  readonly hooks: readonly Hook[];
  /** Of family netdev: chains on this device alone. */
  readonly device?: string;
}

export interface WalkOutcome {
  /** The rule or policy that drops every such packet; undefined when one may pass. */
  readonly dropped: string | undefined;
  readonly sourceTranslated: boolean;
  readonly destinationTranslated: boolean;
}

type Match = 'yes' | 'maybe' | 'no';
/** By the byte at which each begins. */
type Registers = Map<number, string | undefined>;

/** Rulesets of container hosts have some thousand rules; beyond this all that is left may match. */
const rulesMax = 50_000;
const depthMax = 16;
const etherTypes = { ip: '0800', ip6: '86dd' } as const;

interface Walk {
  readonly table: Table;
  readonly packet: WalkedPacket;
  readonly budget: { rules: number };
  mayAccept: boolean;
  dropped: string | undefined;
  sourceTranslated: boolean;
  destinationTranslated: boolean;
}

/** Through all base chains of these hooks, in the order of the hooks and their priorities. */
export function walkRules(tables: readonly Table[], place: WalkedHooks, packet: WalkedPacket): WalkOutcome {
  let sourceTranslated = false;
  let destinationTranslated = false;
  const budget = { rules: rulesMax };
  for (const hook of place.hooks) {
    const chains = tables
      .filter((table) => table.flags?.includes('dormant') !== true && sees(table, place, packet))
      .flatMap((table) => table.chains.map((chain) => ({ table, chain })))
      .filter(({ chain }) => chain.base?.hook === hook)
      .filter(
        ({ table, chain }) => table.family !== 'netdev' || chain.base?.devices?.includes(place.device ?? '') === true,
      )
      .toSorted((one, other) => (one.chain.base?.priority ?? 0) - (other.chain.base?.priority ?? 0));
    for (const { table, chain } of chains) {
      const walk: Walk = {
        table,
        packet,
        budget,
        mayAccept: false,
        dropped: undefined,
        sourceTranslated: false,
        destinationTranslated: false,
      };
      if (walkChain(walk, chain, 0)) {
        if (chain.base?.policy === 'drop') {
          walk.dropped ??= `policy drop of chain ${table.family} ${table.name} ${chain.name}`;
        } else {
          walk.mayAccept = true;
        }
      }
      sourceTranslated ||= walk.sourceTranslated;
      destinationTranslated ||= walk.destinationTranslated;
      if (!walk.mayAccept && walk.dropped !== undefined) {
        return { dropped: walk.dropped, sourceTranslated, destinationTranslated };
      }
    }
  }
  return { dropped: undefined, sourceTranslated, destinationTranslated };
}

/** Tables of family ip see no IPv6 packets. */
function sees({ family }: Table, { families }: WalkedHooks, packet: WalkedPacket): boolean {
  return families.includes(family) && (family === packet.family || (family !== 'ip' && family !== 'ip6'));
}

/** A rule in nft's syntax without its counter, which is another at every look. */
export function ruleText(table: Table, chain: Chain, rule: Rule): string {
  const expressions = rule.expressions.filter(({ type }) => type !== 'counter');
  return `rule "${formatRule({ ...rule, expressions }, table)}" of chain ${table.family} ${table.name} ${chain.name}`;
}

/** True when a packet may come to its end. */
function walkChain(walk: Walk, chain: Chain, depth: number): boolean {
  if (depth > depthMax) {
    walk.mayAccept = true;
    return true;
  }
  for (const rule of chain.rules) {
    if (walk.budget.rules-- <= 0) {
      walk.mayAccept = true;
      return true;
    }
    const { match, end } = walkRule(walk, rule);
    if (match === 'no' || end === undefined) {
      continue;
    }
    const goesOn = takeEnd(walk, { chain, rule, end, depth });
    // A jump goes on where it came from; a goto does not, but comes to the end as if this chain had.
    if (match === 'yes') {
      if (goesOn === 'next') {
        continue;
      }
      return goesOn === 'end';
    }
    if (goesOn === 'end') {
      // May return here, may go on: both come to the end or to what follows, which is looked at.
      walkChain(walk, { ...chain, rules: chain.rules.slice(chain.rules.indexOf(rule) + 1) }, depth + 1);
      return true;
    }
  }
  return true;
}

type End = { readonly kind: 'accept' | 'drop' | 'unsure' } | { readonly kind: 'verdict'; readonly verdict: Verdict };

/** `next`: the rule after it. `end`: the end of the chain. `gone`: neither. */
function takeEnd(
  walk: Walk,
  { chain, rule, end, depth }: { chain: Chain; rule: Rule; end: End; depth: number },
): 'next' | 'end' | 'gone' {
  const { table } = walk;
  const drop = (): 'gone' => {
    walk.dropped ??= ruleText(table, chain, rule);
    return 'gone';
  };
  const accept = (): 'gone' => {
    walk.mayAccept = true;
    return 'gone';
  };
  switch (end.kind) {
    case 'accept':
      return accept();
    case 'drop':
      return drop();
    case 'unsure':
      walk.mayAccept = true;
      return 'next';
    case 'verdict':
      break;
  }
  const { verdict } = end;
  switch (verdict.code) {
    case 'accept':
      return accept();
    case 'drop':
      return drop();
    case 'return':
      return 'end';
    case 'continue':
      return 'next';
    case 'jump':
    case 'goto': {
      const target = table.chains.find(({ name }) => name === verdict.chain);
      const falls = target === undefined || walkChain(walk, target, depth + 1);
      return falls ? (verdict.code === 'jump' ? 'next' : 'end') : 'gone';
    }
    default:
      // To user space: whoever listens decides.
      return accept();
  }
}

function walkRule(walk: Walk, rule: Rule): { readonly match: Match; readonly end: End | undefined } {
  const registers: Registers = new Map();
  let match: Match = 'yes';
  for (const expression of rule.expressions) {
    const test = testExpression(walk, expression, registers);
    if (test === 'no') {
      return { match: 'no', end: undefined };
    }
    if (test === 'maybe') {
      match = 'maybe';
    }
    const end = endOf(walk, expression);
    if (end !== undefined) {
      return { match: end.kind === 'unsure' ? 'maybe' : match, end };
    }
  }
  return { match, end: undefined };
}

/** Of an expression that ends the rule. */
function endOf(walk: Walk, expression: Expression): End | undefined {
  switch (expression.type) {
    case 'verdict':
      return { kind: 'verdict', verdict: expression.verdict };
    case 'reject':
      return { kind: 'drop' };
    case 'masq':
      walk.sourceTranslated = true;
      return { kind: 'accept' };
    case 'redir':
      walk.destinationTranslated = true;
      return { kind: 'accept' };
    case 'nat':
      if (expression.kind === 'snat') {
        walk.sourceTranslated = true;
      } else {
        walk.destinationTranslated = true;
      }
      return { kind: 'accept' };
    case 'queue':
    case 'fwd':
      return { kind: 'accept' };
    case 'lookup':
      // A verdict map: any of its verdicts, or none.
      return expression.dreg === 0 ? { kind: 'unsure' } : undefined;
    case 'unknown':
      // An extension of iptables: it may translate, accept or drop.
      walk.sourceTranslated ||= /^(target|masq|nat)/.test(expression.name);
      walk.destinationTranslated ||= /^(target|nat)/.test(expression.name);
      return expression.name === 'target' ? { kind: 'unsure' } : undefined;
    default:
      return undefined;
  }
}

function testExpression({ packet, table }: Walk, expression: Expression, registers: Registers): Match {
  switch (expression.type) {
    case 'meta':
      registers.set(registerByte(expression.dreg), metaValue(packet, expression.key));
      return 'yes';
    case 'payload':
      registers.set(registerByte(expression.dreg), payloadValue(packet, expression));
      return 'yes';
    case 'ct':
      registers.set(
        registerByte(expression.dreg),
        expression.key === 'state' ? hostUint32Hex(ctStateBits.new) : undefined,
      );
      return 'yes';
    case 'immediate':
      registers.set(registerByte(expression.dreg), expression.value);
      return 'yes';
    case 'bitwise':
      registers.set(registerByte(expression.dreg), applyMask(registers.get(registerByte(expression.sreg)), expression));
      return 'yes';
    case 'cmp':
      return compare(registers.get(registerByte(expression.sreg)), expression);
    case 'range': {
      const value = registers.get(registerByte(expression.sreg));
      if (value === undefined || value.length !== expression.from.length) {
        return 'maybe';
      }
      const within = value >= expression.from && value <= expression.to;
      return within === (expression.op === 'eq') ? 'yes' : 'no';
    }
    case 'lookup': {
      const isIn = isInSet(
        table.sets.find(({ name }) => name === expression.set),
        registerByte(expression.sreg),
        registers,
      );
      if (isIn === undefined || expression.dreg !== undefined) {
        return 'maybe';
      }
      return isIn === (expression.invert !== true) ? 'yes' : 'no';
    }
    case 'fib':
    case 'rt':
    case 'exthdr':
    case 'numgen':
    case 'hash':
    case 'shift':
    case 'byteorder':
      registers.set(registerByte(expression.dreg), undefined);
      return 'yes';
    case 'limit':
    case 'quota':
    case 'connlimit':
    case 'unknown':
    case 'objref map':
    case 'dynset':
      return 'maybe';
    default:
      return 'yes';
  }
}

/** Registers 1 to 4 have 16 bytes each; from 8 on they have 4, over the same bytes (linux/netfilter/nf_tables.h). */
function registerByte(register: number): number {
  return register < 8 ? (register - 1) * 16 : (register - 8) * 4;
}

/** undefined when a part of the key is not known, or an interval has more than one part. */
function isInSet(set: NftSet | undefined, firstByte: number, registers: Registers): boolean | undefined {
  if (set === undefined) {
    return undefined;
  }
  let at = firstByte;
  let key = '';
  for (const length of fieldLengths(set.key)) {
    const padded = set.key.length === 1 ? length : Math.ceil(length / 4) * 4;
    const value = registers.get(at);
    if (value === undefined || value.length !== length * 2) {
      return undefined;
    }
    key += value.padEnd(padded * 2, '0');
    at += Math.ceil(length / 4) * 4;
  }
  if (set.key.length > 1 && set.elements.some(({ keyEnd }) => keyEnd !== undefined)) {
    return undefined;
  }
  return set.elements.some(
    (element) =>
      element.catchall === true ||
      (element.keyEnd === undefined ? element.key === key : element.key <= key && key <= element.keyEnd),
  );
}

function metaValue(packet: WalkedPacket, key: string | number): string | undefined {
  switch (key) {
    case 'iifname':
      return packet.iifname === undefined ? undefined : interfaceHex(packet.iifname);
    case 'oifname':
      return packet.oifname === undefined ? undefined : interfaceHex(packet.oifname);
    case 'nfproto':
      return packet.family === 'ip' ? '02' : '0a';
    case 'protocol':
      return etherTypes[packet.family];
    default:
      return undefined;
  }
}

/** Of the packet the addresses are known, and in a bridge the head of its frame. */
function payloadValue(packet: WalkedPacket, { base, offset, length }: PayloadExpression): string | undefined {
  if (base === 'link') {
    if (offset === 12 && length === 2) {
      return etherTypes[packet.family];
    }
    return offset === 6 && length === 6 ? packet.sender?.replaceAll(':', '').toLowerCase() : undefined;
  }
  const [first, bytes] = packet.family === 'ip' ? [12, 4] : [8, 16];
  if (base !== 'network' || offset < first || offset + length > first + 2 * bytes) {
    return undefined;
  }
  const both = Buffer.concat([encodeIpAddress(packet.source), encodeIpAddress(packet.destination)]);
  return both.subarray(offset - first, offset - first + length).toString('hex');
}

function applyMask(
  value: string | undefined,
  { mask, xor }: { readonly mask: string; readonly xor: string },
): string | undefined {
  if (value === undefined || value.length < mask.length) {
    return undefined;
  }
  const [bytes, masks, flips] = [value, mask, xor].map((hex) => Buffer.from(hex, 'hex'));
  return Buffer.from(
    (masks ?? []).map((byte, index) => ((bytes?.[index] ?? 0) & byte) ^ (flips?.[index] ?? 0)),
  ).toString('hex');
}

/** The kernel compares as many bytes as the rule gives. */
function compare(
  value: string | undefined,
  { op, value: wanted }: { readonly op: string; readonly value: string },
): Match {
  if (value === undefined || value.length < wanted.length) {
    return 'maybe';
  }
  const seen = value.slice(0, wanted.length);
  const holds: Readonly<Record<string, boolean>> = {
    eq: seen === wanted,
    ne: seen !== wanted,
    lt: seen < wanted,
    le: seen <= wanted,
    gt: seen > wanted,
    ge: seen >= wanted,
  };
  return holds[op] === true ? 'yes' : 'no';
}
