/**
 * Feeds one file's targets in a thread of its own, so that a decoder which hangs can be stopped from outside. The message
 * at hand lies in shared memory while it is decoded: who stops the thread can tell which one it was.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { parentPort, workerData } from 'node:worker_threads';
import { DecodeError, errorMessage } from '../../src/base/errors.ts';
import { FINDINGS_MAX, MESSAGE_LIMIT_MS, PROGRESS_HEADER_BYTES, RSS_GROWTH_MAX_BYTES } from './fuzz-limits.ts';
import { makeMessage } from './messages.ts';
import { loadTargets } from './targets.ts';
import type { FuzzTarget } from './targets.ts';

export interface WorkerInput {
  readonly file: string;
  readonly seed: number;
  readonly from: number;
  readonly messages: number;
  /** Only targets whose name has this in it. */
  readonly only: string;
  /** Stops a target early; undefined: never. */
  readonly targetBudgetMs: number | undefined;
  /** [messages begun, index within the target, length of the message], then its bytes. */
  readonly progress: SharedArrayBuffer;
}

export interface TargetResult {
  readonly target: string;
  readonly messages: number;
  readonly values: number;
  readonly elapsedMs: number;
  readonly slowestMs: number;
  readonly rssGrowthBytes: number;
  readonly findings: readonly Finding[];
}

export interface Finding {
  readonly target: string;
  readonly index: number;
  readonly problem: string;
  readonly hex: string;
}

const input = workerData as WorkerInput;
const numbers = new Int32Array(input.progress, 0, PROGRESS_HEADER_BYTES / 4);
const shown = Buffer.from(input.progress, PROGRESS_HEADER_BYTES);

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

// Most messages end in an error, and its stack is what costs.
Error.stackTraceLimit = 0;

for (const target of await loadTargets(input.file)) {
  if (target.name.includes(input.only)) {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread's port, not a window
    parentPort?.postMessage({ started: target.name });
    const result = await fuzzTarget(target);
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread's port, not a window
    parentPort?.postMessage({ result });
  }
}

async function fuzzTarget(target: FuzzTarget): Promise<TargetResult> {
  const findings: Finding[] = [];
  for (const [index, seed] of target.seeds.entries()) {
    // A seed that does not decode leaves the depth of the decoder untested.
    const { outcome } = await decodeOnce(target, Buffer.from(seed));
    if (outcome !== 'value') {
      const problem = `seed ${index} is ${outcome === 'refused' ? 'refused' : `a problem: ${outcome.problem}`}`;
      findings.push({ target: target.name, index: input.from, problem, hex: seed.toString('hex') });
    }
  }
  const startMs = performance.now();
  const warmUp = Math.floor(input.messages / 10);
  let rssBytes = measureRss();
  let values = 0;
  let slowestMs = 0;
  let count = 0;
  for (; count < input.messages && findings.length < FINDINGS_MAX; count += 1) {
    if (count === warmUp) {
      rssBytes = measureRss();
    }
    if (input.targetBudgetMs !== undefined && count % 256 === 0 && performance.now() - startMs > input.targetBudgetMs) {
      break;
    }
    const index = input.from + count;
    const message = makeMessage({ seeds: target.seeds, seed: input.seed, target: target.name, index });
    show(message, index);
    const { outcome, elapsedMs } = await decodeOnce(target, message);
    slowestMs = Math.max(slowestMs, elapsedMs);
    values += outcome === 'value' ? 1 : 0;
    let problem = outcome === 'value' || outcome === 'refused' ? undefined : outcome.problem;
    if (elapsedMs > MESSAGE_LIMIT_MS) {
      // Other programs may have had the processor: what counts is the time that this thread had.
      const before = threadMs();
      await decodeOnce(target, message);
      const usedMs = threadMs() - before;
      if (usedMs > MESSAGE_LIMIT_MS) {
        problem ??= `took ${Math.round(usedMs)} ms, more than ${MESSAGE_LIMIT_MS}`;
      }
    }
    if (problem !== undefined) {
      findings.push({ target: target.name, index, problem, hex: message.toString('hex') });
    }
  }
  const rssGrowthBytes = Math.max(measureRss() - rssBytes, 0);
  if (rssGrowthBytes > RSS_GROWTH_MAX_BYTES) {
    const problem = `memory grew by ${rssGrowthBytes} bytes over ${count} messages`;
    findings.push({ target: target.name, index: input.from, problem, hex: '' });
  }
  const elapsedMs = performance.now() - startMs;
  return { target: target.name, messages: count, values, elapsedMs, slowestMs, rssGrowthBytes, findings };
}

async function decodeOnce(
  target: FuzzTarget,
  message: Buffer,
): Promise<{ readonly outcome: 'value' | 'refused' | { readonly problem: string }; readonly elapsedMs: number }> {
  const startMs = performance.now();
  try {
    const value = target.decode(message);
    if (value instanceof Promise) {
      await value;
    }
    return { outcome: 'value', elapsedMs: performance.now() - startMs };
  } catch (error) {
    const elapsedMs = performance.now() - startMs;
    return {
      outcome: error instanceof DecodeError ? 'refused' : { problem: await describe(target, message, error) },
      elapsedMs,
    };
  }
}

/** The error again, this time with its stack. */
async function describe(target: FuzzTarget, message: Buffer, first: unknown): Promise<string> {
  Error.stackTraceLimit = 20;
  try {
    await target.decode(message);
  } catch (error) {
    return error instanceof Error ? (error.stack ?? error.message) : errorMessage(error);
  } finally {
    Error.stackTraceLimit = 0;
  }
  return `${errorMessage(first)} (only the first time: the decoder keeps state)`;
}

function threadMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

/** Without what is only waiting to be collected. */
function measureRss(): number {
  collectGarbage();
  return process.memoryUsage().rss;
}

function show(message: Buffer, index: number): void {
  const length = Math.min(message.length, shown.length);
  message.copy(shown, 0, 0, length);
  numbers[2] = length;
  numbers[1] = index;
  Atomics.add(numbers, 0, 1);
}
