import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { openFds } from '../fd/fd.ts';
import { createReactor } from '../reactor/reactor.ts';
import { createBridge, deleteLink } from '../rtnetlink/links/links.ts';
import { createTestNamespace } from '../rtnetlink/namespace.test-helper.ts';
import { NETLINK_KOBJECT_UEVENT } from './constants.ts';
import { openNetlink } from './socket.ts';
import { subscribeUevents, type Uevent } from './uevent.ts';

const DEADLINE_MS = 10_000;
const isRoot = process.getuid?.() === 0;

/** Sends a forged uevent to group 1, as any process with CAP_NET_ADMIN can. */
const forger = `
import socket
s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 15)
s.bind((0, 0))
s.sendto(b"add@/devices/forged\\0ACTION=add\\0SUBSYSTEM=net\\0", (0, 1))
`;

test('uevents of the links of a namespace, and only from the kernel', async (t) => {
  if (!isRoot) {
    t.skip('needs root');
    return;
  }
  {
    using netns = createTestNamespace();
    const reactor = createReactor();
    using _reactor = { [Symbol.dispose]: () => reactor.close() };
    reactor.ref();
    const seen: Uevent[] = [];
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = setTimeout(() => reject(new Error('no uevent')), DEADLINE_MS);
    using _subscription = subscribeUevents({
      reactor,
      netns: netns.fd,
      onUevents(uevents) {
        seen.push(...uevents);
        if (seen.some(({ action, values }) => action === 'remove' && values.get('INTERFACE') === 'br0')) {
          clearTimeout(timer);
          resolve();
        }
      },
      onOverrun: () => reject(new Error('nothing was lost')),
    });
    const python = ['netns', 'exec', netns.name, 'python3', '-c', forger];
    try {
      execFileSync('ip', python, { timeout: DEADLINE_MS, stdio: 'pipe' });
    } catch (error) {
      t.diagnostic(`no forged message was sent: ${String(error)}`);
    }
    const { index } = createBridge(netns.socket, { name: 'br0' });
    deleteLink(netns.socket, { index });
    await promise;
    const added = seen.find(({ action, values }) => action === 'add' && values.get('INTERFACE') === 'br0');
    assert.equal(added?.devicePath, '/devices/virtual/net/br0');
    assert.equal(added.values.get('IFINDEX'), String(index));
    assert.equal(
      seen.find(({ devicePath }) => devicePath.includes('forged')),
      undefined,
    );
  }
  assert.deepEqual(openFds(), []);
});

test('a socket that nobody sends to is empty', () => {
  using socket = openNetlink({ protocol: NETLINK_KOBJECT_UEVENT });
  assert.equal(socket.receive({ wait: false, target: 'uevents' }).kind, 'empty');
});
