/** Payload of NFT_MSG_NEWCHAIN and NFT_MSG_DELCHAIN, both ways. */
import { DecodeError } from '../../base/errors.ts';
import {
  type Attribute,
  decodeAttributes,
  findAttribute,
  nestedAttributes,
  readI32be,
  readString,
  readU64be,
} from '../netlink/reader.ts';
import { EncodeError, type MessageWriter } from '../netlink/writer.ts';
import {
  NFT_CHAIN_HW_OFFLOAD,
  NFTA_CHAIN_FLAGS,
  NFTA_CHAIN_HANDLE,
  NFTA_CHAIN_HOOK,
  NFTA_CHAIN_NAME,
  NFTA_CHAIN_POLICY,
  NFTA_CHAIN_TABLE,
  NFTA_CHAIN_TYPE,
  NFTA_CHAIN_USERDATA,
  NFTA_DEVICE_NAME,
  NFTA_DEVICE_PREFIX,
  NFTA_HOOK_DEV,
  NFTA_HOOK_DEVS,
  NFTA_HOOK_HOOKNUM,
  NFTA_HOOK_PRIORITY,
} from './constants.ts';
import { decodeName, needAttribute, needU32be, optionalU32be } from './expressions/codec.ts';
import { decodeFamilyHeader, NFGENMSG_SIZE } from './header.ts';
import type { BaseChain, Chain, Family, Hook, TableRef } from './types.ts';
import { decodeComment, encodeComment } from './user-data.ts';

/** enum nf_inet_hooks; bridges number theirs alike (linux/netfilter_bridge.h). */
const inetHooks: readonly Hook[] = ['prerouting', 'input', 'forward', 'output', 'postrouting', 'ingress'];
/** NF_ARP_... and enum nf_dev_hooks. */
const otherHooks: { readonly [F in Family]?: readonly Hook[] } = {
  arp: ['input', 'output'],
  netdev: ['ingress', 'egress'],
};
/** NF_DROP, NF_ACCEPT. */
const policies = ['drop', 'accept'] as const;
const chainTypes = ['filter', 'nat', 'route'] as const;

function hooksOf(family: Family | undefined): readonly Hook[] {
  return (family === undefined ? undefined : otherHooks[family]) ?? inetHooks;
}

export function encodeChain(writer: MessageWriter, table: TableRef, chain: Omit<Chain, 'rules'>): void {
  const { base } = chain;
  writer.stringAttribute(NFTA_CHAIN_TABLE, table.name);
  writer.stringAttribute(NFTA_CHAIN_NAME, chain.name);
  if (base !== undefined) {
    const hook = hooksOf(table.family).indexOf(base.hook);
    if (hook < 0) {
      throw new EncodeError(`chain ${JSON.stringify(chain.name)}: family ${table.family} has no hook ${base.hook}`);
    }
    writer.nested(NFTA_CHAIN_HOOK, () => {
      writer.u32beAttribute(NFTA_HOOK_HOOKNUM, hook);
      writer.i32beAttribute(NFTA_HOOK_PRIORITY, base.priority);
      encodeDevices(writer, base.devices ?? []);
    });
    writer.u32beAttribute(NFTA_CHAIN_POLICY, policies.indexOf(base.policy));
    writer.stringAttribute(NFTA_CHAIN_TYPE, base.type);
    if (base.offload === true) {
      writer.u32beAttribute(NFTA_CHAIN_FLAGS, NFT_CHAIN_HW_OFFLOAD);
    }
  }
  encodeComment(writer, NFTA_CHAIN_USERDATA, chain.comment);
}

/** One plain name goes into NFTA_HOOK_DEV, which every kernel knows; more, or a pattern, into a list. */
function encodeDevices(writer: MessageWriter, devices: readonly string[]): void {
  const [first] = devices;
  if (first === undefined) {
    return;
  }
  if (devices.length === 1 && !first.endsWith('*')) {
    writer.stringAttribute(NFTA_HOOK_DEV, first);
    return;
  }
  writer.nested(NFTA_HOOK_DEVS, () => {
    for (const device of devices) {
      if (device.endsWith('*')) {
        writer.stringAttribute(NFTA_DEVICE_PREFIX, device.slice(0, -1));
      } else {
        writer.stringAttribute(NFTA_DEVICE_NAME, device);
      }
    }
  });
}

/** A chain without its rules, and the table it is in. Throws DecodeError. */
export function decodeChain(payload: Buffer): {
  readonly table: string;
  readonly chain: Omit<Chain, 'rules'>;
  readonly handle?: bigint;
} {
  const family = decodeFamilyHeader(payload);
  const attributes = decodeAttributes(payload.subarray(NFGENMSG_SIZE));
  const handle = findAttribute(attributes, NFTA_CHAIN_HANDLE);
  const base = decodeBase(attributes, family);
  return {
    table: readString(needAttribute(attributes, NFTA_CHAIN_TABLE, 'chain')),
    chain: {
      name: readString(needAttribute(attributes, NFTA_CHAIN_NAME, 'chain')),
      ...(base === undefined ? {} : { base }),
      ...decodeComment(attributes, NFTA_CHAIN_USERDATA),
    },
    ...(handle === undefined ? {} : { handle: readU64be(handle) }),
  };
}

function decodeBase(attributes: readonly Attribute[], family: Family | undefined): BaseChain | undefined {
  const hook = findAttribute(attributes, NFTA_CHAIN_HOOK);
  const typeAttribute = findAttribute(attributes, NFTA_CHAIN_TYPE);
  if (hook === undefined || typeAttribute === undefined) {
    return undefined;
  }
  const place = nestedAttributes(hook);
  const number = needU32be(place, NFTA_HOOK_HOOKNUM, 'hook');
  const name = hooksOf(family)[number];
  if (name === undefined) {
    throw new DecodeError(`hook ${number} of family ${family ?? 'unknown'}`);
  }
  const type = readString(typeAttribute);
  const devices = decodeDevices(place);
  const offload = ((optionalU32be(attributes, NFTA_CHAIN_FLAGS) ?? 0) & NFT_CHAIN_HW_OFFLOAD) !== 0;
  return {
    type: decodeName(chainTypes, chainTypes.indexOf(type as BaseChain['type']), `chain type ${type}`),
    hook: name,
    priority: readI32be(needAttribute(place, NFTA_HOOK_PRIORITY, 'hook')),
    policy: decodeName(policies, needU32be(attributes, NFTA_CHAIN_POLICY, 'chain'), 'policy'),
    ...(devices.length === 0 ? {} : { devices }),
    ...(offload ? { offload } : {}),
  };
}

function decodeDevices(place: readonly Attribute[]): string[] {
  const list = findAttribute(place, NFTA_HOOK_DEVS);
  if (list !== undefined) {
    return nestedAttributes(list).flatMap((attribute) =>
      attribute.type === NFTA_DEVICE_NAME
        ? [readString(attribute)]
        : attribute.type === NFTA_DEVICE_PREFIX
          ? [`${readString(attribute)}*`]
          : [],
    );
  }
  const single = findAttribute(place, NFTA_HOOK_DEV);
  return single === undefined ? [] : [readString(single)];
}
