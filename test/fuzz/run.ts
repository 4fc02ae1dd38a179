/**
 * Random and spoilt messages into every decoder: each must give a value or a DecodeError, in time and without growing.
 *
 *   node test/fuzz/run.ts [--messages N] [--target TEXT] [--seed S] [--from INDEX] [--input HEX]
 *
 * `--target` picks targets whose name has the text in it. Same seed, same messages. A finding prints how to repeat it.
 */
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { DecodeError } from '../../src/base/errors.ts';
import { PROGRESS_HEADER_BYTES } from './fuzz-limits.ts';
import type { Finding, TargetResult, WorkerInput } from './fuzz-worker.ts';
import { listFuzzFiles, loadTargets } from './targets.ts';

export interface FuzzRun {
  readonly messages: number;
  readonly seed: number;
  readonly from?: number;
  readonly only?: string;
  readonly targetBudgetMs?: number;
  /** Files to take targets from; all by default. */
  readonly files?: readonly string[];
  /** A message that gives no answer for so long hangs. */
  readonly hangMs?: number;
  readonly onResult?: (result: TargetResult) => void;
}

const HANG_MS = 30_000;
const HEAP_MAX_MEBIBYTES = 512;
const MESSAGE_BYTES_MAX = 16_384;

/** Runs every target, one file after the other. */
export async function runFuzz(run: FuzzRun): Promise<TargetResult[]> {
  const results: TargetResult[] = [];
  for (const file of run.files ?? listFuzzFiles()) {
    results.push(...(await runFile(file, run)));
  }
  return results;
}

async function runFile(file: string, run: FuzzRun): Promise<TargetResult[]> {
  const progress = new SharedArrayBuffer(PROGRESS_HEADER_BYTES + MESSAGE_BYTES_MAX);
  const numbers = new Int32Array(progress, 0, PROGRESS_HEADER_BYTES / 4);
  const input: WorkerInput = {
    file,
    seed: run.seed,
    from: run.from ?? 0,
    messages: run.messages,
    only: run.only ?? '',
    targetBudgetMs: run.targetBudgetMs,
    progress,
  };
  const worker = new Worker(new URL('./fuzz-worker.ts', import.meta.url), {
    workerData: input,
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MAX_MEBIBYTES },
  });
  const results: TargetResult[] = [];
  const note = (result: TargetResult): void => {
    results.push(result);
    run.onResult?.(result);
  };
  let current = file;
  const ended = Promise.withResolvers<string | undefined>();
  worker.on('message', (message: { readonly started?: string; readonly result?: TargetResult }) => {
    current = message.started ?? current;
    if (message.result !== undefined) {
      note(message.result);
    }
  });
  worker.once('error', (error) =>
    ended.resolve(error instanceof Error ? (error.stack ?? error.message) : String(error)),
  );
  worker.once('exit', () => ended.resolve(undefined));
  const hangMs = run.hangMs ?? HANG_MS;
  let seen = -1;
  let seenAtMs = Date.now();
  const watchdog = setInterval(() => {
    const begun = Atomics.load(numbers, 0);
    if (begun !== seen) {
      seen = begun;
      seenAtMs = Date.now();
    } else if (Date.now() - seenAtMs > hangMs) {
      ended.resolve(`no answer within ${hangMs} ms`);
    }
  }, hangMs / 10);
  const problem = await ended.promise;
  clearInterval(watchdog);
  await worker.terminate();
  if (problem !== undefined) {
    const [, index = 0, length = 0] = numbers;
    const hex = Buffer.from(progress, PROGRESS_HEADER_BYTES, length).toString('hex');
    const finding: Finding = { target: current, index, problem, hex };
    const nothing = { messages: Atomics.load(numbers, 0), values: 0, elapsedMs: 0, slowestMs: 0, rssGrowthBytes: 0 };
    note({ target: current, ...nothing, findings: [finding] });
  }
  return results;
}

export function formatFinding(finding: Finding, seed: number): string {
  return [
    `${finding.target}, message ${finding.index}: ${finding.problem}`,
    `  bytes:  ${finding.hex}`,
    `  repeat: node test/fuzz/run.ts --target '${finding.target}' --seed ${seed} --from ${finding.index} --messages 1`,
  ].join('\n');
}

function formatResult(result: TargetResult): string {
  const perMessage = ((result.elapsedMs * 1000) / Math.max(result.messages, 1)).toFixed(1);
  const values = Math.round((result.values * 100) / Math.max(result.messages, 1));
  return [
    result.target.padEnd(52),
    `${result.messages} messages`,
    `${values}% decoded`,
    `${perMessage} us each`,
    `slowest ${Math.ceil(result.slowestMs)} ms`,
    `+${Math.round(result.rssGrowthBytes / 1024 / 1024)} MiB`,
  ].join('  ');
}

/** One input, given by hand. */
async function runInput(hex: string, only: string): Promise<void> {
  for (const file of listFuzzFiles()) {
    for (const target of (await loadTargets(file)).filter(({ name }) => name.includes(only))) {
      try {
        console.log(target.name, await target.decode(Buffer.from(hex, 'hex')));
      } catch (error) {
        console.log(target.name, error instanceof DecodeError ? `refused: ${error.message}` : error);
      }
    }
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      messages: { type: 'string', default: '100000' },
      target: { type: 'string', default: '' },
      seed: { type: 'string', default: '1' },
      from: { type: 'string', default: '0' },
      input: { type: 'string' },
    },
  });
  const [messages, seed, from] = [values.messages, values.seed, values.from].map(Number);
  if (![messages, seed, from].every((value) => Number.isSafeInteger(value) && (value ?? -1) >= 0)) {
    throw new RangeError('--messages, --seed and --from are whole numbers');
  }
  if (values.input !== undefined) {
    await runInput(values.input, values.target);
    return;
  }
  const results = await runFuzz({
    messages: messages ?? 0,
    seed: seed ?? 0,
    from: from ?? 0,
    only: values.target,
    onResult(result) {
      console.log(formatResult(result));
      for (const finding of result.findings) {
        console.log(formatFinding(finding, seed ?? 0));
      }
    },
  });
  const total = results.reduce((sum, result) => sum + result.messages, 0);
  const findings = results.reduce((sum, result) => sum + result.findings.length, 0);
  console.log(`${results.length} targets, ${total} messages, ${findings} findings, seed ${seed}`);
  if (results.length === 0) {
    console.log(`no target has "${values.target}" in its name`);
  }
  process.exitCode = findings > 0 || results.length === 0 ? 1 : 0;
}

if (import.meta.main) {
  await main();
}
