/**
 * One part of what must exist on the node for a VM: its network, its control group, its files, its domain. Each is a
 * folder beside this file and goes through the same loop:
 *
 *   facts -> compile -> spec --plan(spec, observed)--> ops --apply--> kernel
 *                                  ^----------- observe ------------'
 *
 * Laws, which every facet's tests hold it to: after apply the plan is empty (but for reports); applying twice equals
 * once; a plan cut off at any operation is finished by planning again; what is not ours never appears in a plan.
 */
import type { AgentContext } from '../context.ts';
import type { SandboxLink } from '../machine/sandbox-link.ts';
import type { HostFacts, MachineInput } from './machine-input.ts';
import type { FacetName, MachineSpec } from './machine-spec.ts';

/** Where one VM lives on this node: what the steps that touch the kernel are given. */
export interface MachinePlace extends MachineInput {
  readonly context: AgentContext;
  readonly podUid: string;
  readonly link: SandboxLink;
  /** Ends steps that wait for libvirt. */
  readonly signal: AbortSignal;
}

export interface Facet<Facts, Spec, Observed, Op> {
  /** Short and lower case, `network`; heads its lines in `explain`, events and logs. */
  readonly name: FacetName;
  /** The facets whose specs its own is made from; they stand before it in the table. */
  readonly needs: readonly FacetName[];
  /**
   * What of the sandbox and the host the spec depends on, such as the address that the pod's NIC was given. Reads only.
   * `before` holds the specs of `needs`.
   */
  facts(place: MachinePlace, before: Partial<MachineSpec>): Facts | Promise<Facts>;
  /** The same before there is a sandbox: for `explain`, with stand-ins where only the start will tell. Pure. */
  assume(input: MachineInput, host: HostFacts): Facts;
  /**
   * All that must exist, as plain data. `before` holds the specs of `needs`. Pure. Throws VmletError when the VMI asks
   * for what cannot be.
   */
  compile(input: MachineInput, facts: Facts, before: Partial<MachineSpec>): Spec;
  /** What exists now of that. Reads only. */
  observe(place: MachinePlace, spec: Spec): Observed | Promise<Observed>;
  /** What `observe` would see where nothing was made for the VM yet, not even by the Pod's runtime. Pure. */
  nothing(spec: Spec): Observed;
  /** The steps from what is there to what is wanted, in order; empty when all is as wanted. Pure and deterministic. */
  plan(spec: Spec, observed: Observed): readonly Op[];
  /**
   * Carries the steps out in order, those that do not need each other side by side; stops at the first that fails, with
   * its error. Steps that only report are passed over.
   */
  apply(place: MachinePlace, ops: readonly Op[]): void | Promise<void>;
  /** What the step does, in one line; the same text for logs, events, dry runs and `explain`. Never a secret. */
  describe(op: Op): string;
  /** Why it is needed, in one line, for who reads `explain`. */
  reason(op: Op): string;
  /** The whole text behind the step where one line cannot say it: the XML of a domain, the rules of a table. */
  detail?(op: Op): string | undefined;
  /** True for what is only told: a difference that nobody repairs by itself. */
  isReport?(op: Op): boolean;
}

/** A facet whose four types are nobody's business: the rows of the table. */
export type AnyFacet = Facet<unknown, unknown, unknown, unknown>;

/** One facet's steps, ready to be shown or carried out. */
export interface FacetPlan {
  readonly facet: FacetName;
  readonly steps: readonly FacetStep[];
}

export interface FacetStep {
  readonly what: string;
  readonly why: string;
  /** Several lines: file contents, XML, rules. */
  readonly detail?: string;
  /** Only told, never carried out. */
  readonly report?: true;
}
