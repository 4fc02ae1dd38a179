/**
 * Back-off of starts that fail: a VMI that ended without ever running counts. The delay is 10 s x count², plus up to half of
 * that at random, at most 300 s. Source: KubeVirt's numbers.
 */
import type { StartFailure } from '../../vm/kinds/virtualmachine/types.ts';
import { formatTime } from '../../apimachinery/time.ts';
import type { VirtualMachineInstance } from '../../vm/kinds/virtualmachineinstance/types.ts';

const intervalSeconds = 10;
const maxSeconds = 300;

/** The record after what `vmi` shows: one more for an early failure not yet counted, none once a guest ran. */
export function nextStartFailure(
  record: StartFailure | undefined,
  vmi: VirtualMachineInstance | undefined,
  at: { readonly now: Date; readonly random: number },
): StartFailure | undefined {
  if (vmi === undefined) {
    return record;
  }
  if (everRan(vmi)) {
    return undefined;
  }
  const phase = vmi.status?.phase;
  const ended = phase === 'Failed' || phase === 'Succeeded';
  if (!ended || record?.lastFailedVMIUID === vmi.metadata.uid) {
    return record;
  }
  const count = (record?.consecutiveFailCount ?? 0) + 1;
  const delayMs = backoffSeconds(count, at.random) * 1000;
  return {
    consecutiveFailCount: count,
    ...(vmi.metadata.uid === undefined ? {} : { lastFailedVMIUID: vmi.metadata.uid }),
    retryAfterTimestamp: formatTime(new Date(at.now.getTime() + delayMs)),
  };
}

export function backoffSeconds(count: number, random: number): number {
  const base = intervalSeconds * count * count;
  return Math.min(maxSeconds, Math.round(base + (random * base) / 2));
}

/** Milliseconds until the next start may be tried; 0 when it may be now. */
export function retryDelayMs(record: StartFailure | undefined, now: Date): number {
  const retryAfter = record?.retryAfterTimestamp;
  return retryAfter === undefined ? 0 : Math.max(0, Date.parse(retryAfter) - now.getTime());
}

function everRan(vmi: VirtualMachineInstance): boolean {
  return (
    vmi.status?.phase === 'Running' ||
    (vmi.status?.phaseTransitionTimestamps ?? []).some(({ phase }) => phase === 'Running')
  );
}
