/** How many connections each client has; one must not take all there are. */
import type { Socket } from 'node:net';
import { failure } from '../../../apimachinery/status.ts';

export interface ClientConnections {
  /** Counts the request's connection for its client. Throws StatusError 429. */
  require(client: string, socket: Socket): void;
}

export function createClientConnections(limit: number): ClientConnections {
  const counts = new Map<string, number>();
  const counted = new WeakSet<Socket>();
  return {
    require(client, socket) {
      if (counted.has(socket)) {
        return;
      }
      const count = counts.get(client) ?? 0;
      if (count >= limit) {
        throw failure(429, 'TooManyRequests', `this client has ${limit} connections already; close some`, {
          retryAfterSeconds: 5,
        });
      }
      counted.add(socket);
      counts.set(client, count + 1);
      socket.once('close', () => {
        const left = (counts.get(client) ?? 1) - 1;
        if (left === 0) {
          counts.delete(client);
        } else {
          counts.set(client, left);
        }
      });
    },
  };
}
