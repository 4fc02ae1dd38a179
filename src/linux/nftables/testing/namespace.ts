import { execFileSync } from 'node:child_process';
import { openSync } from 'node:fs';
import { Fd } from '../../fd/fd.ts';
import { NETLINK_NETFILTER } from '../../netlink/constants.ts';
import { type NetlinkSocket, openNetlink } from '../../netlink/socket.ts';

/** A network namespace of a test's own, with what its tests need. Close it, or take it with `using`. */
export interface TestNamespace extends Disposable {
  readonly name: string;
  readonly netns: Fd;
  readonly socket: NetlinkSocket;
  /** Runs nft inside; `input` becomes its standard input. */
  nft(args: readonly string[], input?: string): string;
  /** Runs ip inside. */
  ip(...args: readonly string[]): void;
}

/** Needs root. `tag` tells test files apart. */
export function openTestNamespace(tag: string): TestNamespace {
  const name = `nft-${tag}-${process.pid}`;
  const run = (command: string, args: readonly string[], input?: string): string =>
    execFileSync(command, args, {
      encoding: 'utf8',
      timeout: 30_000,
      maxBuffer: 64 * 1024 * 1024,
      ...(input === undefined ? {} : { input }),
    });
  run('ip', ['netns', 'add', name]);
  const netns = new Fd(openSync(`/run/netns/${name}`, 'r'), name);
  const socket = openNetlink({ protocol: NETLINK_NETFILTER, netns });
  return {
    name,
    netns,
    socket,
    nft: (args, input) => run('ip', ['netns', 'exec', name, 'nft', ...args], input),
    ip(...args) {
      run('ip', ['-n', name, ...args]);
    },
    [Symbol.dispose]() {
      socket[Symbol.dispose]();
      netns.close();
      run('ip', ['netns', 'del', name]);
    },
  };
}
