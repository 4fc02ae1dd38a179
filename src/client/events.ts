/**
 * Writes core/v1 Events. A repeat of the same event about the same object within ten minutes raises `count` of the
 * first one instead of making another. Recording never throws and never delays the caller: the writes come a moment
 * later, since what is worth an event is mostly in the middle of work that somebody waits for.
 */
import { formatTime } from '../apimachinery/time.ts';
import { eventType, type Event, type ObjectReference } from '../apimachinery/core.ts';
import type { KubeObject } from '../apimachinery/object.ts';
import { isNotFound } from '../apimachinery/status.ts';
import { errorMessage } from '../base/errors.ts';
import { silentLogger, type Logger } from '../base/logger.ts';
import type { KubeClient } from './client.ts';

const REPEAT_WINDOW_MS = 600_000;
const MAX_REMEMBERED = 1_000;
const MAX_PENDING = 1_000;
const WRITE_DELAY_MS = 100;
const MAX_MESSAGE = 1_024;

export interface EventInput {
  readonly object: KubeObject;
  readonly type: 'Normal' | 'Warning';
  /** UpperCamelCase, stable. */
  readonly reason: string;
  /** For a person; cut to 1024 characters. */
  readonly message: string;
}

export interface EventRecorder {
  record(event: EventInput): void;
  /** Resolves when all recorded events are written or given up. */
  flush(): Promise<void>;
}

export interface EventRecorderOptions {
  /** Which part of vmlet speaks: `virt-controller`, `virt-handler`. */
  readonly component: string;
  readonly host?: string;
  readonly logger?: Logger;
  readonly now?: () => number;
}

interface Remembered {
  readonly name: string;
  readonly namespace: string;
  count: number;
  atMs: number;
}

export function createEventRecorder(client: KubeClient, options: EventRecorderOptions): EventRecorder {
  const now = options.now ?? Date.now;
  const logger = options.logger ?? silentLogger;
  const remembered = new Map<string, Remembered>();
  const pending: { readonly input: EventInput; readonly atMs: number }[] = [];
  let timer: NodeJS.Timeout | undefined;
  let draining: Promise<void> | undefined;

  const write = async (input: EventInput, atMs: number): Promise<void> => {
    const involvedObject = referenceTo(input.object);
    const identity = JSON.stringify([involvedObject.uid, involvedObject.name, input.type, input.reason, input.message]);
    const known = remembered.get(identity);
    if (known !== undefined && atMs - known.atMs < REPEAT_WINDOW_MS) {
      const patch = { count: known.count + 1, lastTimestamp: formatTime(atMs) };
      try {
        await client.patch(eventType, known, { type: 'merge', body: patch });
        known.count += 1;
        known.atMs = atMs;
        return;
      } catch (error) {
        if (!isNotFound(error)) {
          throw error;
        }
      }
    }
    const namespace = involvedObject.namespace ?? 'default';
    const event: Event = {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: eventName(input.object.metadata.name, atMs), namespace },
      involvedObject,
      type: input.type,
      reason: input.reason,
      message: input.message.slice(0, MAX_MESSAGE),
      count: 1,
      firstTimestamp: formatTime(atMs),
      lastTimestamp: formatTime(atMs),
      eventTime: null,
      source: { component: options.component, ...(options.host === undefined ? {} : { host: options.host }) },
      reportingComponent: options.component,
      reportingInstance: options.host ?? '',
    };
    const { name } = (await client.create(eventType, event)).metadata;
    remembered.delete(identity);
    remembered.set(identity, { name, namespace, count: 1, atMs });
    for (const oldest of remembered.keys()) {
      if (remembered.size <= MAX_REMEMBERED) {
        break;
      }
      remembered.delete(oldest);
    }
  };

  const drain = async (): Promise<void> => {
    for (let next = pending.shift(); next !== undefined; next = pending.shift()) {
      try {
        await write(next.input, next.atMs);
      } catch (error) {
        logger.warn({ reason: next.input.reason, error: errorMessage(error) }, 'event not recorded');
      }
    }
  };
  const startDraining = (): Promise<void> => {
    clearTimeout(timer);
    timer = undefined;
    draining ??= drain().finally(() => {
      draining = undefined;
      schedule();
    });
    return draining;
  };
  const schedule = (): void => {
    if (draining === undefined && pending.length > 0) {
      timer ??= setTimeout(() => void startDraining(), WRITE_DELAY_MS).unref();
    }
  };

  return {
    record(input) {
      if (pending.length >= MAX_PENDING) {
        logger.warn({ reason: input.reason, object: input.object.metadata.name }, 'event dropped: too many pending');
        return;
      }
      pending.push({ input, atMs: now() });
      schedule();
    },
    flush: startDraining,
  };
}

export function referenceTo(object: KubeObject): ObjectReference {
  const { namespace, name, uid, resourceVersion } = object.metadata;
  return {
    apiVersion: object.apiVersion,
    kind: object.kind,
    name,
    ...(namespace === undefined ? {} : { namespace }),
    ...(uid === undefined ? {} : { uid }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
  };
}

let sequence = 0;

/** client-go's form: the object's name, a dot, 16 hex digits that differ for every event. */
function eventName(objectName: string, atMs: number): string {
  sequence = (sequence + 1) % 1_000_000;
  const unique = BigInt(atMs) * 1_000_000n + BigInt(sequence);
  return `${objectName.slice(0, 230)}.${unique.toString(16).padStart(16, '0')}`;
}
