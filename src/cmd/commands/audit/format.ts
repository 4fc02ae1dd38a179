/** The findings for a person: what is wrong first, what may be, and what could go. Pure. */
import { printable } from '../../../cli/output/printable.ts';
import type { AuditFinding, AuditReport, AuditVerdict } from '../../../embedded/audit/model.ts';

const labels: Readonly<Record<AuditVerdict, string>> = {
  orphan: 'ORPHAN',
  missing: 'MISSING',
  undecided: 'UNDECIDED',
  reclaimable: 'reclaimable',
};
const colors: Readonly<Record<AuditVerdict, string>> = {
  orphan: '31;1',
  missing: '31;1',
  undecided: '33',
  reclaimable: '2',
};

export function formatAudit(
  report: AuditReport,
  options: { readonly color: boolean; readonly repair: boolean },
): string {
  const { findings } = report;
  const long = findings
    .filter(({ verdict }) => verdict !== 'reclaimable')
    .map((finding) => formatFinding(finding, options.color));
  const short = findings
    .filter(({ verdict }) => verdict === 'reclaimable')
    .map(({ kind, object, what }) => `${labels.reclaimable}  ${kind} ${line(object)}: ${line(what)}\n`);
  const gap = short.length > 0 ? '\n' : '';
  return `${long.join('\n')}${long.length > 0 ? '\n' : ''}${short.join('')}${gap}${summary(report, options.repair)}\n`;
}

function formatFinding(finding: AuditFinding, color: boolean): string {
  const { verdict, kind, object, what, meaning, remedy, outcome, problem } = finding;
  const label = color ? `\u001b[${colors[verdict]}m${labels[verdict]}\u001b[0m` : labels[verdict];
  const done =
    outcome === undefined
      ? `  remedy:   ${line(remedy)}\n`
      : `  ${outcome}:${' '.repeat(9 - outcome.length)}${outcome === 'repaired' ? line(remedy) : line(problem ?? '')}\n`;
  return `${label}  ${kind} ${line(object)}\n  seen:     ${line(what)}\n  for VMs:  ${line(meaning)}\n${done}`;
}

function summary({ daemon, findings, instance }: AuditReport, repair: boolean): string {
  const of = (verdict: AuditVerdict): number => findings.filter((finding) => finding.verdict === verdict).length;
  const repaired = findings.filter(({ outcome }) => outcome === 'repaired').length;
  const counts = `${of('orphan')} orphaned, ${of('missing')} missing, ${of('undecided')} undecided, ${of('reclaimable')} reclaimable`;
  const mended = repair ? `; ${repaired} repaired` : '';
  const source = daemon === 'running' ? '' : '; vmlet is down, so VMs are told by their processes alone';
  const hint = !repair && of('orphan') + of('missing') > 0 ? '; `vmlet audit --repair` mends what it can' : '';
  return `instance ${instance}: ${counts}${mended}${hint}${source}`;
}

/** Texts hold names that others chose: one line each, and no control characters. */
function line(text: string): string {
  return printable(text.replaceAll(/\s*\n\s*/g, ' '));
}
