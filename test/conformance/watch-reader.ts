/** A watch as a queue of events, each awaited with a deadline. */
import type { IncomingMessage } from 'node:http';
import { withDeadline } from '../../src/base/deadline.ts';
import type { Json, RawClient } from './raw-client.ts';

export interface WatchReader {
  readonly code: number;
  readonly headers: IncomingMessage['headers'];
  /** The next event; undefined when the stream has ended. */
  next(): Promise<Json>;
  /** Events until (and with) the first that matches. */
  until(matches: (event: Json) => boolean): Promise<Json[]>;
  close(): void;
}

const eventTimeoutMs = 15_000;

export async function openWatch(raw: RawClient, path: string, accept?: string): Promise<WatchReader> {
  const response = await raw.open('GET', path, accept === undefined ? {} : { accept });
  const events = parse(response);
  const next = async (): Promise<Json> => {
    const { value, done } = await withDeadline(events.next(), eventTimeoutMs, `an event of GET ${path}`);
    return done === true ? undefined : value;
  };
  return {
    code: response.statusCode ?? 0,
    headers: response.headers,
    next,
    async until(matches) {
      const seen: Json[] = [];
      for (;;) {
        const event = await next();
        if (event === undefined) {
          throw new Error(`GET ${path} ended after ${JSON.stringify(seen).slice(0, 600)}`);
        }
        seen.push(event);
        if (matches(event)) {
          return seen;
        }
      }
    },
    close() {
      response.destroy();
    },
  };
}

async function* parse(response: IncomingMessage): AsyncGenerator<Json> {
  let rest = '';
  response.setEncoding('utf8');
  try {
    for await (const chunk of response as AsyncIterable<string>) {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines.filter((text) => text !== '')) {
        yield JSON.parse(line);
      }
    }
  } catch (error) {
    if (!response.destroyed) {
      throw error;
    }
  }
  if (rest.trim() !== '') {
    yield JSON.parse(rest);
  }
}
