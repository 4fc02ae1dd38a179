import type { DomainRef } from '../domain/domain-ref.ts';
import { decodeDomainEvent, domainEvents } from '../domain/events.ts';
import type { DomainEvent, DomainEventKind } from '../domain/events.ts';
import type { Channel } from '../rpc/channel.ts';
import type { Frame } from '../rpc/frame.ts';
import type { CallOptions } from '../rpc/procedure.ts';
import { XdrReader } from '../xdr/xdr.ts';
import { procedures } from './procedure-table.ts';

type Listener = (event: DomainEvent) => void;

/** Registered listeners by the daemon's callback id. */
export interface EventListeners {
  readonly byCallbackId: Map<number, Listener>;
  /** Registrations whose reply is not processed yet; their first events wait in `early`. */
  registering: number;
  early: { callbackId: number; event: DomainEvent }[];
}

/** Events kept for registrations under way. */
const MAX_EARLY_EVENTS = 1024;

export function createEventListeners(): EventListeners {
  return { byCallbackId: new Map(), registering: 0, early: [] };
}

/** Hands an event frame to its listener. Frames of events we do not know are skipped. */
export function dispatchEvent(listeners: EventListeners, frame: Frame): void {
  const decoded = decodeDomainEvent(frame.procedure, new XdrReader(frame.payload));
  if (decoded === undefined) {
    return;
  }
  const listener = listeners.byCallbackId.get(decoded.callbackId);
  if (listener !== undefined) {
    listener(decoded.event);
  } else if (listeners.registering > 0 && listeners.early.length < MAX_EARLY_EVENTS) {
    // The daemon's event can arrive in the same read as the reply that tells us its callback id.
    listeners.early.push(decoded);
  }
}

export async function listenToEvents(
  channel: Channel,
  listeners: EventListeners,
  args: {
    readonly kinds: readonly DomainEventKind[];
    readonly domain: DomainRef | undefined;
    readonly listener: Listener;
  },
  options: CallOptions | undefined,
): Promise<AsyncDisposable> {
  const ids: number[] = [];

  async function dispose(): Promise<void> {
    for (const id of ids) {
      listeners.byCallbackId.delete(id);
    }
    if (!channel.isClosed) {
      await Promise.allSettled(ids.map((id) => channel.call(procedures.eventDeregister, id)));
    }
  }

  listeners.registering += 1;
  try {
    const results = await Promise.allSettled(
      [...new Set(args.kinds)].map(async (kind) => {
        const id = await channel.call(
          procedures.eventRegister,
          { eventId: domainEvents[kind].id, domain: args.domain },
          options,
        );
        ids.push(id);
        listeners.byCallbackId.set(id, args.listener);
        const mine = listeners.early.filter((early) => early.callbackId === id);
        listeners.early = listeners.early.filter((early) => early.callbackId !== id);
        for (const { event } of mine) {
          args.listener(event);
        }
      }),
    );
    const failure = results.find((result) => result.status === 'rejected');
    if (failure !== undefined) {
      await dispose();
      throw failure.reason;
    }
  } finally {
    listeners.registering -= 1;
    if (listeners.registering === 0) {
      listeners.early = [];
    }
  }
  return { [Symbol.asyncDispose]: dispose };
}
