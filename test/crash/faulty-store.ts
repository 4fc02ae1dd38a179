/** Stores that break a promise on purpose, to see that the checkers notice. */
import type { EncodeValue, Store, StoredEntry, StoreEvent } from '../../src/embedded/store/store.ts';

export const faults = [
  'early-ack',
  'stale-read',
  'lost-update',
  'dropped-event',
  'doubled-event',
  'swapped-events',
] as const;

/** Over all watches, as each lives for a few events only. */
const everyNthEvent = 3;
const staleMs = 500;

/** `fault` '' gives the store as it is. */
export function withFault(store: Store, fault: string): Store {
  const proxy = (changes: Partial<Store>): Store =>
    new Proxy(store, {
      get(target, name) {
        const value: unknown = Reflect.get(name in changes ? changes : target, name);
        return value;
      },
    });
  switch (fault) {
    case '':
      return store;
    case 'early-ack': {
      const early =
        (write: (key: string, encode: EncodeValue, expected: number) => Promise<StoredEntry>) =>
        (key: string, encode: EncodeValue, expected: number): Promise<StoredEntry> => {
          const { promise, resolve, reject } = Promise.withResolvers<StoredEntry>();
          const noting = (revision: number): Uint8Array => {
            const value = Buffer.from(encode(revision));
            resolve({ key, value, revision });
            return value;
          };
          write(key, noting, expected).catch(reject);
          return promise;
        };
      return proxy({
        create: (key, encode) => early((name, value) => store.create(name, value))(key, encode, 0),
        update: early((key, encode, expected) => store.update(key, encode, expected)),
        delete: early((key, encode, expected) => store.delete(key, encode, expected)),
      });
    }
    case 'stale-read': {
      const seen = new Map<string, { entry: StoredEntry | undefined; atMs: number }>();
      return proxy({
        get(key) {
          const known = seen.get(key);
          if (known !== undefined && Date.now() - known.atMs < staleMs) {
            return known.entry;
          }
          const entry = store.get(key);
          seen.set(key, { entry, atMs: Date.now() });
          return entry;
        },
      });
    }
    case 'lost-update':
      return proxy({
        update: (key, encode, expected) => store.update(key, encode, store.latest(key)?.revision ?? expected),
        latest: (key) => store.get(key),
      });
    default: {
      let count = 0;
      return proxy({
        watch(options) {
          let held: StoreEvent | undefined;
          return store.watch({
            ...options,
            onEvent(event) {
              count += event.key.includes('/crash/') ? 1 : 0;
              if (count % everyNthEvent !== 0) {
                options.onEvent(event);
                if (held !== undefined) {
                  options.onEvent(held);
                  held = undefined;
                }
              } else if (fault === 'doubled-event') {
                options.onEvent(event);
                options.onEvent(event);
              } else if (fault === 'swapped-events') {
                held = event;
              }
            },
          });
        },
      });
    }
  }
}
