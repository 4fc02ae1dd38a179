/** Runs checks and orders what they say. */
import { errorCode, errorMessage } from '../../../base/errors.ts';
import { skipped, subjectOf, type Check, type Finding, type Status } from './check.ts';
import type { Facts } from './facts.ts';

export interface Report extends Finding {
  readonly name: Check['name'];
  readonly subject: string;
}

/** All at once, in the order of the list. A check that throws does not know: it is skipped, with the error as reason. */
export function examine(checks: readonly Check[], facts: Facts): Promise<Report[]> {
  const [waiting, others] = [checks.filter(({ waits }) => waits), checks.filter(({ waits }) => !waits)];
  const reports = new Map([...waiting, ...others].map((check) => [check, report(check, facts)]));
  return Promise.all(checks.flatMap((check) => reports.get(check) ?? []));
}

async function report(check: Check, facts: Facts): Promise<Report> {
  let finding: Finding;
  try {
    finding = await check.look(facts);
  } catch (error) {
    const isRefused = ['EACCES', 'EPERM'].includes(errorCode(error));
    finding = skipped(
      isRefused && !facts.settings.isRoot
        ? 'only root can find it out'
        : `could not be found out: ${errorMessage(error)}`,
    );
  }
  return { name: check.name, subject: subjectOf(check.name), ...finding };
}

export function countByStatus(reports: readonly Report[]): Readonly<Record<Status, number>> {
  const count = (status: Status): number => reports.filter((report) => report.status === status).length;
  return { problem: count('problem'), warning: count('warning'), ok: count('ok'), skipped: count('skipped') };
}
