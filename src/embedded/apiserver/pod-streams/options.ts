/** Query parameters of the streams of Pods (PodLogOptions, PodExecOptions of core/v1). Pure. Throws StatusError 400. */
import { badRequest } from '../../../apimachinery/status.ts';
import { isTrue } from '../request-options.ts';
import type { ExecRequest, LogRequest } from './backend.ts';

const commandWordsMax = 1024;
const commandBytesMax = 128 * 1024;
const portsMax = 32;

export function parseLogOptions(query: URLSearchParams, nowMs: number): LogRequest {
  if (flag(query, 'timestamps')) {
    throw badRequest('logs of this node carry no times: ask without timestamps');
  }
  const sinceSeconds = number(query, 'sinceSeconds', 1);
  const sinceTime = query.get('sinceTime');
  if (sinceSeconds !== undefined && sinceTime !== null) {
    throw badRequest('at most one of `sinceTime` or `sinceSeconds` may be specified');
  }
  const atMs = sinceTime === null ? undefined : Date.parse(sinceTime);
  if (Number.isNaN(atMs)) {
    throw badRequest(`sinceTime ${JSON.stringify(sinceTime)} is no RFC 3339 time`);
  }
  return {
    follow: flag(query, 'follow'),
    tailLines: number(query, 'tailLines', 0),
    sinceMs: sinceSeconds === undefined ? atMs : nowMs - sinceSeconds * 1000,
    limitBytes: number(query, 'limitBytes', 1),
  };
}

export function isPrevious(query: URLSearchParams): boolean {
  return flag(query, 'previous');
}

export interface ExecOptions extends ExecRequest {
  readonly stdout: boolean;
  readonly stderr: boolean;
}

/** `needsCommand`: exec has one, attach has not. */
export function parseExecOptions(query: URLSearchParams, needsCommand: boolean): ExecOptions {
  const command = query.getAll('command');
  if (needsCommand && (command.length === 0 || command[0] === '')) {
    throw badRequest('you must specify at least one command for the container');
  }
  if (command.length > commandWordsMax || command.reduce((sum, word) => sum + word.length, 0) > commandBytesMax) {
    throw badRequest('the command is too long');
  }
  if (command.some((word) => word.includes('\0'))) {
    throw badRequest('a word of the command holds a NUL character');
  }
  const tty = flag(query, 'tty');
  const options = {
    command,
    tty,
    stdin: flag(query, 'stdin'),
    stdout: flag(query, 'stdout'),
    stderr: flag(query, 'stderr') && !tty,
  };
  if (!options.stdin && !options.stdout && !options.stderr) {
    throw badRequest('you must specify at least one of stdin, stdout, stderr');
  }
  return options;
}

/** `ports=80&ports=81,82`; empty when none is named. */
export function parsePorts(query: URLSearchParams): number[] {
  const ports = query.getAll('ports').flatMap((text) => text.split(','));
  if (ports.length > portsMax) {
    throw badRequest(`at most ${portsMax} ports`);
  }
  return ports.map(parsePort);
}

export function parsePort(text: string): number {
  const port = /^\d{1,5}$/u.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65_535) {
    throw badRequest(`port ${JSON.stringify(text.slice(0, 64))} is no number from 1 to 65535`);
  }
  return port;
}

function flag(query: URLSearchParams, name: string): boolean {
  return isTrue(query.get(name));
}

function number(query: URLSearchParams, name: string, least: number): number | undefined {
  const text = query.get(name);
  if (text === null || text === '') {
    return undefined;
  }
  const value = /^\d{1,15}$/u.test(text) ? Number(text) : -1;
  if (value < least) {
    throw badRequest(`${name} ${JSON.stringify(text.slice(0, 64))} must be a whole number, ${least} or more`);
  }
  return value;
}
