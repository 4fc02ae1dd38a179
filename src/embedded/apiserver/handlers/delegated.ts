/** Requests of API groups that other code serves. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { unknownPath } from '../../../apimachinery/status.ts';
import type { ResourcePath } from '../request-path.ts';
import type { DelegatedGroup, DelegatedRequest, UserInfo } from '../types.ts';
import { readValue } from './body.ts';
import { sendBytes, sendJson } from './respond.ts';

export function delegatedRequest(
  request: IncomingMessage,
  path: ResourcePath,
  query: URLSearchParams,
  more: { user: UserInfo; body: unknown },
): DelegatedRequest {
  if (path.watch === true) {
    throw unknownPath();
  }
  return {
    method: request.method ?? 'GET',
    version: path.version,
    namespace: path.namespace,
    resource: path.resource,
    name: path.name,
    subresource: path.subresource,
    rest: path.rest,
    query,
    headers: request.headers,
    ...more,
  };
}

export async function handleDelegated(
  group: DelegatedGroup,
  call: {
    readonly request: IncomingMessage;
    readonly response: ServerResponse;
    readonly path: ResourcePath;
    readonly query: URLSearchParams;
    readonly user: UserInfo;
  },
): Promise<void> {
  const body = await readValue(call.request);
  const asked = delegatedRequest(call.request, call.path, call.query, { user: call.user, body });
  const answer = await group.handle(asked);
  if (answer.body === undefined) {
    call.response.writeHead(answer.code, { 'Content-Length': 0 });
    call.response.end();
  } else if (typeof answer.body === 'string' || answer.body instanceof Uint8Array) {
    const bytes = typeof answer.body === 'string' ? Buffer.from(answer.body) : answer.body;
    sendBytes(call.response, answer.code, answer.contentType ?? 'text/plain', bytes);
  } else {
    sendJson(call.response, answer.code, answer.body);
  }
}
