/** Counts and failures of several profiles, merged. */
import type { TestOutcome } from './protocol.ts';

export interface ProfileResult {
  readonly profile: string;
  readonly outcomes: readonly TestOutcome[];
  /** Why the profile as a whole was not run; counts as one skip. */
  readonly skipped?: string;
  /** What went wrong outside of any test; each counts as one failure. */
  readonly problems: readonly string[];
}

export interface Totals {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

export function mergeResults(results: readonly ProfileResult[]): Totals {
  let [passed, failed, skipped] = [0, 0, 0];
  for (const { outcomes, skipped: reason, problems } of results) {
    passed += outcomes.filter(({ type }) => type === 'pass').length;
    failed += outcomes.filter(({ type }) => type === 'fail').length + problems.length;
    skipped += outcomes.filter(({ type }) => type === 'skip').length + (reason === undefined ? 0 : 1);
  }
  return { passed, failed, skipped };
}

/** The last line of the output. */
export function formatTotals({ passed, failed, skipped }: Totals): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

/** What a guest's run says when its process did not get to the end: undefined when all is well. */
export function explainExit(
  code: number,
  options: { readonly ended: boolean; readonly failures: number; readonly lastFile: string | undefined },
): string | undefined {
  if (!options.ended) {
    const place =
      options.lastFile === undefined ? 'before the first test ended' : `after a test of ${options.lastFile}`;
    // What timeout(1) ends with when it ended somebody.
    const how = code === 124 || code === 137 ? `hung and was ended (${code})` : `ended with ${code}`;
    return `the test process in the guest ${how} ${place}, and the tests behind it were not run`;
  }
  return code !== 0 && options.failures === 0
    ? `every test passed, yet the guest's command ended with ${code}`
    : undefined;
}
