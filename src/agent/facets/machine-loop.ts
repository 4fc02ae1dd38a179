/**
 * The loop over all parts of one VM. Start, recovery after a restart, repair of drift, `inspect` and `explain` are all
 * made of these functions.
 */
import { assert } from '../../base/assert.ts';
import { VmletError } from '../../base/errors.ts';
import type { AnyFacet, FacetPlan, FacetStep, MachinePlace } from './facet.ts';
import { facets } from './facets.ts';
import type { HostFacts, MachineInput } from './machine-input.ts';
import type { FacetName, MachineSpec } from './machine-spec.ts';

export type MachineObserved = Readonly<Partial<Record<FacetName, unknown>>>;

/** One facet's operations as it made them, for `applyPlan`. */
export interface FacetOps {
  readonly facet: FacetName;
  readonly ops: readonly unknown[];
}

/** What is wanted, from the VMI, the Pod and what of the sandbox it depends on: of all facets, or of `names` and what they need. */
export async function compileMachine(place: MachinePlace, names?: readonly FacetName[]): Promise<Partial<MachineSpec>> {
  const spec: Record<string, unknown> = {};
  for (const facet of withNeeds(names)) {
    spec[facet.name] = facet.compile(place, await facet.facts(place, spec), spec);
  }
  return spec;
}

/** What is there of what `spec` names. */
export async function observeMachine(
  place: MachinePlace,
  spec: Partial<MachineSpec>,
  names?: readonly FacetName[],
): Promise<MachineObserved> {
  const observed: Record<string, unknown> = {};
  for (const facet of chosen(names)) {
    observed[facet.name] = await facet.observe(place, specOf(spec, facet));
  }
  return observed;
}

/** The operations between the two, in the order of the table; facets without any are left out. Pure. */
export function planMachine(spec: Partial<MachineSpec>, observed: MachineObserved): readonly FacetOps[] {
  return facets
    .filter(({ name }) => name in observed)
    .map((facet) => ({ facet: facet.name, ops: facet.plan(specOf(spec, facet), observed[facet.name]) }))
    .filter(({ ops }) => ops.length > 0);
}

/** Carries out what `planMachine` gave; stops at the first failure, with an error that says which part it was. */
export async function applyPlan(place: MachinePlace, plan: readonly FacetOps[]): Promise<void> {
  for (const { facet, ops } of plan) {
    await facetOf(facet).apply(place, ops);
  }
}

/**
 * Brings the facets `names` of a compiled machine to what they must be, one after the other: each is observed, planned
 * and applied before the next is looked at. Gives what was done.
 */
export async function ensureMachine(
  place: MachinePlace,
  spec: Partial<MachineSpec>,
  names?: readonly FacetName[],
): Promise<readonly FacetPlan[]> {
  const done: FacetOps[] = [];
  for (const { name } of chosen(names)) {
    const plan = planMachine(spec, await observeMachine(place, spec, [name]));
    await applyPlan(place, plan);
    done.push(...plan);
  }
  return showPlan(done);
}

/** The operations in words. Pure. */
export function showPlan(plan: readonly FacetOps[]): readonly FacetPlan[] {
  return plan.map(({ facet, ops }) => ({ facet, steps: ops.map((op) => showStep(facetOf(facet), op)) }));
}

/** What a start of this VM would do, without a sandbox: all steps from nothing, with stand-ins for what only the start tells. Pure. */
export function explainMachine(input: MachineInput, host: HostFacts): readonly FacetPlan[] {
  const spec: Record<string, unknown> = {};
  const observed: Record<string, unknown> = {};
  for (const facet of facets) {
    spec[facet.name] = facet.compile(input, facet.assume(input, host), spec);
    observed[facet.name] = facet.nothing(spec[facet.name]);
  }
  return showPlan(planMachine(spec, observed));
}

/** Throws VmletError `NoFacet` for a name that is none. */
export function facetNames(names: readonly string[]): readonly FacetName[] {
  return names.map((name) => facetOf(name).name);
}

function showStep(facet: AnyFacet, op: unknown): FacetStep {
  const detail = facet.detail?.(op);
  return {
    what: facet.describe(op),
    why: facet.reason(op),
    ...(detail === undefined ? {} : { detail }),
    ...(facet.isReport?.(op) === true ? { report: true as const } : {}),
  };
}

function chosen(names: readonly FacetName[] | undefined): readonly AnyFacet[] {
  return names === undefined ? facets : facets.filter(({ name }) => names.includes(name));
}

function withNeeds(names: readonly FacetName[] | undefined): readonly AnyFacet[] {
  const wanted = new Set(names ?? facets.map(({ name }) => name));
  for (const facet of facets.toReversed()) {
    if (wanted.has(facet.name)) {
      facet.needs.forEach((name) => wanted.add(name));
    }
  }
  return facets.filter(({ name }) => wanted.has(name));
}

function facetOf(name: string): AnyFacet {
  const facet = facets.find((candidate) => candidate.name === name);
  if (facet === undefined) {
    throw new VmletError('NoFacet', `"${name}" is no part of a VM: ${facets.map((known) => known.name).join(', ')}`);
  }
  return facet;
}

function specOf(spec: Partial<MachineSpec>, { name }: AnyFacet): unknown {
  assert(spec[name] !== undefined, `${name} was not compiled`);
  return spec[name];
}
