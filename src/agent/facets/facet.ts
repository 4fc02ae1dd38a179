/**
 * One part of what must exist on the node for a VM: its network, its control group, its files, its domain. Each is a
 * folder beside this file and goes through the same loop:
 *
 *   facts -> compile -> spec --plan(spec, observed)--> ops --apply--> kernel
 *                                  ^----------- observe ------------'
 *
 * Laws, which every facet's tests hold it to: after apply the plan is empty; applying twice equals once; a plan cut off
 * at any operation is finished by planning again; what is not ours never appears in a plan.
 */
import type { Pod } from '../../apimachinery/core.ts';
import type { VirtualMachineInstance } from '../../vm/kinds/virtualmachineinstance/types.ts';
import type { AgentContext } from '../context.ts';
import type { SandboxLink } from '../machine/sandbox-link.ts';

/** What a VM's user and the cluster asked for: all that the pure steps know beside the facts. */
export interface MachineInput {
  readonly vmi: VirtualMachineInstance;
  readonly pod: Pod;
}

/** Where one VM lives on this node: what the steps that touch the kernel are given. */
export interface MachinePlace extends MachineInput {
  readonly context: AgentContext;
  readonly podUid: string;
  readonly link: SandboxLink;
}

export interface Facet<Facts, Spec, Observed, Op> {
  /** Short and lower case, `network`; heads its lines in `explain`, events and logs. */
  readonly name: string;
  /** What of the sandbox and the host the spec depends on, such as the address that the pod's NIC was given. Reads only. */
  facts(place: MachinePlace): Facts | Promise<Facts>;
  /** The same before there is a sandbox: for `explain`, with stand-ins where only the start will tell. */
  assume(input: MachineInput): Facts;
  /** All that must exist, as plain data. Pure. Throws VmletError when the VMI asks for what cannot be. */
  compile(input: MachineInput, facts: Facts): Spec;
  /** What exists now of that. Reads only. */
  observe(place: MachinePlace, spec: Spec): Observed | Promise<Observed>;
  /** What `observe` would see in a fresh sandbox. Pure. */
  nothing(spec: Spec): Observed;
  /** The steps from what is there to what is wanted, in order; empty when all is as wanted. Pure and deterministic. */
  plan(spec: Spec, observed: Observed): readonly Op[];
  /** Carries the steps out in order; stops at the first that fails, with its error. */
  apply(place: MachinePlace, ops: readonly Op[]): void | Promise<void>;
  /** What the step does, in one line; the same text for logs, events, dry runs and `explain`. */
  describe(op: Op): string;
  /** Why it is needed, in one line, for who reads `explain`. */
  reason(op: Op): string;
}

/** One facet's steps, ready to be shown or carried out. */
export interface FacetPlan {
  readonly facet: string;
  readonly steps: readonly { readonly what: string; readonly why: string }[];
}
