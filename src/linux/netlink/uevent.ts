import { DecodeError } from '../../base/errors.ts';
import type { Fd } from '../fd/fd.ts';
import type { Reactor } from '../reactor/reactor.ts';
import { NETLINK_KOBJECT_UEVENT } from './constants.ts';
import { openNetlink } from './socket.ts';
import { watchDatagrams } from './subscribe.ts';

/** What the kernel says of a device: lib/kobject_uevent.c. */
export interface Uevent {
  /** What happened: `add`, `remove`, `change`, `move`, `online`, `offline`, `bind`, `unbind`. */
  readonly action: string;
  /** Path of the device below /sys: `/devices/virtual/net/tap0`. */
  readonly devicePath: string;
  /** `net`, `pci`, `block`, `vfio`, ... */
  readonly subsystem: string | undefined;
  /** Counts all uevents of the kernel; a gap is no sign of loss, as each namespace sees only its own. */
  readonly sequence: bigint | undefined;
  /** All pairs, these among them: INTERFACE, IFINDEX, DEVNAME, MAJOR, MINOR, DRIVER, PCI_SLOT_NAME, ... */
  readonly values: ReadonlyMap<string, string>;
}

/** The group of the kernel; group 2 is udev's, with another format. */
const KERNEL_GROUP = 1;
/** UEVENT_NUM_ENVP of linux/kobject.h: the kernel sends no more pairs. */
const PAIRS_LIMIT = 64;
/** UEVENT_BUFFER_SIZE, and the head before it. */
const BYTES_LIMIT = 16 * 1024;

/**
 * Decodes one datagram: `ACTION@DEVPATH`, NUL, then `KEY=VALUE` pairs with a NUL each. Throws DecodeError for anything
 * else, such as udev's own format.
 */
export function decodeUevent(datagram: Buffer): Uevent {
  if (datagram.length > BYTES_LIMIT) {
    throw new DecodeError(`uevent of ${datagram.length} bytes`);
  }
  const [head = '', ...pairs] = datagram.toString('utf8').replace(/\0$/, '').split('\0');
  const at = head.indexOf('@');
  if (at < 1 || !/^[a-z]+$/.test(head.slice(0, at)) || head[at + 1] !== '/') {
    throw new DecodeError('uevent that does not begin with ACTION@DEVPATH');
  }
  if (pairs.length > PAIRS_LIMIT) {
    throw new DecodeError(`uevent with ${pairs.length} values`);
  }
  const values = new Map<string, string>();
  for (const pair of pairs) {
    const equals = pair.indexOf('=');
    if (equals < 1) {
      throw new DecodeError(`uevent value ${JSON.stringify(pair.slice(0, 40))} without a name`);
    }
    values.set(pair.slice(0, equals), pair.slice(equals + 1));
  }
  const sequence = values.get('SEQNUM');
  return {
    action: head.slice(0, at),
    devicePath: head.slice(at + 1),
    subsystem: values.get('SUBSYSTEM'),
    sequence: sequence !== undefined && /^\d{1,20}$/.test(sequence) ? BigInt(sequence) : undefined,
    values,
  };
}

/**
 * Listens to the kernel's uevents on the loop of `reactor`, until disposed. What other processes send to the group is
 * dropped: only port 0, the kernel, is taken. A network namespace sees the events of its own links, the first one also
 * all that belong to no namespace. `onOverrun` means: look at /sys again. Throws KernelError.
 */
export function subscribeUevents(options: {
  readonly reactor: Reactor;
  readonly netns?: Fd | undefined;
  readonly onUevents: (uevents: readonly Uevent[]) => void;
  readonly onOverrun: () => void;
}): Disposable {
  const { reactor, netns, onUevents, onOverrun } = options;
  return watchDatagrams({
    socket: openNetlink({ protocol: NETLINK_KOBJECT_UEVENT, netns, groups: [KERNEL_GROUP] }),
    reactor,
    onDatagrams(datagrams) {
      onUevents(datagrams.map(decodeUevent));
    },
    onOverrun,
  });
}
