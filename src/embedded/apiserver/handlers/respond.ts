/** Writing answers. */
import { createHash } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { gzip } from 'node:zlib';
import { internalError, StatusError } from '../../../apimachinery/status.ts';
import { errorMessage } from '../../../base/errors.ts';
import { isStoreError } from '../../store/store.ts';

const maxWarnings = 20;
const maxWarningLength = 512;

/** Smaller answers go faster as they are. As kube-apiserver. */
const compressedFromBytes = 128 * 1024;
/** The fastest: the link is what is spared, and the server's time is dear. As kube-apiserver. */
const compressionLevel = 1;

export function sendBytes(
  response: ServerResponse,
  code: number,
  contentType: string,
  bytes: Uint8Array,
  caching = 'no-cache, private',
): void {
  const headers = { 'Content-Type': contentType, 'Cache-Control': caching };
  if (bytes.length < compressedFromBytes || !acceptsGzip(response.req.headers['accept-encoding'])) {
    response.writeHead(code, { ...headers, 'Content-Length': bytes.length });
    response.end(bytes);
    return;
  }
  // In a thread of its own, so that other requests go on.
  gzip(bytes, { level: compressionLevel }, (error, compressed) => {
    if (error !== null) {
      response.destroy(error);
    } else if (!response.destroyed) {
      const more = { 'Content-Encoding': 'gzip', Vary: 'Accept-Encoding', 'Content-Length': compressed.length };
      response.writeHead(code, { ...headers, ...more });
      response.end(compressed);
    }
  });
}

function acceptsGzip(header: string | string[] | undefined): boolean {
  return String(header ?? '')
    .split(',')
    .some((part) => /^\s*(?:gzip|\*)\s*(?:;\s*q=(?!0(?:\.0*)?\s*$)[\d.]+\s*)?$/iu.test(part));
}

export function sendJson(response: ServerResponse, code: number, value: object): void {
  sendBytes(response, code, 'application/json', Buffer.from(JSON.stringify(value)));
}

/** By its ETag the client knows a document that it has. `immutable`: the URL names the content. */
export function sendDocument(
  response: ServerResponse,
  document: { readonly type: string; readonly bytes: Buffer; readonly immutable?: boolean },
): void {
  const { type, bytes, immutable = false } = document;
  const etag = `"${createHash('sha256').update(bytes).digest('hex').toUpperCase()}"`;
  response.setHeader('ETag', etag);
  response.setHeader('Vary', 'Accept');
  if (response.req.headers['if-none-match'] === etag) {
    response.writeHead(304);
    response.end();
    return;
  }
  sendBytes(response, 200, type, bytes, immutable ? 'public, immutable' : undefined);
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
  } else if (/[?&]pretty=(?:true|1)(?:&|$)/iu.test(response.req.url ?? '')) {
    const indented = JSON.stringify(JSON.parse(Buffer.from(bytes).toString('utf8')), undefined, 2);
    sendBytes(response, code, mediaType, Buffer.from(`${indented}\n`));
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
  if (isStoreError(error, 'Corrupt') || isStoreError(error, 'KeyMissing')) {
    return internalError(error.message, { cause: error });
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
