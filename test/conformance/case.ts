/** What a conformance case is, and how one says that a server does not offer what it is about. */
import type { World } from './world.ts';

export interface ConformanceCase {
  /** The rule, as a sentence. Unique in the suite. */
  readonly name: string;
  readonly area: string;
  /** Where the rule is published: a section of the API conventions or of the API concepts, a KEP, a page of the reference. */
  readonly reference: string;
  readonly run: (world: World) => Promise<void>;
}

/** Thrown by a case for a thing that this server does not serve. */
export class NotOffered extends Error {
  override readonly name = 'NotOffered';
}

export function skip(reason: string): never {
  throw new NotOffered(reason);
}

export type Rule = (name: string, run: ConformanceCase['run'], reference?: string) => void;

/** Collects the cases of one area; `reference` holds for those that name none. */
export function area(name: string, reference: string, define: (rule: Rule) => void): readonly ConformanceCase[] {
  const cases: ConformanceCase[] = [];
  define((rule, run, own = reference) => cases.push({ name: rule, area: name, reference: own, run }));
  return cases;
}
