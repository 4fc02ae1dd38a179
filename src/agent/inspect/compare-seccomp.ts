/** The system call filters that processes really have, held against the profile that the runtime was given. */
import { errorMessage } from '../../base/errors.ts';
import { SECCOMP_RET_ACTION_FULL, SECCOMP_RET_DATA } from '../../linux/seccomp/constants.ts';
import { compareWithProfile, readFilters } from '../../linux/seccomp/process-filters.ts';
import type { SeccompArch, SeccompDecision, SeccompProfile } from '../../linux/seccomp/types.ts';
import type { SeccompComparison } from '../../vm/inspection/inspection.ts';

type Action = SeccompDecision['action'];

/** Strictest first, as the kernel ranks them (seccomp(2)). */
const actions: readonly (readonly [Action, number])[] = [
  ['kill-process', 0x8000_0000],
  ['kill-thread', 0x0000_0000],
  ['trap', 0x0003_0000],
  ['errno', 0x0005_0000],
  ['user-notify', 0x7fc0_0000],
  ['trace', 0x7ff0_0000],
  ['log', 0x7ffc_0000],
  ['allow', 0x7fff_0000],
];
const differencesMax = 50;
const timeoutMs = 3000;

/** Of the processes that are there; each is stopped for well below a millisecond. */
export async function compareSeccomp(
  pids: readonly (number | undefined)[],
  profile: SeccompProfile | undefined,
): Promise<SeccompComparison[]> {
  return Promise.all([...new Set(pids)].flatMap((pid) => (pid === undefined ? [] : [compareProcess(pid, profile)])));
}

async function compareProcess(pid: number, profile: SeccompProfile | undefined): Promise<SeccompComparison> {
  const nothing = { pid, differences: [], stricter: 0 };
  const arch: SeccompArch | undefined = process.arch === 'x64' || process.arch === 'arm64' ? process.arch : undefined;
  if (profile === undefined || arch === undefined) {
    const why =
      profile === undefined ? 'the profile is chosen by the runtime of the Pod' : `unknown machine ${process.arch}`;
    return { ...nothing, problem: why };
  }
  try {
    const found = compareWithProfile(await readFilters(pid, { timeoutMs }), profile, arch);
    const differences = found.map(({ syscall, expected, actual }) => ({
      syscall,
      expected: describeValue(expected),
      actual: `${actual.action}${actual.action === 'errno' ? ` ${actual.data}` : ''}`,
      isStricter: rankOf(actual.action as Action) <= rankOf(actionOf(expected)),
    }));
    return {
      pid,
      differences: differences
        .filter(({ isStricter }) => !isStricter)
        .slice(0, differencesMax)
        .map(({ syscall, expected, actual }) => ({ syscall, expected, actual })),
      stricter: differences.filter(({ isStricter }) => isStricter).length,
    };
  } catch (error) {
    return { ...nothing, problem: errorMessage(error) };
  }
}

function actionOf(value: number): Action {
  // SECCOMP_RET_ACTION_FULL has the sign bit: compare as unsigned.
  const action = (value & SECCOMP_RET_ACTION_FULL) >>> 0;
  return actions.find(([, known]) => known === action)?.[0] ?? 'kill-process';
}

function rankOf(action: Action): number {
  return actions.findIndex(([name]) => name === action);
}

function describeValue(value: number): string {
  const action = actionOf(value);
  return action === 'errno' ? `errno ${value & SECCOMP_RET_DATA}` : action;
}
