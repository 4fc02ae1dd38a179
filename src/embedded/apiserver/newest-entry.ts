/**
 * What a read-change-write loop starts from. The newest state may still be on its way to the disk: a change may build on it, as
 * it fails with it, but an answer that writes nothing (a refusal, "nothing to change") must rest on what is durable, or a power
 * cut could make it wrong.
 */
import type { StoredEntry } from '../store/store.ts';
import type { ApiContext } from './context.ts';

export interface NewestEntry {
  readonly entry: StoredEntry | undefined;
  readonly durable: boolean;
}

export function newestEntry(context: ApiContext, key: string): NewestEntry {
  const entry = context.store.latest(key);
  return { entry, durable: context.store.get(key)?.revision === entry?.revision };
}

/** The durable state, once the writes on their way are through. */
export async function durableEntry(context: ApiContext, key: string): Promise<NewestEntry> {
  await context.store.settled(key);
  return { entry: context.store.get(key), durable: true };
}
