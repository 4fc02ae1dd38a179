/**
 * What makes the table on the host the one that is wanted, as one transaction. Pure. Only what differs is touched: an
 * endpoint that comes or goes changes elements of its port's map and one rule; other Services are not in the plan.
 */
import { isDeepStrictEqual } from 'node:util';
import type { NetlinkRequest } from '../../linux/netlink/exchange.ts';
import { normalizeTable } from '../../linux/nftables/compare.ts';
import {
  addChainRequest,
  addElementsRequests,
  addRuleRequest,
  addSetRequests,
  createTableRequests,
  deleteChainRequest,
  deleteElementsRequests,
  deleteSetRequest,
  deleteTableRequest,
  flushChainRequest,
} from '../../linux/nftables/requests.ts';
import type { Chain, NftSet, SetElement, Table, TableRef } from '../../linux/nftables/types.ts';

export type TableOp =
  | { readonly kind: 'create-table'; readonly table: Table }
  /** Something in it that no Service explains, or of another shape. */
  | { readonly kind: 'replace-table'; readonly table: Table }
  | { readonly kind: 'delete-table'; readonly table: TableRef }
  | { readonly kind: 'add-chain'; readonly chain: string }
  | { readonly kind: 'flush-chain'; readonly chain: string }
  | { readonly kind: 'add-rules'; readonly chain: Chain }
  | { readonly kind: 'delete-chain'; readonly chain: string }
  | { readonly kind: 'add-set'; readonly set: NftSet }
  | { readonly kind: 'delete-set'; readonly set: string }
  | {
      readonly kind: 'add-elements' | 'delete-elements';
      readonly set: NftSet;
      readonly elements: readonly SetElement[];
    };

/** The order is one in which the kernel takes them: what is named exists, what is deleted is named by nobody. */
export function planServiceTable(ref: TableRef, desired: Table | undefined, observed: Table | undefined): TableOp[] {
  if (desired === undefined) {
    return observed === undefined ? [] : [{ kind: 'delete-table', table: ref }];
  }
  if (observed === undefined) {
    return [{ kind: 'create-table', table: desired }];
  }
  const [want, have] = [normalizeTable(desired), normalizeTable(observed)];
  if (!isSameFrame(want, have)) {
    return [{ kind: 'replace-table', table: desired }];
  }
  const chains = pair(want.chains, have.chains);
  const sets = pair(want.sets, have.sets);
  if (
    chains.both.some(([one, other]) => !isDeepStrictEqual(chainShape(one), chainShape(other))) ||
    sets.both.some(([one, other]) => !isDeepStrictEqual(setShape(one), setShape(other)))
  ) {
    return [{ kind: 'replace-table', table: desired }];
  }
  const changed = chains.both.filter(([one, other]) => !isDeepStrictEqual(one.rules, other.rules)).map(([one]) => one);
  const elements = sets.both.map(([one, other]) => ({ set: one, ...elementChanges(one, other) }));
  return [
    ...chains.added.map(({ name }): TableOp => ({ kind: 'add-chain', chain: name })),
    ...[...changed, ...chains.gone].map(({ name }): TableOp => ({ kind: 'flush-chain', chain: name })),
    ...elements.flatMap(({ gone, set }): TableOp[] => opOf('delete-elements', set, gone)),
    ...staleClients(desired, observed),
    ...sets.added.map((set): TableOp => ({ kind: 'add-set', set })),
    ...elements.flatMap(({ added, set }): TableOp[] => opOf('add-elements', set, added)),
    ...[...chains.added, ...changed].map((chain): TableOp => ({ kind: 'add-rules', chain })),
    ...sets.gone.map(({ name }): TableOp => ({ kind: 'delete-set', set: name })),
    ...chains.gone.map(({ name }): TableOp => ({ kind: 'delete-chain', chain: name })),
  ];
}

/** The requests of a plan, for one transaction. */
export function tableRequests(ref: TableRef, ops: readonly TableOp[]): NetlinkRequest[] {
  let setId = 0;
  return ops.flatMap((op): NetlinkRequest[] => {
    switch (op.kind) {
      case 'create-table':
        return createTableRequests(op.table);
      case 'replace-table':
        return [deleteTableRequest(ref), ...createTableRequests(op.table)];
      case 'delete-table':
        return [deleteTableRequest(ref)];
      case 'add-chain':
        return [addChainRequest(ref, { name: op.chain })];
      case 'flush-chain':
        return [flushChainRequest({ table: ref, chain: op.chain })];
      case 'add-rules':
        return op.chain.rules.map((rule, index) =>
          addRuleRequest({ table: ref, chain: op.chain.name, position: index + 1 }, rule),
        );
      case 'delete-chain':
        return [deleteChainRequest(ref, op.chain)];
      case 'add-set':
        setId++;
        return addSetRequests(ref, op.set, setId);
      case 'delete-set':
        return [deleteSetRequest(ref, op.set)];
      case 'add-elements':
        return addElementsRequests(ref, op.set, op.elements);
      case 'delete-elements':
        return deleteElementsRequests(ref, op.set, op.elements);
    }
  });
}

/** What an operation does, in one line. */
export function describeTableOp(op: TableOp): string {
  switch (op.kind) {
    case 'create-table':
      return `create nftables table ${op.table.name} with ${op.table.sets.length} sets`;
    case 'replace-table':
      return `replace nftables table ${op.table.name}: it has another shape`;
    case 'delete-table':
      return `delete nftables table ${op.table.name}: no Service needs it`;
    case 'add-chain':
      return `add chain ${op.chain}`;
    case 'flush-chain':
      return `take the rules of chain ${op.chain} away`;
    case 'add-rules':
      return `put ${op.chain.rules.length} rules into chain ${op.chain.name}`;
    case 'delete-chain':
      return `delete chain ${op.chain}`;
    case 'add-set':
      return `add set ${op.set.name} with ${op.set.elements.length} elements`;
    case 'delete-set':
      return `delete set ${op.set}`;
    case 'add-elements':
      return `add ${op.elements.length} elements to set ${op.set.name}`;
    case 'delete-elements':
      return `delete ${op.elements.length} elements of set ${op.set.name}`;
  }
}

function opOf(kind: 'add-elements' | 'delete-elements', set: NftSet, elements: readonly SetElement[]): TableOp[] {
  return elements.length === 0 ? [] : [{ kind, set, elements }];
}

/** Clients that are held to an endpoint that is gone. The kernel adds these elements, so no comparison shows them. */
function staleClients(desired: Table, observed: Table): TableOp[] {
  return desired.sets.flatMap((set): TableOp[] => {
    if (!set.flags.includes('dynamic')) {
      return [];
    }
    const clients = observed.sets.find(({ name }) => name === set.name)?.elements ?? [];
    const endpoints = desired.sets.find(({ name }) => name === set.name.replace(/^affinity-/u, 'endpoints-'));
    const alive = new Set(endpoints?.elements.map(({ data }) => data));
    return opOf(
      'delete-elements',
      set,
      clients.filter(({ data }) => !alive.has(data)).map(({ key }) => ({ key })),
    );
  });
}

function elementChanges(want: NftSet, have: NftSet): { added: SetElement[]; gone: SetElement[] } {
  const [wanted, held] = [byKey(want), byKey(have)];
  const differs = (element: SetElement, others: ReadonlyMap<string, SetElement>): boolean => {
    const other = others.get(element.key);
    return other === undefined || !isDeepStrictEqual(other, element);
  };
  return {
    added: want.elements.filter((element) => differs(element, held)),
    gone: have.elements.filter((element) => differs(element, wanted)).map(({ key }) => ({ key })),
  };
}

function byKey(set: NftSet): Map<string, SetElement> {
  return new Map(set.elements.map((element) => [element.key, element]));
}

function isSameFrame(want: Table, have: Table): boolean {
  const frame = ({ chains: _chains, sets: _sets, ...rest }: Table): object => rest;
  return isDeepStrictEqual(frame(want), frame(have));
}

function chainShape({ rules: _rules, ...shape }: Chain): object {
  return shape;
}

function setShape({ elements: _elements, ...shape }: NftSet): object {
  return shape;
}

function pair<T extends { readonly name: string }>(
  want: readonly T[],
  have: readonly T[],
): { added: T[]; gone: T[]; both: [T, T][] } {
  const held = new Map(have.map((item) => [item.name, item]));
  const wanted = new Set(want.map(({ name }) => name));
  return {
    added: want.filter(({ name }) => !held.has(name)),
    gone: have.filter(({ name }) => !wanted.has(name)),
    both: want.flatMap((item): [T, T][] => {
      const other = held.get(item.name);
      return other === undefined ? [] : [[item, other]];
    }),
  };
}
