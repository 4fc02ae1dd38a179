/** Writing answers. */
import type { ServerResponse } from 'node:http';
import { internalError, StatusError } from '../../../apimachinery/status.ts';
import { errorMessage } from '../../../base/errors.ts';
import { isStoreError } from '../../store/store.ts';

const maxWarnings = 20;
const maxWarningLength = 512;

export function sendBytes(response: ServerResponse, code: number, contentType: string, bytes: Uint8Array): void {
  response.writeHead(code, {
    'Content-Type': contentType,
    'Content-Length': bytes.length,
    'Cache-Control': 'no-cache, private',
  });
  response.end(bytes);
}

export function sendJson(response: ServerResponse, code: number, value: object): void {
  sendBytes(response, code, 'application/json', Buffer.from(JSON.stringify(value)));
}

/** The object's bytes as JSON, or as YAML where the client prefers that. */
export async function sendObject(
  response: ServerResponse,
  code: number,
  mediaType: string,
  bytes: Uint8Array,
): Promise<void> {
  if (mediaType === 'application/yaml') {
    const { stringify } = await import('yaml');
    sendBytes(response, code, mediaType, Buffer.from(stringify(JSON.parse(Buffer.from(bytes).toString('utf8')))));
  } else {
    sendBytes(response, code, mediaType, bytes);
  }
}

/** Any error as a StatusError; what is no API error becomes 500 without its inner workings. */
export function asStatusError(error: unknown): StatusError {
  if (error instanceof StatusError) {
    return error;
  }
  if (isStoreError(error, 'WriteFailed')) {
    const cause = errorMessage(error.cause);
    const remedy = /no space left/iu.test(cause) ? '; free some room on the file system of the state directory' : '';
    return internalError(`the store cannot write: ${cause}${remedy}`, { cause: error });
  }
  return internalError('the server failed on this request; its log says more', { cause: error });
}

export function sendError(response: ServerResponse, error: StatusError): void {
  const { status } = error;
  const code = status.code ?? 500;
  if (code === 401) {
    response.setHeader('WWW-Authenticate', 'Bearer realm="vmlet"');
  }
  if (status.details?.retryAfterSeconds !== undefined) {
    response.setHeader('Retry-After', String(status.details.retryAfterSeconds));
  }
  sendJson(response, code, status);
}

/** `Warning: 299 - "text"`, as kubectl prints them. RFC 9111 5.5. */
export function setWarnings(response: ServerResponse, warnings: readonly string[]): void {
  const unique = [...new Set(warnings)].slice(0, maxWarnings);
  if (unique.length > 0) {
    const values = unique.map((text) => {
      const plain = text.replace(/[^\u0020-\u007e]/gu, '?').slice(0, maxWarningLength);
      return `299 - "${plain.replace(/["\\]/gu, '\\$&')}"`;
    });
    response.setHeader('Warning', values);
  }
}
