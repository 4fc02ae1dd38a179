/**
 * One HTTPS question to a webhook: certificate checked, connection kept for the next question, answer bounded in time and size.
 * Texts as Go's HTTP client, which operators know from kube-apiserver's messages.
 */
import type { IncomingMessage } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import { rootCertificates } from 'node:tls';
import { VmletError } from '../../../base/errors.ts';
import type { ClientConfig } from './types.ts';

/** A patch and some warnings; far above what webhooks answer. */
export const maxAnswerBytes = 4 * 1024 * 1024;
const maxSockets = 64;
const shownBytes = 512;

/** Where to connect, for a name that only the cluster knows. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Throws Error: `service "x" not found`, `no endpoints available for service "x"`. */
export type ResolveService = (service: NonNullable<ClientConfig['service']>) => Address;

export class HttpError extends VmletError {
  constructor(message: string, options?: ErrorOptions) {
    super('WebhookHttp', message, options);
  }
}

export interface HttpsCaller {
  /** Gives the parsed JSON. Throws HttpError; `timeoutMs` is for all of it. */
  post(body: Buffer, timeoutMs: number): Promise<unknown>;
  close(): void;
}

export function createCaller(config: ClientConfig, resolveService: ResolveService): HttpsCaller {
  const { url, service, caBundle } = config;
  const ca =
    caBundle === undefined || caBundle === '' ? [...rootCertificates] : Buffer.from(caBundle, 'base64').toString();
  const agent = new Agent({ keepAlive: true, maxSockets, ca, timeout: 60_000 });
  const name = service && `${service.name}.${service.namespace}.svc`;
  const target =
    service === undefined
      ? new URL(url ?? '')
      : new URL(`https://${name}:${service.port ?? 443}${service.path ?? '/'}`);

  function exchange(address: Address, options: { path: string; body: Buffer; signal: AbortSignal }): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const outgoing = httpsRequest(
        {
          ...address,
          ...(name !== undefined && { servername: name }),
          method: 'POST',
          path: options.path,
          agent,
          signal: options.signal,
          headers: {
            Host: target.host,
            'Content-Type': 'application/json',
            Accept: 'application/json',
            'Content-Length': options.body.length,
          },
        },
        (response) => {
          readAnswer(response).then(resolve, reject);
        },
      );
      outgoing.on('error', reject);
      outgoing.end(options.body);
    });
  }

  return {
    async post(body, timeoutMs) {
      const path = `${target.pathname}?timeout=${Math.ceil(timeoutMs / 1000)}s`;
      const asked = `Post ${JSON.stringify(`https://${target.host}${path}`)}`;
      const signal = AbortSignal.timeout(timeoutMs);
      try {
        const port = target.port === '' ? 443 : Number(target.port);
        const host = target.hostname.replace(/^\[|\]$/gu, '');
        const address = service === undefined ? { host, port } : resolveService(service);
        return await exchange(address, { path, body, signal });
      } catch (error) {
        if (error instanceof HttpError) {
          throw error;
        }
        const reason = signal.aborted ? 'context deadline exceeded' : networkReason(error);
        throw new HttpError(`${asked}: ${reason}`, { cause: error });
      }
    },
    close: () => agent.destroy(),
  };
}

async function readAnswer(response: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maxAnswerBytes) {
      response.destroy();
      throw new HttpError(`the answer is larger than ${maxAnswerBytes} bytes`);
    }
    chunks.push(chunk);
  }
  const bytes = Buffer.concat(chunks);
  const { statusCode = 0 } = response;
  if (statusCode < 200 || statusCode > 299) {
    throw new HttpError(statusText(statusCode, bytes));
  }
  try {
    return JSON.parse(bytes.toString('utf8')) as unknown;
  } catch (error) {
    throw new HttpError('the answer is not JSON', { cause: error });
  }
}

function statusText(code: number, body: Buffer): string {
  if (code === 404) {
    return 'the server could not find the requested resource';
  }
  const shown = JSON.stringify(body.toString('utf8', 0, shownBytes).trim());
  return code >= 500
    ? `an error on the server (${shown}) has prevented the request from succeeding`
    : `the server rejected our request for an unknown reason: ${code} ${shown}`;
}

const certificateCodes: Readonly<Record<string, string>> = {
  SELF_SIGNED_CERT_IN_CHAIN: 'certificate signed by unknown authority',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'certificate signed by unknown authority',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'certificate signed by unknown authority',
  UNABLE_TO_GET_ISSUER_CERT: 'certificate signed by unknown authority',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'certificate signed by unknown authority',
  CERT_SIGNATURE_FAILURE: 'certificate signed by unknown authority',
  CERT_HAS_EXPIRED: 'certificate has expired or is not yet valid',
  CERT_NOT_YET_VALID: 'certificate has expired or is not yet valid',
};

function networkReason(error: unknown): string {
  const { code = '', message, address, port } = error as NodeJS.ErrnoException & { address?: string; port?: number };
  const certificate = Object.hasOwn(certificateCodes, code) ? certificateCodes[code] : undefined;
  if (certificate !== undefined) {
    return `tls: failed to verify certificate: x509: ${certificate}`;
  }
  switch (code) {
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return `tls: failed to verify certificate: x509: ${message}`;
    case 'ECONNREFUSED':
      return `dial tcp ${address ?? ''}:${port ?? ''}: connect: connection refused`;
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return `dial tcp ${address ?? ''}:${port ?? ''}: connect: no route to host`;
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `dial tcp: lookup ${(error as { hostname?: string }).hostname ?? ''}: no such host`;
    case 'ECONNRESET':
      return 'EOF';
    default:
      return message;
  }
}
