import type { Explanation } from './explanation.ts';

export interface ExplanationStyle {
  readonly color: boolean;
  /** Also rules, file contents and XML. */
  readonly details: boolean;
}

/** For a terminal. Pure. */
export function formatExplanation(explanation: Explanation, style: ExplanationStyle): string {
  const { vmi, node, emulated, parts, conflicts } = explanation;
  const bold = (text: string): string => (style.color ? `\u001b[1m${text}\u001b[0m` : text);
  const dim = (text: string): string => (style.color ? `\u001b[2m${text}\u001b[0m` : text);
  const count = parts.reduce((sum, { steps }) => sum + steps.length, 0);
  const what = count === 0 ? 'nothing to do, all is as planned' : `${count} steps; nothing was changed`;
  const lines = [`${bold(`${vmi.namespace}/${vmi.name}`)} on node ${node}: ${what}`];
  if (emulated !== undefined) {
    lines.push(`The guest would be emulated: ${emulated}`);
  }
  for (const { part, steps } of parts) {
    lines.push('', bold(part));
    for (const { what, why, detail } of steps) {
      lines.push(`  ${what}`, `    ${dim(why)}`);
      if (style.details && detail !== undefined) {
        lines.push(...detail.split('\n').map((line) => `      ${line}`.trimEnd()));
      }
    }
  }
  lines.push('', bold(conflicts.length === 0 ? 'No conflicts found' : `Conflicts (${conflicts.length})`));
  for (const { problem, meaning, remedy } of conflicts) {
    lines.push(`  ${problem}`, `    so:     ${meaning}`, `    remedy: ${remedy}`);
  }
  return `${lines.join('\n')}\n`;
}
