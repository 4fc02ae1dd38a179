/** Runs cases against a world, several at a time. */
import { withDeadline } from '../../src/base/deadline.ts';
import { NotOffered } from './case.ts';
import type { ConformanceCase } from './case.ts';
import type { World } from './world.ts';

export interface CaseResult {
  readonly name: string;
  readonly area: string;
  readonly reference: string;
  readonly result: 'passed' | 'failed' | 'skipped';
  /** Why it failed or was skipped. */
  readonly detail?: string;
  readonly durationMs: number;
}

const caseTimeoutMs = 90_000;

/** Cases in the given order, `concurrency` at a time; `onResult` as each ends. Gives the results in the cases' order. */
export async function runCases(
  world: World,
  cases: readonly ConformanceCase[],
  options: { concurrency: number; onResult?: (result: CaseResult) => void },
): Promise<readonly CaseResult[]> {
  const results: CaseResult[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < cases.length) {
      const index = next;
      next += 1;
      const one = cases[index];
      if (one !== undefined) {
        const result = await runCase(world, one);
        results[index] = result;
        options.onResult?.(result);
      }
    }
  };
  await Promise.all(Array.from({ length: options.concurrency }, work));
  return results;
}

async function runCase(world: World, { name, area, reference, run }: ConformanceCase): Promise<CaseResult> {
  const start = performance.now();
  const about = { name, area, reference };
  const durationMs = (): number => Math.round(performance.now() - start);
  try {
    await withDeadline(run(world), caseTimeoutMs, 'the case');
    return { ...about, result: 'passed', durationMs: durationMs() };
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    return { ...about, result: error instanceof NotOffered ? 'skipped' : 'failed', detail, durationMs: durationMs() };
  }
}
