/** For tests: a webhook on a free port, with a certificate of its own authority. */
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { makeCa, makeLeaf } from '../pki-make.ts';
import type { KeyPair } from '../pki-make.ts';
import type { Json } from '../test-server.ts';

export type Answer = (review: Json, response: ServerResponse, request: IncomingMessage) => Json;

export interface TestWebhook {
  readonly url: string;
  readonly port: number;
  /** Of the authority, for clientConfig. */
  readonly caBundle: string;
  /** Requests so far. */
  readonly asked: Json[];
  /** TCP connections so far. */
  readonly connections: () => number;
  /** Gives the `response` without its uid; undefined where it has answered itself. */
  answer: Answer;
  close(): Promise<void>;
}

export const allow: Answer = () => ({ allowed: true });

/** `address`: of this host, where it listens. */
export async function startTestWebhook(
  names: readonly string[] = ['127.0.0.1'],
  address = '127.0.0.1',
): Promise<TestWebhook> {
  const ca: KeyPair = await makeCa();
  const { cert, key } = await makeLeaf(ca, { subject: 'CN=webhook', usage: 'server', names });
  const asked: Json[] = [];
  let connections = 0;
  const server = createServer({ cert, key }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const review: Json = JSON.parse(Buffer.concat(chunks).toString('utf8'));
      asked.push(review.request);
      const answer: Json = webhook.answer(review, response, request);
      if (answer !== undefined) {
        const { apiVersion, kind } = review;
        response.setHeader('Content-Type', 'application/json');
        response.end(JSON.stringify({ apiVersion, kind, response: { uid: review.request?.uid, ...answer } }));
      }
    });
  });
  server.on('secureConnection', () => {
    connections += 1;
  });
  await new Promise<void>((resolve) => {
    server.listen(0, address, resolve);
  });
  const { port } = server.address() as AddressInfo;
  const webhook: TestWebhook = {
    url: `https://${address}:${port}/hook`,
    port,
    caBundle: Buffer.from(ca.cert).toString('base64'),
    asked,
    connections: () => connections,
    answer: allow,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
  return webhook;
}

export function patchOf(operations: readonly object[]): Json {
  const patch = Buffer.from(JSON.stringify(operations)).toString('base64');
  return { allowed: true, patchType: 'JSONPatch', patch };
}
