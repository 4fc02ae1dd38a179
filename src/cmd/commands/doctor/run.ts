import type { Invocation } from '../../../cli/command.ts';
import { subjectOf, type Check } from './check.ts';
import { checks } from './checks/checks.ts';
import { countByStatus, examine } from './examine.ts';
import { formatReports } from './format.ts';
import { hostFacts } from './host-facts.ts';

const exitProblems = 1;

export async function run(invocation: Invocation): Promise<number> {
  const { io, options } = invocation;
  const facts = hostFacts();
  const reports = await examine(selectChecks(options['check']), facts);
  const summary = countByStatus(reports);
  io.out(
    options['output'] === 'json'
      ? `${JSON.stringify({ summary, checks: reports }, undefined, 2)}\n`
      : formatReports(reports, { color: io.color, isRoot: facts.settings.isRoot }),
  );
  return summary.problem > 0 ? exitProblems : 0;
}

/** One by its name, or all of a subject. The command line parser lets no other word through. */
export function selectChecks(word: string | boolean | undefined): readonly Check[] {
  return word === undefined ? checks : checks.filter(({ name }) => name === word || subjectOf(name) === word);
}
