/**
 * What happens in the work queues of controllers, told to whoever counts it. Without a subscriber nothing is made or kept.
 *
 *   added -> taken -> done      a key's way through the queue; `retried`: it comes back later
 */
import { channel } from 'node:diagnostics_channel';

export interface QueueEvent {
  /** The controller's name. */
  readonly queue: string;
  /** `emptied`: the controller ends, and with it what waited. */
  readonly type: 'added' | 'taken' | 'done' | 'retried' | 'emptied';
  readonly key: string;
  /** Keys that wait now. */
  readonly waiting: number;
}

const events = channel('vmlet:work-queue');

export function publishQueueEvent(queue: string, type: QueueEvent['type'], key: string, waiting: number): void {
  if (events.hasSubscribers) {
    events.publish({ queue, type, key, waiting } satisfies QueueEvent);
  }
}

/** Gives what ends it. `listener` must not throw. */
export function subscribeQueueEvents(listener: (event: QueueEvent) => void): () => void {
  const onMessage = (message: unknown): void => listener(message as QueueEvent);
  events.subscribe(onMessage);
  return () => {
    events.unsubscribe(onMessage);
  };
}
