import type { Emulator, ObservedQueue, ObservedQueues, QueueOp, QueuesSpec, TapQueues } from './model.ts';

/**
 * Every queue that lost its TAP is attached to the one that was made in its place. Which descriptor was whose is known
 * from QEMU's command line; of those plugged in later, the lowest numbers go to the first TAPs that lack some. A TAP
 * that is not there (yet) is left to the next look. Pure.
 */
export function planQueues(spec: QueuesSpec, { emulator, taps }: ObservedQueues): QueueOp[] {
  if (emulator === undefined) {
    return [];
  }
  const unnamed = emulator.queues.filter(({ tap, netdev }) => tap === undefined && !isOfSpec(spec, netdev));
  return spec.taps.flatMap((want) => {
    const attached = emulator.queues.filter(({ tap }) => tap === want.tap).length;
    const own = emulator.queues.filter(({ tap, netdev }) => tap === undefined && netdev === want.netdev);
    const lost = [...own, ...unnamed.splice(0, Math.max(0, want.queues - attached - own.length))];
    return taps.includes(want.tap)
      ? lost.slice(0, Math.max(0, want.queues - attached)).map((queue) => attach(want, emulator, queue))
      : [];
  });
}

function isOfSpec(spec: QueuesSpec, netdev: string | undefined): boolean {
  return netdev !== undefined && spec.taps.some((want) => want.netdev === netdev);
}

function attach(want: TapQueues, { pid, startTicks }: Emulator, { descriptor }: ObservedQueue): QueueOp {
  const { tap, headerBytes, queues } = want;
  return { kind: 'attach-queue', tap, headerBytes, multiQueue: queues > 1, pid, startTicks, descriptor };
}
