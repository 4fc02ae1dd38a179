/** Domain states and reasons of libvirt-domain.h by position, symbolic names in lower camel case. */

/** virDomainState. `noState` and `blocked` do not occur with QEMU. */
const states = ['noState', 'running', 'blocked', 'paused', 'shutdown', 'shutoff', 'crashed', 'pmSuspended'] as const;

export type DomainState = (typeof states)[number] | 'unknown';

const reasons = {
  noState: ['unknown'],
  // virDomainRunningReason
  running: [
    'unknown',
    'booted',
    'migrated',
    'restored',
    'fromSnapshot',
    'unpaused',
    'migrationCanceled',
    'saveCanceled',
    'wakeup',
    'crashed',
    'postcopy',
    'postcopyFailed',
  ],
  blocked: ['unknown'],
  // virDomainPausedReason
  paused: [
    'unknown',
    'user',
    'migration',
    'save',
    'dump',
    'ioError',
    'watchdog',
    'fromSnapshot',
    'shuttingDown',
    'snapshot',
    'crashed',
    'startingUp',
    'postcopy',
    'postcopyFailed',
    'apiError',
  ],
  // virDomainShutdownReason
  shutdown: ['unknown', 'user'],
  // virDomainShutoffReason
  shutoff: ['unknown', 'shutdown', 'destroyed', 'crashed', 'migrated', 'saved', 'failed', 'fromSnapshot', 'daemon'],
  // virDomainCrashedReason
  crashed: ['unknown', 'panicked'],
  pmSuspended: ['unknown'],
} as const;

type Reasons = typeof reasons;
export type DomainStateReason = Reasons[keyof Reasons][number];

export interface DomainStatus {
  readonly state: DomainState;
  /** `unknown` also for a reason newer than this table. */
  readonly reason: DomainStateReason;
}

export function domainStatus(stateNumber: number, reasonNumber: number): DomainStatus {
  const state = states[stateNumber];
  if (state === undefined) {
    return { state: 'unknown', reason: 'unknown' };
  }
  const names: readonly DomainStateReason[] = reasons[state];
  return { state, reason: names[reasonNumber] ?? 'unknown' };
}

export function domainStateName(stateNumber: number): DomainState {
  return states[stateNumber] ?? 'unknown';
}
