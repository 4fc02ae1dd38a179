/** ConfigMaps over HTTPS, with outcomes as the checkers need them. */
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import type { EventSeen, Held, Outcome } from './history.ts';

export const collection = '/api/v1/namespaces/crash/configmaps';

export interface Answer {
  readonly code: number;
  readonly body: { readonly [member: string]: unknown };
}

interface ConfigMap {
  readonly metadata: { readonly name: string; readonly resourceVersion: string };
  readonly data?: { readonly value?: string };
}

export interface CrashClient {
  /** Throws when the connection ends before the answer. */
  call(method: string, path: string, body?: object): Promise<Answer>;
  watch(
    fromRevision: number,
    onEvent: (event: EventSeen) => void,
    onError: (text: string) => void,
  ): Promise<{ close(): void; closed: Promise<void> }>;
  close(): void;
}

export function connectClient(directory: string, port: number): CrashClient {
  const read = (name: string): string => readFileSync(join(directory, 'pki', name), 'utf8');
  const agent = new Agent({ keepAlive: true, ca: read('ca.crt'), cert: read('client.crt'), key: read('client.key') });
  const open = (method: string, path: string, bytes: string | undefined): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      // The length is said, as Node sends a DELETE's body without one.
      const headers = {
        'Content-Type': 'application/json',
        'Content-Length': Buffer.byteLength(bytes ?? ''),
        Accept: 'application/json',
      };
      const outgoing = request({ host: '127.0.0.1', port, method, path, agent, headers }, resolve);
      outgoing.on('error', reject);
      outgoing.end(bytes);
    });
  return {
    async call(method, path, body) {
      const response = await open(method, path, body && JSON.stringify(body));
      const chunks: Buffer[] = [];
      for await (const chunk of response as AsyncIterable<Buffer>) {
        chunks.push(chunk);
      }
      if (!response.complete) {
        throw new Error('the answer was cut short');
      }
      return {
        code: response.statusCode ?? 0,
        body: JSON.parse(Buffer.concat(chunks).toString('utf8')) as Answer['body'],
      };
    },
    async watch(fromRevision, onEvent, onError) {
      const response = await open('GET', `${collection}?watch=1&resourceVersion=${fromRevision}`, undefined);
      let rest = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        const lines = (rest + chunk).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) {
          const { type, object } = JSON.parse(line) as { type: EventSeen['type'] | 'ERROR'; object: ConfigMap };
          if (type === 'ERROR') {
            onError(line);
          } else {
            onEvent({ type, key: object.metadata.name, ...heldOf(object) });
          }
        }
      });
      const closed = new Promise<void>((resolve) => {
        response.on('close', () => resolve());
        response.on('error', () => resolve());
      });
      return { close: () => response.destroy(), closed };
    },
    close: () => agent.destroy(),
  };
}

export function heldOf(body: object): Held {
  const { metadata, data } = body as ConfigMap;
  return { revision: Number(metadata.resourceVersion), value: data?.value ?? '' };
}

export function keyOf(body: object): string {
  return (body as ConfigMap).metadata.name;
}

/** Throws for an answer that none of the operations may get. */
export function outcomeOf({ code, body }: Answer): Outcome {
  if (code === 200 || code === 201) {
    return 'metadata' in body && 'data' in body ? { type: 'done', revision: heldOf(body).revision } : { type: 'done' };
  }
  const reasons: Readonly<Record<string, 'exists' | 'missing' | 'modified'>> = {
    AlreadyExists: 'exists',
    NotFound: 'missing',
    Conflict: 'modified',
  };
  const reason = reasons[String(body['reason'])];
  if (reason === undefined) {
    throw new Error(`answer ${code}: ${JSON.stringify(body)}`);
  }
  return { type: 'refused', reason };
}
