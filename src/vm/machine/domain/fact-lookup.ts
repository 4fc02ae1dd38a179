import { assert } from '../../../base/assert.ts';

/** The fact of that name; the caller promised one for each device. */
export function factFor<T extends { readonly name: string }>(facts: readonly T[], name: string, what: string): T {
  const fact = facts.find((candidate) => candidate.name === name);
  assert(fact !== undefined, `no facts about ${what} "${name}"`);
  return fact;
}
