import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { openSync } from 'node:fs';
import { Fd } from '../fd/fd.ts';
import { NETLINK_ROUTE } from '../netlink/constants.ts';
import { type NetlinkSocket, openNetlink } from '../netlink/socket.ts';

const TIMEOUT_MS = 10_000;

/** A network namespace for one test, with a socket in it and the tools to ask what they see. Needs root and iproute2. */
export interface TestNamespace extends Disposable {
  readonly name: string;
  readonly fd: Fd;
  readonly socket: NetlinkSocket;
  /** `ip -j -d ARGS` in the namespace, parsed. */
  readonly ip: (...args: readonly string[]) => Record<string, unknown>[];
  /** `bridge -j ARGS` in the namespace, parsed. */
  readonly bridge: (...args: readonly string[]) => Record<string, unknown>[];
}

export function createTestNamespace(): TestNamespace {
  const name = `vmlet-test-${randomBytes(4).toString('hex')}`;
  const run = (command: string, args: readonly string[]): string =>
    execFileSync(command, args, { encoding: 'utf8', timeout: TIMEOUT_MS });
  const parse = (text: string): Record<string, unknown>[] =>
    text.trim() === '' ? [] : (JSON.parse(text) as Record<string, unknown>[]);
  run('ip', ['netns', 'add', name]);
  using started = new DisposableStack();
  started.defer(() => run('ip', ['netns', 'del', name]));
  const fd = started.use(new Fd(openSync(`/run/netns/${name}`, 'r'), name));
  const socket = started.use(openNetlink({ protocol: NETLINK_ROUTE, netns: fd }));
  const resources = started.move();
  return {
    name,
    fd,
    socket,
    ip: (...args) => parse(run('ip', ['-n', name, '-j', '-d', ...args])),
    bridge: (...args) => parse(run('bridge', ['-n', name, '-j', '-d', ...args])),
    [Symbol.dispose]: () => resources.dispose(),
  };
}
