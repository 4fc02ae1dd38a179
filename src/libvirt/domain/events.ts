/** Domain events: ids, message structures and their symbolic details (libvirt-domain.h, remote_protocol.x). */
import { REMOTE_STRING_MAX } from '../rpc/constants.ts';
import type { XdrReader } from '../xdr/xdr.ts';
import type { DomainRef } from './domain-ref.ts';
import { decodeDomainRef } from './domain-ref.ts';
import type { TypedParameterMap } from './typed-parameters.ts';
import { decodeTypedParameters, toMap } from './typed-parameters.ts';

/** virDomainEventType by number, with the names of its detail. */
const lifecycle = [
  ['defined', ['added', 'updated', 'renamed', 'fromSnapshot']],
  ['undefined', ['removed', 'renamed']],
  ['started', ['booted', 'migrated', 'restored', 'fromSnapshot', 'wakeup', 'recovered']],
  [
    'suspended',
    ['paused', 'migrated', 'ioError', 'watchdog', 'restored', 'fromSnapshot', 'apiError', 'postcopy', 'postcopyFailed'],
  ],
  ['resumed', ['unpaused', 'migrated', 'fromSnapshot', 'postcopy', 'postcopyFailed']],
  ['stopped', ['shutdown', 'destroyed', 'crashed', 'migrated', 'saved', 'failed', 'fromSnapshot', 'recreated']],
  ['shutdown', ['finished', 'guest', 'host']],
  ['pmSuspended', ['memory', 'disk']],
  ['crashed', ['panicked', 'crashloaded']],
] as const;

export type LifecycleEvent = (typeof lifecycle)[number][0];
export type LifecycleDetail = (typeof lifecycle)[number][1][number];

const ioErrorActions = ['none', 'pause', 'report'] as const;
const watchdogActions = ['none', 'pause', 'reset', 'poweroff', 'shutdown', 'debug', 'injectNmi'] as const;
const agentStates = [undefined, 'connected', 'disconnected'] as const;
const agentReasons = ['unknown', 'domainStarted', 'channel'] as const;
const trayReasons = ['open', 'close'] as const;
const diskChangeReasons = ['missingOnStart', 'dropMissingOnStart'] as const;
const blockJobStatuses = ['completed', 'failed', 'canceled', 'ready'] as const;
const memoryFailureRecipients = ['hypervisor', 'guest'] as const;
const memoryFailureActions = ['ignore', 'inject', 'fatal', 'reset'] as const;

/** `unknown` stands for a number newer than this table. */
type Named<Names extends readonly (string | undefined)[]> = NonNullable<Names[number]> | 'unknown';

function named<Names extends readonly (string | undefined)[]>(names: Names, number: number): Named<Names> {
  return (names[number] as NonNullable<Names[number]> | undefined) ?? 'unknown';
}

export type DomainEvent = { readonly domain: DomainRef } & (
  | {
      readonly kind: 'lifecycle';
      readonly event: LifecycleEvent | 'unknown';
      readonly detail: LifecycleDetail | 'unknown';
    }
  | { readonly kind: 'reboot' | 'controlError' | 'pmWakeup' | 'pmSuspend' | 'pmSuspendDisk' }
  | { readonly kind: 'rtcChange'; readonly offsetSeconds: bigint }
  | { readonly kind: 'watchdog'; readonly action: Named<typeof watchdogActions> }
  | {
      readonly kind: 'ioErrorReason';
      readonly path: string;
      readonly deviceAlias: string;
      readonly action: Named<typeof ioErrorActions>;
      /** `enospc`, or empty for any other cause. */
      readonly reason: string;
    }
  | {
      readonly kind: 'blockJob';
      /** Target name, `vda`. */
      readonly disk: string;
      readonly type: number;
      readonly status: Named<typeof blockJobStatuses>;
    }
  | {
      readonly kind: 'diskChange';
      readonly oldPath: string | undefined;
      readonly newPath: string | undefined;
      readonly deviceAlias: string;
      readonly reason: Named<typeof diskChangeReasons>;
    }
  | { readonly kind: 'trayChange'; readonly deviceAlias: string; readonly tray: Named<typeof trayReasons> }
  | { readonly kind: 'balloonChange'; readonly actualKiB: bigint }
  | { readonly kind: 'deviceAdded' | 'deviceRemoved' | 'deviceRemovalFailed'; readonly deviceAlias: string }
  | { readonly kind: 'tunable' | 'jobCompleted'; readonly parameters: TypedParameterMap }
  | {
      readonly kind: 'agentLifecycle';
      readonly state: Named<typeof agentStates>;
      readonly reason: Named<typeof agentReasons>;
    }
  | { readonly kind: 'migrationIteration'; readonly iteration: number }
  | { readonly kind: 'metadataChange'; readonly type: number; readonly namespace: string | undefined }
  | {
      readonly kind: 'memoryFailure';
      readonly recipient: Named<typeof memoryFailureRecipients>;
      readonly action: Named<typeof memoryFailureActions>;
      readonly flags: number;
    }
  | { readonly kind: 'memoryDeviceSizeChange'; readonly deviceAlias: string; readonly sizeKiB: bigint }
);

export type DomainEventKind = DomainEvent['kind'];

interface EventCodec {
  /** virDomainEventID */
  readonly id: number;
  /** REMOTE_PROC_DOMAIN_EVENT_... of its message */
  readonly procedure: number;
  /** Reads what follows the callback id. */
  decode(reader: XdrReader): DomainEvent;
}

const text = (reader: XdrReader): string => reader.string(REMOTE_STRING_MAX);
const optionalText = (reader: XdrReader): string | undefined => reader.optionalString(REMOTE_STRING_MAX);

function bare(kind: 'reboot' | 'controlError'): (reader: XdrReader) => DomainEvent {
  return (reader) => ({ kind, domain: decodeDomainRef(reader) });
}

/** These carry an unused reason before the domain. */
function powerManagement(kind: 'pmWakeup' | 'pmSuspend' | 'pmSuspendDisk'): (reader: XdrReader) => DomainEvent {
  return (reader) => {
    reader.int();
    return { kind, domain: decodeDomainRef(reader) };
  };
}

function device(kind: 'deviceAdded' | 'deviceRemoved' | 'deviceRemovalFailed'): (reader: XdrReader) => DomainEvent {
  return (reader) => ({ kind, domain: decodeDomainRef(reader), deviceAlias: text(reader) });
}

function parameters(kind: 'tunable' | 'jobCompleted'): (reader: XdrReader) => DomainEvent {
  return (reader) => ({ kind, domain: decodeDomainRef(reader), parameters: toMap(decodeTypedParameters(reader)) });
}

function decodeLifecycle(reader: XdrReader): DomainEvent {
  const domain = decodeDomainRef(reader);
  const entry = lifecycle[reader.int()];
  const detail: readonly LifecycleDetail[] = entry?.[1] ?? [];
  return { kind: 'lifecycle', domain, event: entry?.[0] ?? 'unknown', detail: detail[reader.int()] ?? 'unknown' };
}

/** Every event that can be registered for, by kind. */
export const domainEvents: Readonly<Record<DomainEventKind, EventCodec>> = {
  lifecycle: { id: 0, procedure: 318, decode: decodeLifecycle },
  reboot: { id: 1, procedure: 319, decode: bare('reboot') },
  rtcChange: {
    id: 2,
    procedure: 320,
    decode: (reader) => ({ kind: 'rtcChange', domain: decodeDomainRef(reader), offsetSeconds: reader.hyper() }),
  },
  watchdog: {
    id: 3,
    procedure: 321,
    decode: (reader) => ({
      kind: 'watchdog',
      domain: decodeDomainRef(reader),
      action: named(watchdogActions, reader.int()),
    }),
  },
  ioErrorReason: {
    id: 6,
    procedure: 324,
    decode: (reader) => ({
      kind: 'ioErrorReason',
      domain: decodeDomainRef(reader),
      path: text(reader),
      deviceAlias: text(reader),
      action: named(ioErrorActions, reader.int()),
      reason: text(reader),
    }),
  },
  controlError: { id: 7, procedure: 325, decode: bare('controlError') },
  diskChange: {
    id: 9,
    procedure: 327,
    decode: (reader) => ({
      kind: 'diskChange',
      domain: decodeDomainRef(reader),
      oldPath: optionalText(reader),
      newPath: optionalText(reader),
      deviceAlias: text(reader),
      reason: named(diskChangeReasons, reader.int()),
    }),
  },
  trayChange: {
    id: 10,
    procedure: 328,
    decode: (reader) => ({
      kind: 'trayChange',
      domain: decodeDomainRef(reader),
      deviceAlias: text(reader),
      tray: named(trayReasons, reader.int()),
    }),
  },
  pmWakeup: { id: 11, procedure: 329, decode: powerManagement('pmWakeup') },
  pmSuspend: { id: 12, procedure: 330, decode: powerManagement('pmSuspend') },
  balloonChange: {
    id: 13,
    procedure: 331,
    decode: (reader) => ({ kind: 'balloonChange', domain: decodeDomainRef(reader), actualKiB: reader.uhyper() }),
  },
  pmSuspendDisk: { id: 14, procedure: 332, decode: powerManagement('pmSuspendDisk') },
  deviceRemoved: { id: 15, procedure: 333, decode: device('deviceRemoved') },
  blockJob: {
    id: 16,
    procedure: 339,
    decode: (reader) => ({
      kind: 'blockJob',
      domain: decodeDomainRef(reader),
      disk: text(reader),
      type: reader.int(),
      status: named(blockJobStatuses, reader.int()),
    }),
  },
  tunable: { id: 17, procedure: 346, decode: parameters('tunable') },
  agentLifecycle: {
    id: 18,
    procedure: 348,
    decode: (reader) => ({
      kind: 'agentLifecycle',
      domain: decodeDomainRef(reader),
      state: named(agentStates, reader.int()),
      reason: named(agentReasons, reader.int()),
    }),
  },
  deviceAdded: { id: 19, procedure: 354, decode: device('deviceAdded') },
  migrationIteration: {
    id: 20,
    procedure: 359,
    decode: (reader) => ({ kind: 'migrationIteration', domain: decodeDomainRef(reader), iteration: reader.int() }),
  },
  jobCompleted: { id: 21, procedure: 363, decode: parameters('jobCompleted') },
  deviceRemovalFailed: { id: 22, procedure: 367, decode: device('deviceRemovalFailed') },
  metadataChange: {
    id: 23,
    procedure: 379,
    decode: (reader) => ({
      kind: 'metadataChange',
      domain: decodeDomainRef(reader),
      type: reader.int(),
      namespace: optionalText(reader),
    }),
  },
  memoryFailure: {
    id: 25,
    procedure: 423,
    decode: (reader) => ({
      kind: 'memoryFailure',
      domain: decodeDomainRef(reader),
      recipient: named(memoryFailureRecipients, reader.int()),
      action: named(memoryFailureActions, reader.int()),
      flags: reader.uint(),
    }),
  },
  memoryDeviceSizeChange: {
    id: 26,
    procedure: 438,
    decode: (reader) => ({
      kind: 'memoryDeviceSizeChange',
      domain: decodeDomainRef(reader),
      deviceAlias: text(reader),
      sizeKiB: reader.uhyper(),
    }),
  },
};

const codecByProcedure = new Map(Object.values(domainEvents).map((codec) => [codec.procedure, codec]));

/** Decodes an event message; undefined for a procedure that is none of ours. Throws DecodeError. */
export function decodeDomainEvent(
  procedure: number,
  reader: XdrReader,
): { readonly callbackId: number; readonly event: DomainEvent } | undefined {
  const codec = codecByProcedure.get(procedure);
  if (codec === undefined) {
    return undefined;
  }
  const callbackId = reader.int();
  const event = codec.decode(reader);
  reader.end();
  return { callbackId, event };
}
