import { macvlan } from './macvlan.ts';

/** A macvlan whose frames are read from /dev/tapN, N the link's index; the attributes are those of macvlan. */
export const macvtap = macvlan;
