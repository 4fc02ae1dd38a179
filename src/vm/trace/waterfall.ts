/** A trace as spans that follow one another, each beside its budget. Pure. */
import { startBudgets, type SpanBudget } from './budgets.ts';
import { markNames, type MarkName, type StartTrace } from './trace.ts';

export interface WaterfallSpan {
  readonly name: string;
  /** From the VMI's creation. */
  readonly startMs: number;
  readonly durationMs: number;
  readonly budgetMs?: number;
  readonly exceeded: boolean;
  readonly doing: string;
  /** Only where the budget was exceeded. */
  readonly remedy?: string;
}

export interface Waterfall {
  /** Of the first mark, milliseconds since the epoch. */
  readonly startedAtMs: number;
  /** From the VMI's creation to Running; to the last mark while it does not run. */
  readonly totalMs: number;
  readonly running: boolean;
  readonly spans: readonly WaterfallSpan[];
  /** How often the agent began the start; more than 1: it failed before. */
  readonly attempts: number;
  /** What it waits for; undefined once Running. */
  readonly waitsFor?: string;
  /** Names of the spans whose budget was exceeded. */
  readonly exceeded: readonly string[];
}

/** Marks that each attempt makes anew: the last one counts. */
const repeated: readonly MarkName[] = ['start begun', 'network up', 'disks ready', 'domain defined', 'domain started'];

export function layOutTrace(trace: StartTrace): Waterfall {
  const { marks } = trace;
  const startedAtMs = marks[0]?.atMs ?? 0;
  const at = (name: MarkName): number | undefined =>
    (repeated.includes(name) ? marks.findLast((mark) => mark.name === name) : marks.find((mark) => mark.name === name))
      ?.atMs;
  const runningAtMs = at('Running');
  const begins = marks.filter(({ name }) => name === 'start begun');
  const firstBegin = begins[0]?.atMs;
  const spans: WaterfallSpan[] = [];
  // A moment that was not seen (vmlet was restarted meanwhile) joins its two steps.
  let fromMs = at(markNames[0]);
  let joined: SpanBudget[] = [];
  for (const budget of startBudgets) {
    fromMs ??= at(budget.from);
    const toMs = at(budget.to);
    if (fromMs === undefined) {
      continue;
    }
    joined.push(budget);
    if (toMs === undefined || toMs < fromMs) {
      continue;
    }
    const retried = budget.to === 'start begun' && begins.length > 1 && firstBegin !== undefined;
    spans.push(spanOf(joined, { startedAtMs, fromMs, toMs: retried ? Math.max(fromMs, firstBegin) : toMs }));
    if (retried) {
      spans.push(failedAttempts(begins.length - 1, { startedAtMs, fromMs: firstBegin, toMs }));
    }
    fromMs = toMs;
    joined = [];
  }
  const endMs = runningAtMs ?? marks.at(-1)?.atMs ?? startedAtMs;
  const next = startBudgets.find(({ to }) => at(to) === undefined);
  return {
    startedAtMs,
    totalMs: round(endMs - startedAtMs),
    running: runningAtMs !== undefined,
    spans,
    attempts: begins.length,
    ...(runningAtMs === undefined && next !== undefined ? { waitsFor: `${next.name}: ${next.doing}` } : {}),
    exceeded: spans.filter(({ exceeded }) => exceeded).map(({ name }) => name),
  };
}

interface Times {
  readonly startedAtMs: number;
  readonly fromMs: number;
  readonly toMs: number;
}

function spanOf(budgets: readonly SpanBudget[], { startedAtMs, fromMs, toMs }: Times): WaterfallSpan {
  const durationMs = round(toMs - fromMs);
  const last = budgets.at(-1);
  const budgetMs = budgets.reduce<number | undefined>(
    (sum, budget) => (sum === undefined || budget.budgetMs === undefined ? undefined : sum + budget.budgetMs),
    0,
  );
  const exceeded = budgetMs !== undefined && durationMs > budgetMs;
  return {
    name: budgets.map(({ name }) => name).join(' + '),
    startMs: round(fromMs - startedAtMs),
    durationMs,
    ...(budgetMs === undefined ? {} : { budgetMs }),
    exceeded,
    doing: budgets.map(({ doing }) => doing).join('; '),
    ...(exceeded && last !== undefined ? { remedy: budgets.map(({ remedy }) => remedy).join('; ') } : {}),
  };
}

function failedAttempts(count: number, { startedAtMs, fromMs, toMs }: Times): WaterfallSpan {
  return {
    name: 'failed starts',
    startMs: round(fromMs - startedAtMs),
    durationMs: round(toMs - fromMs),
    budgetMs: 0,
    exceeded: true,
    doing: `${count} start${count === 1 ? '' : 's'} that failed, and the waits between`,
    remedy: 'the Events of the VMI say what failed: kubectl describe vmi',
  };
}

/** Hundredths: clocks of two processes agree no better. */
function round(ms: number): number {
  return Math.round(ms * 100) / 100;
}
