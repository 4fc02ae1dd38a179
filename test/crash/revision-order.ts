/**
 * The store promises more than linearizable keys: one order of all writes, by revision. Checks one life of the server against
 * the account that the next one gives: every acknowledged write is in it as acknowledged, nothing else is; the order keeps to
 * the clock; reads and lists show a state of it that was current; every watcher saw exactly it.
 */
import type { Epoch, EventSeen, Held, Operation } from './history.ts';
import { checkKey } from './linearizable.ts';

/** What is wrong, in words; empty when all is well. */
export function checkEpoch(epoch: Epoch): string[] {
  const problems: string[] = [];
  const wrong = (text: string): void => {
    problems.push(text);
  };
  checkAccount(epoch, wrong);
  checkWrites(epoch, wrong);
  checkReads(epoch, wrong);
  checkWatches(epoch, wrong);
  const keys = new Set(epoch.operations.map(({ key }) => key));
  for (const key of keys) {
    const operations = epoch.operations.filter((operation) => operation.key === key);
    const verdict = checkKey(operations, epoch.before.get(key), epoch.after.get(key));
    if (verdict !== 'linearizable') {
      const [first, last] = [epoch.before.get(key), epoch.after.get(key)];
      const told = operations.map((operation) => JSON.stringify(operation)).join('\n    ');
      wrong(
        `the history of ${key} is ${verdict === 'broken' ? 'not linearizable' : 'too long to decide'}: from ` +
          `${JSON.stringify(first)} to ${JSON.stringify(last)}\n    ${told}`,
      );
    }
  }
  return problems;
}

/** In order, each event possible after those before it, and the last state is what is there. */
function checkAccount({ before, after, account, fromRevision }: Epoch, wrong: (text: string) => void): void {
  const state = new Map(before);
  let last = fromRevision;
  for (const event of account) {
    if (event.revision <= last) {
      wrong(`the account goes from revision ${last} to ${event.revision}`);
    }
    last = event.revision;
    const held = state.has(event.key);
    if (held !== (event.type !== 'ADDED')) {
      wrong(`the account has ${describe(event)} for a key that is ${held ? '' : 'not '}there`);
    }
    apply(state, event);
  }
  if (!sameState(state, after)) {
    wrong('what is there after the restart is not what the account leads to');
  }
}

type Write = Exclude<Operation, { kind: 'get' }>;

function checkWrites({ operations, account, before }: Epoch, wrong: (text: string) => void): void {
  const byRevision = new Map(account.map((event) => [event.revision, event]));
  const possible = new Set<string>([...before.values()].map(({ value }) => value));
  const writes = operations.filter((operation): operation is Write => operation.kind !== 'get');
  for (const write of writes) {
    if (write.kind !== 'delete' && write.outcome.type !== 'refused') {
      possible.add(write.value);
    }
    if (write.outcome.type !== 'done' || write.kind === 'delete') {
      continue;
    }
    const { revision = 0 } = write.outcome;
    const event = byRevision.get(revision);
    if (event === undefined || event.key !== write.key || event.value !== write.value) {
      wrong(
        `acknowledged ${write.kind} of ${write.key} at revision ${revision} is lost (there is ${event === undefined ? 'nothing' : describe(event)})`,
      );
    }
    if (write.expected !== undefined && previousOf(account, before, event) !== write.expected) {
      wrong(
        `update of ${write.key} at revision ${revision} overwrote another than the revision ${write.expected} it named`,
      );
    }
  }
  for (const event of account) {
    if (!possible.has(event.value)) {
      wrong(`${describe(event)} was written by nobody, or refused`);
    }
  }
  // By the clock: a write that ended before another began comes before it.
  let newest = 0;
  const ended = revised(operations).sort((left, right) => left.endMs - right.endMs);
  let index = 0;
  for (const { beginMs, revision, key, kind } of revised(operations).sort(
    (left, right) => left.beginMs - right.beginMs,
  )) {
    for (let earlier = ended[index]; earlier !== undefined && earlier.endMs < beginMs; earlier = ended[index]) {
      newest = Math.max(newest, earlier.revision);
      index += 1;
    }
    if (kind !== 'get' && revision < newest) {
      wrong(`${kind} of ${key} has revision ${revision}, though ${newest} was known before it began`);
    }
  }
}

function previousOf(
  account: readonly EventSeen[],
  before: Epoch['before'],
  event: EventSeen | undefined,
): number | undefined {
  if (event === undefined) {
    return undefined;
  }
  const earlier = account.filter(({ key, revision }) => key === event.key && revision < event.revision).at(-1);
  return earlier?.revision ?? before.get(event.key)?.revision;
}

/** Operations that told a revision. */
function revised(operations: readonly Operation[]) {
  return operations.flatMap(({ key, kind, beginMs, endMs, ...more }) => {
    const revision =
      'found' in more ? more.found?.revision : more.outcome.type === 'done' ? more.outcome.revision : undefined;
    return revision === undefined ? [] : [{ key, kind, beginMs, endMs, revision }];
  });
}

/** A read shows what was current at some moment of it: not overwritten by what somebody knew of before it began. */
function checkReads({ operations, lists, account, before }: Epoch, wrong: (text: string) => void): void {
  const known = [
    ...revised(operations).map(({ endMs, revision }) => ({ endMs, revision })),
    ...lists.map(({ endMs, revision }) => ({ endMs, revision })),
  ].sort((left, right) => left.endMs - right.endMs);
  const knownBefore = (beginMs: number): number => {
    let newest = 0;
    for (const { endMs, revision } of known) {
      if (endMs >= beginMs) {
        break;
      }
      newest = Math.max(newest, revision);
    }
    return newest;
  };
  for (const operation of operations) {
    if (operation.kind !== 'get') {
      continue;
    }
    const atLeast = knownBefore(operation.beginMs);
    const { key, found } = operation;
    const own = account.filter((event) => event.key === key);
    if (found === undefined) {
      const absent = !before.has(key) && (own[0]?.revision ?? Infinity) > atLeast;
      const gone = own.some(
        (event, index) => event.type === 'DELETED' && (own[index + 1]?.revision ?? Infinity) > atLeast,
      );
      if (!absent && !gone) {
        wrong(`a read found no ${key} though it was there since before the read began`);
      }
    } else {
      const next = own.find(({ revision }) => revision > found.revision);
      if (next !== undefined && next.revision <= atLeast) {
        wrong(`a read of ${key} gave revision ${found.revision}, though ${next.revision} was known before it began`);
      }
    }
  }
  for (const { beginMs, revision, items } of lists) {
    if (revision < knownBefore(beginMs)) {
      wrong(`a list is of revision ${revision}, though ${knownBefore(beginMs)} was known before it began`);
    }
    const state = new Map(before);
    for (const event of account) {
      if (event.revision <= revision) {
        apply(state, event);
      }
    }
    if (!sameState(state, items)) {
      wrong(`a list of revision ${revision} is not what was there at that revision`);
    }
  }
}

function checkWatches({ watched, account }: Epoch, wrong: (text: string) => void): void {
  for (const [index, seen] of watched.entries()) {
    const length = Math.max(seen.length, account.length);
    for (let at = 0; at < length; at += 1) {
      const [here, there] = [seen[at], account[at]];
      if (here === undefined || there === undefined || describe(here) !== describe(there)) {
        wrong(
          `watcher ${index} saw ${here === undefined ? 'nothing' : describe(here)} where ` +
            `${there === undefined ? 'nothing' : describe(there)} happened: lost, doubled or out of order`,
        );
        break;
      }
    }
  }
}

function apply(state: Map<string, Held>, event: EventSeen): void {
  if (event.type === 'DELETED') {
    state.delete(event.key);
  } else {
    state.set(event.key, { revision: event.revision, value: event.value });
  }
}

function sameState(left: ReadonlyMap<string, Held>, right: ReadonlyMap<string, Held>): boolean {
  return (
    left.size === right.size &&
    [...left].every(([key, held]) => {
      const other = right.get(key);
      return other?.revision === held.revision && other.value === held.value;
    })
  );
}

function describe({ type, key, revision, value }: EventSeen): string {
  return `${type} ${key}=${value}@${revision}`;
}
