import type { IpFamily, LinkCounters } from './observation.ts';
import type { Hop, PathReport, PathVerdict } from './report.ts';

const markBad = '31;1';
const markGood = '32';
const factsMax = 8;

/** The path as a page for a person: what becomes of packets first, then every hop. Pure. */
export function formatPath(report: PathReport, style: { readonly color: boolean }): string {
  const paint = (code: string, text: string): string => (style.color ? `\u001b[${code}m${text}\u001b[0m` : text);
  const { vmi, intervalMs } = report;
  const looks = intervalMs === undefined ? 'one look' : `two looks, ${intervalMs} ms apart`;
  const lines = [paint('1', clean(`${vmi.name} in ${vmi.namespace}: path of its packets (${looks})`))];
  if (report.paths.length === 0) {
    lines.push('', 'the VM has no network interface');
  }
  for (const path of report.paths) {
    lines.push('', paint('1', clean(`${path.interface} (${path.binding})`)));
    for (const verdict of path.verdicts) {
      lines.push(
        ...formatVerdict(verdict).map((text, index) =>
          index === 0 ? paint(isGood(verdict) ? markGood : markBad, text) : text,
        ),
      );
    }
    lines.push('');
    const labels = path.hops.map(({ kind, name }) => clean(`${kind}${name === '' ? '' : ` ${name}`}`));
    const width = Math.max(0, ...labels.map((label) => label.length));
    path.hops.forEach((hop, index) => {
      const detail = [
        hop.mtu === undefined ? '' : `mtu ${hop.mtu}`,
        formatCounters(hop),
        ...hop.facts.slice(0, factsMax),
      ];
      lines.push(
        `  ${(labels[index] ?? '').padEnd(width)}  ${clean(detail.filter((text) => text !== '').join(', '))}`.trimEnd(),
      );
      for (const { severity, cause, directions, families, remedy } of hop.faults) {
        const who = `${directions.length === 2 ? 'both ways' : directions[0] === 'out' ? 'from the guest' : 'to the guest'}, ${familyText(families)}`;
        const text = clean(`<-- ${severity} (${who}): ${cause}`);
        lines.push(
          `  ${' '.repeat(width)}  ${severity === 'stops' || severity === 'loses' ? paint(markBad, text) : text}`,
        );
        lines.push(`  ${' '.repeat(width)}      remedy: ${clean(remedy)}`);
      }
    });
  }
  return `${lines.join('\n')}\n`;
}

function isGood({ outcome }: PathVerdict): boolean {
  return outcome === 'passes' || outcome === 'absent';
}

function formatVerdict({ families, text, remedy }: PathVerdict): string[] {
  return [
    `  ${clean(`${familyText(families)}: ${text}`)}`,
    ...(remedy === undefined ? [] : [`    remedy: ${clean(remedy)}`]),
  ];
}

function familyText(families: readonly IpFamily[]): string {
  return families.length === 0 ? 'IP' : families.map((family) => `IPv${family}`).join(' and ');
}

/** `received 12 (+3), sent 10, dropped 0`. */
function formatCounters({ counters, deltas }: Hop): string {
  if (counters === undefined) {
    return '';
  }
  const part = (word: string, keys: readonly (keyof LinkCounters)[]): string => {
    const sum = (of: LinkCounters): number => keys.reduce((total, key) => total + of[key], 0);
    const grown = deltas === undefined ? 0 : sum(deltas);
    return `${word} ${sum(counters)}${grown > 0 ? ` (+${grown})` : ''}`;
  };
  return [
    part('received', ['rxPackets']),
    part('sent', ['txPackets']),
    part('dropped', ['rxDropped', 'txDropped']),
    part('errors', ['rxErrors', 'txErrors']),
  ].join(', ');
}

function clean(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, '?');
}
