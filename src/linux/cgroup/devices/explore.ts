/**
 * The decisions of a program as a graph: nodes are the places where it branches or ends, with what it knows there.
 * Places reached in several ways with the same knowledge are one node, so that the blocks of a rule list do not multiply.
 * Pure, and bounded: a program that takes too many steps is Undecodable.
 */
import type { Instruction, MapEntry } from '../../bpf/types.ts';
import { BPF_FUNC_map_lookup_elem, BPF_MAP_TYPE_HASH } from '../../bpf/constants.ts';
import { Undecodable, analyzeFlow, type Flow } from './flow.ts';
import { initialState, operandValue, readStack, step, withRegister, type State, type Value } from './machine.ts';
import { WordTable, constantOf, everything, whenEqual, type Cube } from './word.ts';

/** A map that a program reads, as it was when it was read. */
export interface ProgramMap {
  readonly type: number;
  readonly keyBytes: number;
  readonly entries: readonly MapEntry[];
}

export type Node =
  | { readonly kind: 'answer'; readonly verdict: 'allow' | 'deny' }
  /** The first case whose contexts hold the one asked about is taken. */
  | {
      readonly kind: 'branch';
      readonly slot: number;
      readonly cases: readonly { readonly when: Cube; readonly node: Node }[];
      readonly otherwise: Node;
    };

/**
 * A rule list is followed in a few steps per instruction, and per map entry for each look-up. A short program may take a
 * little more, so that one made to have many paths is given up within a tenth of a second.
 */
const STEPS_SPARE = 4096;
const STEPS_PER_INSTRUCTION = 16;
const STEPS_PER_ENTRY = 64;
const STACK_BYTES_SEEN_MAX = 64;

type Mutable = {
  kind: 'branch';
  slot: number;
  cases: { when: Cube; node: Node }[];
  otherwise: Node;
};

interface Place {
  readonly slot: number;
  readonly state: State;
}

export function exploreProgram(
  instructions: readonly Instruction[],
  maps: ReadonlyMap<number, ProgramMap>,
): { readonly root: Node; readonly branches: readonly Node[] } {
  const flow = analyzeFlow(instructions);
  const words = new WordTable();
  const nodes = new Map<string, Mutable>();
  const pending: (() => void)[] = [];
  const readEntries = new Set<number>();
  const calls = new Set<number>();
  const allow: Node = { kind: 'answer', verdict: 'allow' };
  const deny: Node = { kind: 'answer', verdict: 'deny' };
  let steps = 0;
  const entries = [...maps.values()].reduce((sum, map) => sum + map.entries.length, 0);
  const stepsMax = STEPS_SPARE + STEPS_PER_INSTRUCTION * instructions.length + STEPS_PER_ENTRY * entries;

  /** Runs on to the next branch or end. */
  function nodeAt(start: Place): Node {
    let { slot, state } = start;
    for (;;) {
      steps += 1;
      if (steps > stepsMax) {
        throw new Undecodable('it is too large to be followed');
      }
      const instruction = flow.slots[slot];
      if (instruction === undefined) {
        throw new Undecodable(`control leaves the program at ${slot}`);
      }
      if (instruction.kind === 'goto') {
        slot += 1 + instruction.offset;
      } else if (instruction.kind === 'exit') {
        return answer(slot, state);
      } else if (instruction.kind === 'call') {
        return branchOnce(slot, state, (node) => lookUp(node, { slot, state }, instruction));
      } else if (instruction.kind === 'jump') {
        const direction = compare(state, instruction);
        if (typeof direction === 'object') {
          const { when } = direction;
          const jumped = slot + 1 + instruction.offset;
          const [inside, outside] = direction.inside === 'jump' ? [jumped, slot + 1] : [slot + 1, jumped];
          return branchOnce(slot, state, (node) => {
            node.cases = [{ when, node: nodeAt({ slot: inside, state }) }];
            node.otherwise = nodeAt({ slot: outside, state });
          });
        }
        slot += 1 + (direction === 'jump' ? instruction.offset : 0);
      } else {
        state = step(words, state, instruction, (call) => readEntries.add(call));
        slot += instruction.kind === 'load64' ? 2 : 1;
      }
    }
  }

  /** The node of this place; its cases are filled in later, so that depth costs no call stack. */
  function branchOnce(slot: number, state: State, fill: (node: Mutable) => void): Node {
    const key = `${slot}|${knowledge(flow, slot, state)}`;
    let node = nodes.get(key);
    if (node === undefined) {
      node = { kind: 'branch', slot, cases: [], otherwise: deny };
      nodes.set(key, node);
      const made = node;
      pending.push(() => fill(made));
    }
    return node;
  }

  function answer(slot: number, state: State): Node {
    const value = state.registers[0];
    const cube =
      value?.kind === 'word'
        ? whenEqual(value.word.bits.slice(0, 32), words.constant(0n).bits.slice(0, 32))
        : undefined;
    if (cube === undefined) {
      throw new Undecodable(`the answer at ${slot} is not known`);
    }
    if (cube === false) {
      return allow;
    }
    return cube.mask === 0n
      ? deny
      : branchOnce(slot, state, (node) => {
          node.cases = [{ when: cube, node: deny }];
          node.otherwise = allow;
        });
  }

  function compare(
    state: State,
    jump: Extract<Instruction, { kind: 'jump' }>,
  ): 'jump' | 'fall' | { readonly when: Cube; readonly inside: 'jump' | 'fall' } {
    const left = state.registers[jump.left];
    const right = operandValue(words, state, jump.operand);
    const isNullTest = 'immediate' in jump.operand && jump.operand.immediate === 0;
    if (left?.kind === 'entry' && isNullTest && (jump.operation === 'jeq' || jump.operation === 'jne')) {
      return jump.operation === 'jne' ? 'jump' : 'fall';
    }
    if (left?.kind !== 'word' || right?.kind !== 'word') {
      throw new Undecodable('it compares what is not followed');
    }
    const a = left.word.bits.slice(0, jump.bits);
    const b = right.word.bits.slice(0, jump.bits);
    if (jump.operation === 'jset') {
      const both = words.combine('and', left.word, right.word);
      const none =
        both === undefined
          ? undefined
          : whenEqual(
              both.bits.slice(0, jump.bits),
              b.map(() => 0),
            );
      return decide(none, 'fall');
    }
    if (jump.operation === 'jeq' || jump.operation === 'jne') {
      return decide(whenEqual(a, b), jump.operation === 'jeq' ? 'jump' : 'fall');
    }
    const [x, y] = [constantOf(left.word), constantOf(right.word)];
    if (x === undefined || y === undefined) {
      throw new Undecodable('it compares by order');
    }
    return isOrdered(jump, x, y) ? 'jump' : 'fall';
  }

  /** r0 is an entry of the map for the key on the stack, or null. */
  function lookUp(node: Mutable, { slot, state }: Place, call: Extract<Instruction, { kind: 'call' }>): void {
    const [map, key] = [state.registers[1], state.registers[2]];
    const content = map?.kind === 'map' ? maps.get(map.id) : undefined;
    const bits =
      content === undefined || key?.kind !== 'stack'
        ? undefined
        : readStack(state, key.offset, content.keyBytes)?.flat();
    if (call.source !== 0 || content?.type !== BPF_MAP_TYPE_HASH || bits === undefined) {
      throw new Undecodable(`a call at ${slot} that is no look-up in a map of device rules`);
    }
    // A program that was read back has an address in place of the helper's number.
    if (call.function !== BPF_FUNC_map_lookup_elem) {
      calls.add(slot);
    }
    const after = (result: Value, next: number): Place => ({
      slot: next,
      state: withRegister({ ...state, registers: state.registers.with(3, undefined) }, 0, result),
    });
    // The kernel writes out the look-up of a hash: `if r0 == 0 skip; r0 += where the value is in the entry`.
    const [test, addition] = [flow.slots[slot + 1], flow.slots[slot + 2]];
    const isWrittenOut =
      test?.kind === 'jump' &&
      test.operation === 'jeq' &&
      test.left === 0 &&
      test.offset === 1 &&
      addition?.kind === 'alu' &&
      addition.operation === 'add' &&
      addition.target === 0;
    const next = slot + (isWrittenOut ? 3 : 1);
    for (const entry of content.entries) {
      const keyBits = [...entry.key].flatMap((byte) => Array.from({ length: 8 }, (_, index) => (byte >> index) & 1));
      const when = whenEqual(bits, keyBits);
      if (when === undefined) {
        throw new Undecodable(`the key of the look-up at ${slot} is not known`);
      }
      if (when !== false) {
        node.cases.push({ when, node: nodeAt(after({ kind: 'entry', entry, call: slot }, next)) });
      }
    }
    node.otherwise = nodeAt(after({ kind: 'word', word: words.constant(0n) }, next));
  }

  const root = nodeAt({ slot: 0, state: initialState() });
  for (let fill = pending.pop(); fill !== undefined; fill = pending.pop()) {
    fill();
  }
  // The verifier lets only the result of a look-up be read, so a call whose result is read is one.
  if ([...calls].some((call) => !readEntries.has(call) && entriesOf(nodes, call))) {
    throw new Undecodable('it calls a function that is not known');
  }
  return { root, branches: [...nodes.values()] };
}

function entriesOf(nodes: ReadonlyMap<string, Mutable>, call: number): boolean {
  return [...nodes.values()].some((node) => node.slot === call && node.cases.length > 0);
}

function decide(
  cube: Cube | false | undefined,
  inside: 'jump' | 'fall',
): 'jump' | 'fall' | { readonly when: Cube; readonly inside: 'jump' | 'fall' } {
  if (cube === undefined) {
    throw new Undecodable('it compares two parts of the request with one another');
  }
  if (cube === false) {
    return inside === 'jump' ? 'fall' : 'jump';
  }
  return cube.mask === everything.mask ? inside : { when: cube, inside };
}

function isOrdered(jump: Extract<Instruction, { kind: 'jump' }>, left: bigint, right: bigint): boolean {
  const isSigned = jump.operation.startsWith('js');
  const cut = (value: bigint): bigint =>
    isSigned ? BigInt.asIntN(jump.bits, value) : BigInt.asUintN(jump.bits, value);
  const [x, y] = [cut(left), cut(right)];
  switch (jump.operation) {
    case 'jgt':
    case 'jsgt':
      return x > y;
    case 'jge':
    case 'jsge':
      return x >= y;
    case 'jlt':
    case 'jslt':
      return x < y;
    default:
      return x <= y;
  }
}

/** What can still matter at a slot, as a text: equal texts, equal futures. */
function knowledge(flow: Flow, slot: number, state: State): string {
  const live = flow.live[slot] ?? 0;
  const registers = state.registers.map((value, register) => (((live >> register) & 1) === 0 ? '-' : valueKey(value)));
  if (state.stack.size > STACK_BYTES_SEEN_MAX) {
    throw new Undecodable('it keeps too much on its stack');
  }
  const stack = [...state.stack].map(([offset, bits]) => `${offset}:${bits.join()}`).toSorted();
  return `${registers.join(' ')}|${stack.join(' ')}`;
}

function valueKey(value: Value): string {
  switch (value?.kind) {
    case undefined:
      return '?';
    case 'word':
      return `w${value.word.id}`;
    case 'entry':
      return `e${value.call}.${value.entry.key.toString('hex')}`;
    case 'stack':
      return `s${value.offset}`;
    case 'map':
      return `m${value.id}`;
    case 'context':
      return 'c';
  }
}
