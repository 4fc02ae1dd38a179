/**
 * Who may work on a request now. Each client has seats; requests beyond them wait in the client's own queue, and clients take
 * turns when a seat is free, so that a flood from one delays only itself. A client alone has all seats: many writes at once
 * share a flush. As soon as others ask too, each has its share of fewer seats, which keeps the work that is ready at any moment
 * short, and with it what everybody waits for, the product's own controllers included.
 */
import { failure } from '../../../apimachinery/status.ts';

export interface FairQueueOptions {
  /** For a client alone. */
  readonly seats: number;
  /** Shared by all clients as soon as there are two. */
  readonly contendedSeats: number;
  /** What each client has at least. */
  readonly leastSeats: number;
  /** Requests of one client that may wait; more are refused with 429. */
  readonly waitingPerClient: number;
  /** A client counts for so long after its last request. */
  readonly activeMs: number;
  readonly now?: () => number;
}

export interface FairQueue {
  /** Resolves with what gives the seat back. Throws StatusError 429. `isGone`: nobody waits for the answer any more. */
  enter(client: string, isGone: () => boolean): Promise<() => void>;
  readonly running: number;
  readonly waiting: number;
}

interface Client {
  running: number;
  readonly waiting: { readonly start: () => void; readonly isGone: () => boolean }[];
  lastMs: number;
}

export function createFairQueue(options: FairQueueOptions): FairQueue {
  const { now = () => performance.now() } = options;
  /** In the order of turns: who gets a seat goes to the end. */
  const clients = new Map<string, Client>();
  let running = 0;
  let waiting = 0;
  let sweptMs = 0;

  function sweep(): void {
    const nowMs = now();
    if (nowMs - sweptMs < options.activeMs / 4) {
      return;
    }
    sweptMs = nowMs;
    for (const [name, client] of clients) {
      if (client.running === 0 && client.waiting.length === 0 && nowMs - client.lastMs > options.activeMs) {
        clients.delete(name);
      }
    }
  }

  function seatsEach(): number {
    return clients.size <= 1
      ? options.seats
      : Math.max(options.leastSeats, Math.floor(options.contendedSeats / clients.size));
  }

  function take(client: Client): () => void {
    running += 1;
    client.running += 1;
    let given = false;
    return () => {
      if (!given) {
        given = true;
        running -= 1;
        client.running -= 1;
        startWaiting();
      }
    };
  }

  function startWaiting(): void {
    if (waiting === 0) {
      return;
    }
    const each = seatsEach();
    // A copy, as turns change the order.
    const turns = [...clients];
    for (const [name, client] of turns) {
      while (client.waiting.length > 0 && client.running < each && running < options.seats) {
        const next = client.waiting.shift();
        waiting -= 1;
        if (next !== undefined && !next.isGone()) {
          clients.delete(name);
          clients.set(name, client);
          next.start();
          break;
        }
      }
    }
  }

  return {
    get running() {
      return running;
    },
    get waiting() {
      return waiting;
    },
    enter(name, isGone) {
      sweep();
      const client = clients.get(name) ?? { running: 0, waiting: [], lastMs: 0 };
      client.lastMs = now();
      clients.set(name, client);
      if (client.waiting.length === 0 && client.running < seatsEach() && running < options.seats) {
        return Promise.resolve(take(client));
      }
      if (client.waiting.length >= options.waitingPerClient) {
        const text = `too many requests of this client wait already (${client.waiting.length}); try again later`;
        return Promise.reject(failure(429, 'TooManyRequests', text, { retryAfterSeconds: 1 }));
      }
      return new Promise((resolve) => {
        waiting += 1;
        client.waiting.push({ isGone, start: () => resolve(take(client)) });
      });
    },
  };
}
