import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { openSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { Fd, openFds } from '../fd/fd.ts';
import { createReactor, type Reactor } from '../reactor/reactor.ts';
import { addAddress } from '../rtnetlink/addresses/addresses.ts';
import { createBridge, deleteLink, findLink, setLink } from '../rtnetlink/links/links.ts';
import { RTM_DELLINK, RTM_NEWADDR, RTNLGRP_IPV4_IFADDR, RTNLGRP_LINK } from '../rtnetlink/constants.ts';
import { NETLINK_ROUTE } from './constants.ts';
import type { Message } from './message.ts';
import { type NetlinkSocket, openNetlink } from './socket.ts';
import { subscribe } from './subscribe.ts';

const isRoot = process.getuid?.() === 0;
const name = `nls-${process.pid}`;
const DEADLINE_MS = 30_000;
/** Announcements that fill a queue of some megabytes more than once. */
const MANY = 5_000;

/** Resolves when `condition` holds; `poke` is to be called after each event. */
function eventually(condition: () => boolean): { readonly poke: () => void; readonly done: Promise<void> } {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(() => reject(new Error('deadline passed')), DEADLINE_MS);
  return {
    poke() {
      if (condition()) {
        clearTimeout(timer);
        resolve();
      }
    },
    done: promise,
  };
}

describe('subscriptions on the kernel', { skip: isRoot ? false : 'needs root' }, () => {
  let netns: Fd;
  let socket: NetlinkSocket;
  let reactor: Reactor;

  before(() => {
    execFileSync('ip', ['netns', 'add', name], { timeout: DEADLINE_MS });
    netns = new Fd(openSync(`/run/netns/${name}`, 'r'), name);
    socket = openNetlink({ protocol: NETLINK_ROUTE, netns });
    reactor = createReactor({ onError: (error) => assert.fail(String(error)) });
    reactor.ref();
  });

  after(() => {
    reactor.close();
    socket[Symbol.dispose]();
    netns.close();
    execFileSync('ip', ['netns', 'del', name], { timeout: DEADLINE_MS });
    assert.deepEqual(openFds(), []);
  });

  test('changes arrive with the port and sequence of who made them', async () => {
    const seen: Message[] = [];
    const wait = eventually(() => seen.some(({ type }) => type === RTM_DELLINK));
    using _subscription = subscribe({
      protocol: NETLINK_ROUTE,
      netns,
      groups: [RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR],
      reactor,
      onMessages(messages) {
        seen.push(...messages);
        wait.poke();
      },
      onOverrun: () => assert.fail('nothing was lost'),
    });
    const bridge = createBridge(socket, { name: 'br0', up: true });
    addAddress(socket, { linkIndex: bridge.index, address: '10.0.0.1/24' });
    execFileSync('ip', ['-n', name, 'address', 'add', '10.0.0.2/24', 'dev', 'br0'], { timeout: DEADLINE_MS });
    deleteLink(socket, { name: 'br0' });
    await wait.done;
    const added = seen.filter(({ type }) => type === RTM_NEWADDR);
    const [ours, theirs] = added;
    assert.equal(added.length, 2);
    assert.equal(ours?.portId, socket.portId);
    assert.ok(ours.sequence > 0);
    assert.ok(theirs !== undefined && theirs.portId !== 0 && theirs.portId !== socket.portId);
  });

  test('an overrun is told once the queue is empty, and what follows arrives', async () => {
    const { index } = createBridge(socket, { name: 'br1', up: true });
    let overruns = 0;
    let largestTurn = 0;
    let order: string[] = [];
    const seen: Message[] = [];
    let poke = (): void => undefined;
    using _subscription = subscribe({
      protocol: NETLINK_ROUTE,
      netns,
      groups: [RTNLGRP_LINK],
      reactor,
      onMessages(messages) {
        order.push('messages');
        largestTurn = Math.max(largestTurn, messages.length);
        seen.push(...messages);
        poke();
      },
      onOverrun() {
        order.push('overrun');
        overruns++;
        poke();
      },
    });
    // No turn of the loop happens here, so the queue of some megabytes fills up.
    for (let round = 0; round < MANY; round++) {
      setLink(socket, { index }, { alias: `round ${round} ${'x'.repeat(200)}` });
    }
    // The deadline begins here: a slow machine needs seconds for the changes.
    const overrun = eventually(() => overruns > 0);
    ({ poke } = overrun);
    await overrun.done;
    assert.ok(largestTurn <= 32, `${largestTurn} messages in a turn`);
    assert.equal(order.at(-1), 'overrun');
    assert.ok(seen.length < MANY);
    order = [];
    const fresh = eventually(() => seen.some(({ payload }) => payload.includes('after')));
    ({ poke } = fresh);
    setLink(socket, { index }, { alias: 'after' });
    await fresh.done;
    assert.equal(overruns, 1);
    deleteLink(socket, { index });
  });

  test('a callback may use other sockets and dispose its subscription', async () => {
    let calls = 0;
    const wait = eventually(() => calls > 0);
    const subscription = subscribe({
      protocol: NETLINK_ROUTE,
      netns,
      groups: [RTNLGRP_LINK],
      reactor,
      onMessages(messages) {
        calls++;
        const before = messages.map(({ payload }) => payload.toString('hex'));
        findLink(socket, { name: 'lo' });
        assert.deepEqual(
          messages.map(({ payload }) => payload.toString('hex')),
          before,
        );
        subscription[Symbol.dispose]();
        wait.poke();
      },
      onOverrun: () => assert.fail('nothing was lost'),
    });
    createBridge(socket, { name: 'br2' });
    await wait.done;
    deleteLink(socket, { name: 'br2' });
    assert.equal(calls, 1);
  });

  test('a group that the kernel refuses leaves nothing open', () => {
    const before = openFds().length;
    assert.throws(
      () =>
        subscribe({
          protocol: NETLINK_ROUTE,
          netns,
          groups: [4_000],
          reactor,
          onMessages: () => undefined,
          onOverrun: () => undefined,
        }),
      { code: 'EINVAL' },
    );
    assert.equal(openFds().length, before);
  });
});
