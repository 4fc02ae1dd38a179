import { type Attribute, findAttribute, readU32, readU8 } from '../../../netlink/reader.ts';
import {
  IFLA_TUN_GROUP,
  IFLA_TUN_MULTI_QUEUE,
  IFLA_TUN_NUM_DISABLED_QUEUES,
  IFLA_TUN_NUM_QUEUES,
  IFLA_TUN_OWNER,
  IFLA_TUN_PERSIST,
  IFLA_TUN_PI,
  IFLA_TUN_TYPE,
  IFLA_TUN_VNET_HDR,
} from '../../constants.ts';
import type { LinkKind } from './kind.ts';

/** IFLA_TUN_...: only reported; TAP devices are made through /dev/net/tun. */
export interface TunAttributes {
  readonly type: 'tun' | 'tap';
  readonly owner?: number;
  readonly group?: number;
  readonly packetInformation: boolean;
  readonly vnetHdr: boolean;
  readonly persist: boolean;
  readonly multiQueue: boolean;
  readonly queues?: number;
  readonly disabledQueues?: number;
}

/** IFF_TAP of linux/if_tun.h. */
const IFF_TAP = 2;

export const tun: LinkKind<TunAttributes> = { decode: decodeTun };

function decodeTun(attributes: readonly Attribute[]): TunAttributes {
  const number = (type: number): number | undefined => {
    const attribute = findAttribute(attributes, type);
    return attribute === undefined ? undefined : readU32(attribute);
  };
  const flag = (type: number): boolean => {
    const attribute = findAttribute(attributes, type);
    return attribute !== undefined && readU8(attribute) !== 0;
  };
  const type = findAttribute(attributes, IFLA_TUN_TYPE);
  const owner = number(IFLA_TUN_OWNER);
  const group = number(IFLA_TUN_GROUP);
  const queues = number(IFLA_TUN_NUM_QUEUES);
  const disabledQueues = number(IFLA_TUN_NUM_DISABLED_QUEUES);
  return {
    type: type !== undefined && readU8(type) === IFF_TAP ? 'tap' : 'tun',
    packetInformation: flag(IFLA_TUN_PI),
    vnetHdr: flag(IFLA_TUN_VNET_HDR),
    persist: flag(IFLA_TUN_PERSIST),
    multiQueue: flag(IFLA_TUN_MULTI_QUEUE),
    ...(owner === undefined ? {} : { owner }),
    ...(group === undefined ? {} : { group }),
    ...(queues === undefined ? {} : { queues }),
    ...(disabledQueues === undefined ? {} : { disabledQueues }),
  };
}
