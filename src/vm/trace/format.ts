import type { StartTrace } from './trace.ts';
import { layOutTrace, type WaterfallSpan } from './waterfall.ts';

export interface TraceStyle {
  readonly color: boolean;
  /** Columns of the terminal. */
  readonly width: number;
}

const widthMin = 60;
const widthMax = 200;

/** The waterfall for a terminal: a bar for each step, drawn to scale. Pure. */
export function formatTrace(trace: StartTrace, style: TraceStyle): string {
  const paint = (code: string, text: string): string => (style.color ? `\u001b[${code}m${text}\u001b[0m` : text);
  const waterfall = layOutTrace(trace);
  const { spans, running, totalMs, attempts, exceeded } = waterfall;
  // What the guest does after Running takes a hundred times as long: it stands without a bar.
  const drawn = spans.filter(({ budgetMs }) => budgetMs !== undefined);
  const scaleMs = Math.max(totalMs, ...drawn.map(({ startMs, durationMs }) => startMs + durationMs), 0.01);
  const names = spans.map(({ name }) => name);
  const nameWidth = Math.max(...names.map((name) => name.length), 0);
  const numbers = spans.map(numbersOf);
  const numberWidth = Math.max(...numbers.map((text) => text.length), 0);
  const width = Math.min(Math.max(style.width, widthMin), widthMax);
  const barWidth = Math.max(10, width - nameWidth - numberWidth - 6);
  const title = running ? `Running after ${formatMs(totalMs)}` : `not running, ${formatMs(totalMs)} so far`;
  const lines = [paint('1', clean(`${trace.vmi.name} in ${trace.vmi.namespace} on node ${trace.node}: ${title}`)), ''];
  spans.forEach((span, index) => {
    const bar = drawn.includes(span) ? drawBar(span, { scaleMs, barWidth }) : '';
    const text = `  ${span.name.padEnd(nameWidth)}  ${(numbers[index] ?? '').padEnd(numberWidth)}  `;
    lines.push(`${text}${span.exceeded ? paint('31;1', bar) : paint('32', bar)}`.trimEnd());
  });
  if (waterfall.waitsFor !== undefined) {
    lines.push('', `waits for ${waterfall.waitsFor}`);
  }
  if (attempts > 1) {
    lines.push('', `the start was begun ${attempts} times`);
  }
  lines.push('', exceeded.length === 0 ? 'every step within its budget' : paint('31;1', 'over budget'));
  for (const { name, durationMs, budgetMs, doing, remedy } of spans.filter((span) => span.exceeded)) {
    lines.push(`  ${name}: ${formatMs(durationMs)} of ${formatMs(budgetMs ?? 0)}`);
    lines.push(`    step:   ${doing}`, `    remedy: ${remedy ?? ''}`);
  }
  return `${lines.join('\n')}\n`;
}

function numbersOf({ durationMs, budgetMs }: WaterfallSpan): string {
  const time = formatMs(durationMs).padStart(9);
  return budgetMs === undefined || budgetMs === 0 ? time : `${time} of ${formatMs(budgetMs).padStart(6)}`;
}

function drawBar(
  { startMs, durationMs }: WaterfallSpan,
  { scaleMs, barWidth }: { readonly scaleMs: number; readonly barWidth: number },
): string {
  const from = Math.min(Math.floor((startMs / scaleMs) * barWidth), barWidth - 1);
  const length = Math.max(1, Math.min(Math.round((durationMs / scaleMs) * barWidth), barWidth - from));
  return `${' '.repeat(from)}${'#'.repeat(length)}`;
}

/** `4.21 ms`, `165 ms`, `2.61 s`. */
export function formatMs(ms: number): string {
  if (ms >= 10_000) {
    return `${(ms / 1000).toFixed(1)} s`;
  }
  if (ms >= 1000) {
    return `${(ms / 1000).toFixed(2)} s`;
  }
  return `${ms >= 100 || Number.isInteger(ms) ? Math.round(ms) : Number(ms.toFixed(2))} ms`;
}

function clean(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, '?');
}
