/**
 * A device program back to rules. Its graph (explore.ts) becomes a list of decisions, the first that covers an access
 * decides: `when T then A else B` is the decisions of A narrowed to T, then those of B; and where A itself goes on as B
 * does, only what A adds to B is narrowed. So a chain of rule blocks becomes one decision per rule, whoever wrote it.
 * Pure; bounded by a number of steps here and in explore.ts.
 */
import { DecodeError } from '../../../base/errors.ts';
import { BPF_DEVCG_DEV_BLOCK, BPF_DEVCG_DEV_CHAR } from '../../bpf/constants.ts';
import { formatInstructions } from '../../bpf/format.ts';
import { decodeInstructions } from '../../bpf/instruction.ts';
import type { CgroupDeviceRule } from '../types.ts';
import { ALL_ACCESS, MAJOR_MAX, MINOR_MAX, accessLetters } from './assemble.ts';
import { exploreProgram, type Node, type ProgramMap } from './explore.ts';
import { Undecodable } from './flow.ts';
import type { DecodedDevices, DeviceDecision } from './types.ts';
import { everything, intersect, type Cube } from './word.ts';

const STEPS_SPARE = 20_000;
const STEPS_PER_BRANCH = 64;
const LINES_MAX = 512;

type Verdict = 'allow' | 'deny';

/** A list cell; the last one covers everything and has no `next`. Shared tails are the same cell. */
interface Cell {
  readonly when: Cube;
  readonly verdict: Verdict;
  readonly next: Cell | undefined;
}

/** DecodeError for bytes that are no instructions; a program that rules cannot say is `unknown`, with its instructions. */
export function decodeDeviceProgram(bytes: Buffer, maps: ReadonlyMap<number, ProgramMap> = new Map()): DecodedDevices {
  const instructions = decodeInstructions(bytes);
  try {
    if (instructions.length === 0) {
      throw new Undecodable('the kernel does not show its instructions to this process');
    }
    const { root, branches } = exploreProgram(instructions, maps);
    return toDecoded(listOf(root, branches));
  } catch (error) {
    if (error instanceof Undecodable) {
      return { kind: 'unknown', reason: error.message, instructions: formatInstructions(instructions, LINES_MAX) };
    }
    throw error;
  }
}

function listOf(root: Node, branches: readonly Node[]): Cell {
  const answers = {
    allow: { when: everything, verdict: 'allow', next: undefined },
    deny: { when: everything, verdict: 'deny', next: undefined },
  } as const;
  const lists = new Map<Node, Cell>();
  const get = (node: Node): Cell => {
    const list = node.kind === 'answer' ? answers[node.verdict] : lists.get(node);
    if (list === undefined) {
      throw new DecodeError('a branch leads backwards');
    }
    return list;
  };
  let steps = 0;
  const stepsMax = STEPS_SPARE + STEPS_PER_BRANCH * branches.length;
  const narrow = (list: Cell, when: Cube, otherwise: Cell): Cell => {
    const added: Cell[] = [];
    let cell: Cell | undefined = list;
    for (; cell !== undefined && cell !== otherwise; cell = cell.next) {
      added.push(cell);
      steps += 1;
      if (steps > stepsMax) {
        throw new Undecodable('it decides in too many ways');
      }
    }
    return added.reduceRight((next: Cell, { when: own, verdict }) => {
      const both = intersect(own, when);
      return both === undefined ? next : { when: both, verdict, next };
    }, otherwise);
  };
  // Jumps only lead forward, so what a branch needs has a higher slot and is there already.
  for (const node of branches.toSorted((a, b) => slotOf(b) - slotOf(a))) {
    if (node.kind === 'branch') {
      lists.set(
        node,
        node.cases.reduceRight((next, { when, node: inside }) => narrow(get(inside), when, next), get(node.otherwise)),
      );
    }
  }
  return get(root);
}

function slotOf(node: Node): number {
  return node.kind === 'branch' ? node.slot : -1;
}

function toDecoded(list: Cell): DecodedDevices {
  const decisions: DeviceDecision[] = [];
  let otherwise: Verdict = 'deny';
  for (let cell: Cell | undefined = list; cell !== undefined; cell = cell.next) {
    const { verdict } = cell;
    const rules = rulesOf(cell.when);
    if (rules.some((rule) => rule.type === 'all')) {
      otherwise = verdict;
      break;
    }
    decisions.push(...rules.map((rule) => ({ verdict, rule })));
  }
  while (decisions.at(-1)?.verdict === otherwise) {
    decisions.pop();
  }
  if (otherwise === 'allow') {
    return decisions.length === 0
      ? { kind: 'rules', rules: [{ type: 'all', major: undefined, minor: undefined, access: 'rwm' }] }
      : { kind: 'decisions', decisions, otherwise };
  }
  // A denial that no later permission could have undone says nothing.
  const telling = decisions.filter(
    ({ verdict, rule }, index) =>
      verdict === 'allow' ||
      decisions.some((other, place) => place > index && other.verdict === 'allow' && overlap(rule, other.rule)),
  );
  return telling.every(({ verdict }) => verdict === 'allow')
    ? { kind: 'rules', rules: telling.map(({ rule }) => rule) }
    : { kind: 'decisions', decisions: telling, otherwise };
}

/** Whether one access could be covered by both. */
function overlap(a: CgroupDeviceRule, b: CgroupDeviceRule): boolean {
  const sameNumber = (x: number | undefined, y: number | undefined): boolean =>
    x === undefined || y === undefined || x === y;
  return (
    a.type === b.type &&
    sameNumber(a.major, b.major) &&
    sameNumber(a.minor, b.minor) &&
    a.access.split('').some((letter) => b.access.includes(letter))
  );
}

/** Rules that cover exactly the contexts of a cube that the kernel can ask about: none, one, or one per type. */
function rulesOf(cube: Cube): CgroupDeviceRule[] {
  const field = (shift: bigint, bits: number): { readonly mask: number; readonly value: number } => ({
    mask: Number(BigInt.asUintN(bits, cube.mask >> shift)),
    value: Number(BigInt.asUintN(bits, cube.value >> shift)),
  });
  const type = field(0n, 16);
  const access = field(16n, 16);
  const number = (shift: bigint): number | undefined => {
    const { mask, value } = field(shift, 32);
    if (mask !== 0 && mask !== 0xffff_ffff) {
      throw new Undecodable('it looks at a part of a device number');
    }
    return mask === 0 ? undefined : value;
  };
  const [major, minor] = [number(32n), number(64n)];
  const types = (['block', 'char'] as const).filter((name) => {
    const asked = name === 'block' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR;
    return (asked & type.mask) === type.value;
  });
  // What the kernel never asks about: libvirt's programs look up number 4294967295 as "any".
  if ((access.value & ~ALL_ACCESS) !== 0 || (major ?? 0) > MAJOR_MAX || (minor ?? 0) > MINOR_MAX) {
    return [];
  }
  if (access.value !== 0) {
    throw new Undecodable('it asks whether an access is wanted, not whether no other is');
  }
  // Nothing but an access of no kind at all, which v1 rules have no word for either.
  const letters = accessLetters(ALL_ACCESS & ~access.mask);
  if (letters === '') {
    return [];
  }
  if (types.length === 2 && major === undefined && minor === undefined && letters === 'rwm') {
    return [{ type: 'all', major, minor, access: letters }];
  }
  return types.map((name) => ({ type: name, major, minor, access: letters }));
}
