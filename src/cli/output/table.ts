import { printable } from './printable.ts';

/**
 * Columns as wide as their widest cell, three spaces between, as kubectl prints them. An empty cell is `<none>`, so that
 * every line has the same number of words for awk.
 */
export function formatTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [header, ...rows.map((row) => header.map((_, column) => cell(row[column])))];
  const widths = header.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  return lines
    .map((line) => widths.map((width, column) => (line[column] ?? '').padEnd(width)).join('   '))
    .map((line) => `${line.trimEnd()}\n`)
    .join('');
}

function cell(text: string | undefined): string {
  return text === undefined || text === '' ? '<none>' : printable(text);
}

/** `5s`, `3m`, `2h`, `4d`: the age of something created at `timestamp`. */
export function formatAge(timestamp: string | undefined, nowMs: number): string {
  const createdMs = Date.parse(timestamp ?? '');
  if (Number.isNaN(createdMs)) {
    return '<unknown>';
  }
  const seconds = Math.max(0, Math.floor((nowMs - createdMs) / 1000));
  if (seconds < 120) {
    return `${seconds}s`;
  }
  if (seconds < 120 * 60) {
    return `${Math.floor(seconds / 60)}m`;
  }
  if (seconds < 48 * 3600) {
    return `${Math.floor(seconds / 3600)}h`;
  }
  return `${Math.floor(seconds / 86_400)}d`;
}
