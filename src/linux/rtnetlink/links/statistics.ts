import { DecodeError } from '../../../base/errors.ts';
import type { Attribute } from '../../netlink/reader.ts';

/** The counters of struct rtnl_link_stats64, in its order; each is a u64. */
const required = [
  'rxPackets',
  'txPackets',
  'rxBytes',
  'txBytes',
  'rxErrors',
  'txErrors',
  'rxDropped',
  'txDropped',
  'multicast',
  'collisions',
  'rxLengthErrors',
  'rxOverErrors',
  'rxCrcErrors',
  'rxFrameErrors',
  'rxFifoErrors',
  'rxMissedErrors',
  'txAbortedErrors',
  'txCarrierErrors',
  'txFifoErrors',
  'txHeartbeatErrors',
  'txWindowErrors',
  'rxCompressed',
  'txCompressed',
  'rxNoHandler',
] as const;

export interface LinkStatistics extends Readonly<Record<(typeof required)[number], bigint>> {
  /** Frames for another destination address. Since Linux 5.19. */
  readonly rxOtherHostDropped?: bigint;
}

export function decodeStatistics({ payload }: Attribute): LinkStatistics {
  if (payload.length < required.length * 8) {
    throw new DecodeError(`rtnl_link_stats64 of ${payload.length} bytes`);
  }
  const counters = Object.fromEntries(
    required.map((name, index) => [name, payload.readBigUInt64LE(index * 8)]),
  ) as Record<(typeof required)[number], bigint>;
  const next = required.length * 8;
  return payload.length < next + 8 ? counters : { ...counters, rxOtherHostDropped: payload.readBigUInt64LE(next) };
}
