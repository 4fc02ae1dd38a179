/**
 * What to do next for one Pod, from what the API says and what is on this host. Pure.
 *
 *   refused <-- no launcher
 *   absent --images there--> start --> running --PID 1 ends--> exited --> finished (Succeeded | Failed) --> cleaned
 *      `--image missing--> wait        `--deleted--> stopping --grace over--> killed --'
 */
import type { Pod } from '../../apimachinery/core.ts';

export interface ObservedPod {
  readonly sandbox: 'absent' | 'running' | 'exited';
  readonly images: 'ready' | 'pending' | 'failed';
  /** Why this Pod cannot run here at all. */
  readonly refusal: string | undefined;
}

export type Action =
  /** Say Failed with the reason. */
  | { readonly kind: 'refuse'; readonly message: string }
  /** Report what is awaited; images are being pulled or retried. */
  | { readonly kind: 'wait-for-images' }
  | { readonly kind: 'start' }
  /** Report Running and keep conditions right. */
  | { readonly kind: 'report-running' }
  /** Send SIGTERM; repeated, as a PID 1 that has not set its traps yet does not see it. */
  | { readonly kind: 'stop'; readonly againInMs: number }
  /** SIGKILL; then it is `exited`. */
  | { readonly kind: 'kill' }
  /** Say how it ended. */
  | { readonly kind: 'report-exit' }
  /** It ran before, and now there is no trace: the host was restarted. */
  | { readonly kind: 'report-lost' }
  /** Take everything of a finished Pod off the host. */
  | { readonly kind: 'clean' }
  /** Take everything off the host, then the object out of the API. */
  | { readonly kind: 'remove' };

const stopRepeatMs = 2000;

export function decide(pod: Pod, observed: ObservedPod, nowMs: number): Action {
  const isFinished = pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
  const isDeleted = pod.metadata.deletionTimestamp !== undefined;
  if (isFinished) {
    return isDeleted ? { kind: 'remove' } : { kind: 'clean' };
  }
  switch (observed.sandbox) {
    case 'running':
      return isDeleted ? stopOrKill(pod, nowMs) : { kind: 'report-running' };
    case 'exited':
      return { kind: 'report-exit' };
    case 'absent':
      if (hasRun(pod)) {
        return { kind: 'report-lost' };
      }
      if (isDeleted) {
        return { kind: 'remove' };
      }
      if (observed.refusal !== undefined) {
        return { kind: 'refuse', message: observed.refusal };
      }
      return observed.images === 'ready' ? { kind: 'start' } : { kind: 'wait-for-images' };
  }
}

/** The API server sets deletionTimestamp to the end of the grace period. */
function stopOrKill(pod: Pod, nowMs: number): Action {
  const endMs = Date.parse(pod.metadata.deletionTimestamp ?? '');
  const killInMs = Number.isNaN(endMs) ? 0 : endMs - nowMs;
  return killInMs <= 0 ? { kind: 'kill' } : { kind: 'stop', againInMs: Math.min(killInMs, stopRepeatMs) };
}

function hasRun(pod: Pod): boolean {
  return (
    pod.status?.phase === 'Running' ||
    (pod.status?.containerStatuses ?? []).some(({ containerID }) => containerID !== undefined)
  );
}
