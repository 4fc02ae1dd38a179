import { DecodeError } from '../../base/errors.ts';
import type { Fd } from '../fd/fd.ts';
import type { Reactor } from '../reactor/reactor.ts';
import { decodeMessages, type Message } from './message.ts';
import { type NetlinkSocket, openNetlink } from './socket.ts';

/** What one turn of the loop works off at most; the rest waits in the kernel's queue for the next turn. */
const DATAGRAMS_PER_TURN = 32;

export interface SubscriptionOptions {
  /** NETLINK_ROUTE, NETLINK_NETFILTER, ... */
  readonly protocol: number;
  /** The namespace to listen in; the calling thread's when absent. */
  readonly netns?: Fd | undefined;
  /** Group numbers: RTNLGRP_..., NFNLGRP_... */
  readonly groups: readonly number[];
  readonly reactor: Reactor;
  /**
   * The messages of one turn, in the order of the changes; the payloads are copies and may be kept. `portId` and
   * `sequence` are those of the request that caused the change: the port id of its socket (the process id for the
   * first socket that a process opened). 0 when the kernel acted by itself, and for most link messages whoever acted.
   */
  readonly onMessages: (messages: readonly Message[]) => void;
  /**
   * Messages were lost: observe again. Called after the messages that were still queued have been given, when the
   * kernel delivers again, so that what is observed now misses nothing.
   */
  readonly onOverrun: () => void;
}

/**
 * Listens to multicast groups on the loop of `reactor`, at most 32 datagrams a turn, until disposed. A callback's error
 * goes to the reactor's `onError`. Throws KernelError when the socket or a group is refused.
 */
export function subscribe(options: SubscriptionOptions): Disposable {
  const { protocol, netns, groups, reactor, onMessages, onOverrun } = options;
  return watchDatagrams({
    socket: openNetlink({ protocol, netns, groups }),
    reactor,
    onOverrun,
    onDatagrams(datagrams) {
      onMessages(datagrams.flatMap(decodeMessages));
    },
  });
}

/**
 * Reads `socket`, which it then owns, whenever the reactor finds it readable. `onDatagrams` gets copies; a DecodeError
 * of it counts as lost messages.
 *
 * After ENOBUFS the kernel drops every message, without a further error, until the queue has been read empty
 * (NETLINK_S_CONGESTED in net/netlink/af_netlink.c). So an overrun is told only then: what is observed earlier could
 * miss a change that nobody announces.
 */
export function watchDatagrams(options: {
  readonly socket: NetlinkSocket;
  readonly reactor: Reactor;
  readonly onDatagrams: (datagrams: readonly Buffer[]) => void;
  readonly onOverrun: () => void;
}): Disposable {
  const { socket, reactor, onDatagrams, onOverrun } = options;
  const target = `notifications${socket.where}`;
  let lost = false;
  let disposed = false;

  /** Gives what is queued, and whether that was all. */
  function take(): { readonly datagrams: readonly Buffer[]; readonly isEmpty: boolean } {
    const datagrams: Buffer[] = [];
    for (let count = 0; count < DATAGRAMS_PER_TURN; count++) {
      const received = socket.receive({ wait: false, target });
      switch (received.kind) {
        case 'datagram':
          // A callback may use another socket of this thread, and that overwrites the shared buffer.
          datagrams.push(Buffer.from(received.bytes));
          break;
        case 'truncated':
          lost = true;
          socket.growReceiveBuffer();
          break;
        case 'overrun':
          lost = true;
          break;
        case 'empty':
          return { datagrams, isEmpty: true };
      }
    }
    return { datagrams, isEmpty: false };
  }

  function deliver(datagrams: readonly Buffer[]): void {
    if (datagrams.length === 0) {
      return;
    }
    try {
      onDatagrams(datagrams);
    } catch (error) {
      if (!(error instanceof DecodeError)) {
        throw error;
      }
      lost = true;
    }
  }

  function onReadable(): void {
    const { datagrams, isEmpty } = take();
    try {
      deliver(datagrams);
    } finally {
      if (lost && isEmpty && !disposed) {
        lost = false;
        onOverrun();
      }
    }
  }

  using started = new DisposableStack();
  started.use(socket);
  started.use(reactor.watch(socket.fd, onReadable));
  const resources = started.move();
  return {
    [Symbol.dispose]() {
      disposed = true;
      resources.dispose();
    },
  };
}
