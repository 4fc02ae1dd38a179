import type { Expected } from './expected.ts';
import type { Inspection } from './inspection.ts';
import { findDrift, layOut, type Row, type Section } from './page.ts';

export interface FormatInspectionOptions {
  /** What to compare with; left out, only what is the same for all VMs is compared. */
  readonly expected?: Expected | undefined;
  readonly color?: boolean;
}

const markDrift = '31;1';
const markTitle = '1';
const labelWidthMax = 40;
const seenWidthMax = 60;

/**
 * The inspection as one page for a person: drift first, then every section. Names of threads, host names and others
 * come from the guest's side: control characters are taken out, so that they cannot command the terminal.
 */
export function formatInspection(inspection: Inspection, options: FormatInspectionOptions = {}): string {
  const paint = (code: string, text: string): string =>
    options.color === true ? `\u001b[${code}m${text}\u001b[0m` : text;
  const sections = layOut(inspection, options.expected);
  const { vmi, pod } = inspection;
  return [
    `${paint(markTitle, clean(`${vmi.name} in ${vmi.namespace}: ${vmi.phase}`))}\n  VMI ${clean(vmi.uid)}, Pod ${clean(pod.uid)}\n`,
    summary(sections, options, paint),
    ...sections.map((section) => formatSection(section, paint)),
  ].join('\n');
}

type Paint = (code: string, text: string) => string;

function summary(sections: readonly Section[], options: FormatInspectionOptions, paint: Paint): string {
  const drift = findDrift(sections);
  if (drift.length > 0) {
    const lines = drift.map(
      ({ section, what, seen, shouldBe }) =>
        `  ${clean([section, what].filter((part) => part !== '').join(', '))}: ${clean(seen)}; should be ${clean(shouldBe)}\n`,
    );
    return `${paint(markDrift, 'not as it should be')}\n${lines.join('')}`;
  }
  return options.expected === undefined
    ? 'compared only with what holds for every VM: all of that is as it should be\n'
    : 'everything that is compared is as it should be\n';
}

function formatSection({ title, rows }: Section, paint: Paint): string {
  const width = (max: number, texts: readonly string[]): number =>
    Math.min(max, Math.max(0, ...texts.map((text) => text.length)));
  const cells = rows.map((row) => ({ ...row, label: clean(row.label), seen: clean(row.seen) }));
  const labelWidth = width(
    labelWidthMax,
    cells.map(({ label }) => label),
  );
  const seenWidth = width(
    seenWidthMax,
    cells.filter(({ should }) => should !== undefined).map(({ seen }) => seen),
  );
  const lines = cells.map((row) => {
    const label = labelWidth === 0 ? '' : `${row.label.padEnd(labelWidth)}  `;
    return `  ${label}${verdict(row, seenWidth, paint)}`.trimEnd();
  });
  return `${paint(markTitle, clean(title))}\n${lines.map((line) => `${line}\n`).join('')}`;
}

function verdict({ seen, should }: Row, width: number, paint: Paint): string {
  if (should === undefined) {
    return seen;
  }
  const text = should.isMet ? '(as it should be)' : paint(markDrift, `<-- should be ${clean(should.be)}`);
  return `${seen.padEnd(width)}  ${text}`;
}

function clean(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, '?');
}
