/** The reports for a person who was woken up by them: what is broken first, and what to do about it. */
import { printable } from '../../../cli/output/printable.ts';
import type { Status } from './check.ts';
import { countByStatus, type Report } from './examine.ts';

export interface FormatOptions {
  readonly color: boolean;
  readonly isRoot: boolean;
}

const colors: Readonly<Record<Status, string>> = { problem: '31;1', warning: '33', ok: '32', skipped: '2' };
const nameWidth = 24;

export function formatReports(reports: readonly Report[], options: FormatOptions): string {
  const paint = (status: Status, text: string): string =>
    options.color ? `\u001b[${colors[status]}m${text}\u001b[0m` : text;
  const of = (status: Status): readonly Report[] => reports.filter((report) => report.status === status);
  const long = (status: 'problem' | 'warning', label: string): string =>
    of(status)
      .map(
        ({ name, seen, meaning, remedy }) =>
          `${paint(status, label)}  ${name}: ${line(seen)}\n` +
          `         for VMs:  ${line(meaning)}\n` +
          `         remedy:   ${line(remedy)}\n\n`,
      )
      .join('');
  const short = (status: 'ok' | 'skipped', label: string): string =>
    of(status)
      .map(({ name, seen }) => `${paint(status, label)}  ${name.padEnd(nameWidth)} ${line(seen)}\n`)
      .join('');
  return `${long('problem', 'PROBLEM')}${long('warning', 'WARNING')}${short('ok', 'ok     ')}${short('skipped', 'skipped')}\n${verdict(reports, options)}`;
}

function verdict(reports: readonly Report[], { isRoot }: FormatOptions): string {
  const { problem, warning, ok, skipped } = countByStatus(reports);
  const counts = `${many(problem, 'problem')}, ${many(warning, 'warning')}, ${ok} ok, ${skipped} skipped`;
  const hint = isRoot || skipped === 0 ? '' : '; some need root: sudo vmlet doctor';
  return `${counts}${hint}\n`;
}

function many(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`;
}

/** Texts hold words of the kernel and of programs: one line each, and no control characters. */
function line(text: string): string {
  return printable(text.replaceAll(/\s*\n\s*/g, ' '));
}
