/** The queues between QEMU and its TAPs: which must be attached, which are, and the steps between. Plain data. */

export interface QueuesSpec {
  readonly taps: readonly TapQueues[];
}

export interface TapQueues {
  readonly tap: string;
  /** What QEMU calls the back end of this interface: `hostua-default`. */
  readonly netdev: string;
  readonly queues: number;
  /** Bytes of the virtio-net header on every packet, as the guest's card has it. */
  readonly headerBytes: number;
}

export interface ObservedQueues {
  /** undefined while no QEMU runs: it attaches its queues when it starts. */
  readonly emulator: Emulator | undefined;
  /** TAPs that exist. */
  readonly taps: readonly string[];
}

export interface Emulator {
  readonly pid: number;
  /** Tells it from a later process of the same pid. */
  readonly startTicks: bigint;
  /** Its descriptors of /dev/net/tun, by number. */
  readonly queues: readonly ObservedQueue[];
}

export interface ObservedQueue {
  readonly descriptor: number;
  /** The TAP it is attached to; undefined when that was deleted. */
  readonly tap: string | undefined;
  /** The back end that was started with it; undefined for one that was plugged in later. */
  readonly netdev: string | undefined;
}

export interface QueueOp {
  readonly kind: 'attach-queue';
  readonly tap: string;
  readonly multiQueue: boolean;
  readonly headerBytes: number;
  readonly pid: number;
  readonly startTicks: bigint;
  readonly descriptor: number;
}
