import { NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL } from '../../netlink/constants.ts';
import type { NetlinkRequest } from '../../netlink/exchange.ts';
import { encodeMacAddress } from '../../netlink/ip-address.ts';
import { EncodeError, type MessageWriter } from '../../netlink/writer.ts';
import {
  AF_INET6,
  AF_UNSPEC,
  IFF_UP,
  IFLA_ADDRESS,
  IFLA_ALT_IFNAME,
  IFLA_AF_SPEC,
  IFLA_GROUP,
  IFLA_IFALIAS,
  IFLA_IFNAME,
  IFLA_INET6_ADDR_GEN_MODE,
  IFLA_INFO_DATA,
  IFLA_INFO_KIND,
  IFLA_INFO_SLAVE_DATA,
  IFLA_INFO_SLAVE_KIND,
  IFLA_LINKINFO,
  IFLA_MASTER,
  IFLA_LINK,
  IFLA_MTU,
  IFLA_EXT_MASK,
  IFLA_NET_NS_FD,
  IFLA_NET_NS_PID,
  IFLA_PROP_LIST,
  IFLA_NUM_RX_QUEUES,
  IFLA_NUM_TX_QUEUES,
  IFLA_TXQLEN,
  RTM_DELLINK,
  RTM_DELLINKPROP,
  RTM_NEWLINKPROP,
  RTM_GETLINK,
  RTM_NEWLINK,
  RTEXT_FILTER_VF,
  VETH_INFO_PEER,
} from '../constants.ts';
import { IFF_NOARP, IFF_PROMISC } from './constants.ts';
import { bridgePort as bridgePortKind } from './kinds/bridge-port.ts';
import { findLinkKind, linkKinds } from './kinds/table.ts';
import { encodeVirtualFunctions } from './virtual-functions.ts';
import type { LinkChange, LinkRef, LinkSettings, LinkSpec } from './types.ts';

/** IFNAMSIZ of linux/if.h less the NUL. */
const NAME_LIMIT = 15;
/** ALTIFNAMSIZ of linux/if.h less the NUL. */
const ALTERNATIVE_NAME_LIMIT = 127;
/** enum in6_addr_gen_mode. */
const addressGenerationModes = ['eui64', 'none', 'stable-privacy', 'random'] as const;

/** `link "tap0"` or `link 7`. */
export function describeLinkRef(ref: LinkRef): string {
  return 'name' in ref ? `link ${JSON.stringify(ref.name)}` : `link ${ref.index}`;
}

/** RTM_NEWLINK that makes a link; refused with EEXIST when the name is taken. */
export function createLinkRequest(spec: LinkSpec): NetlinkRequest {
  return {
    op: 'RTM_NEWLINK',
    target: `${spec.kind} ${describeLinkRef(spec)}`,
    type: RTM_NEWLINK,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    encode(writer) {
      encodeHeader(writer, spec.index ?? 0, spec);
      encodeName(writer, spec.name);
      encodeSettings(writer, spec);
      if (spec.link !== undefined) {
        writer.u32Attribute(IFLA_LINK, spec.link);
      }
      if (spec.txQueues !== undefined) {
        writer.u32Attribute(IFLA_NUM_TX_QUEUES, spec.txQueues);
      }
      if (spec.rxQueues !== undefined) {
        writer.u32Attribute(IFLA_NUM_RX_QUEUES, spec.rxQueues);
      }
      writer.nested(IFLA_LINKINFO, () => {
        writer.stringAttribute(IFLA_INFO_KIND, spec.kind);
        encodeKindData(writer, spec);
      });
    },
  };
}

/** RTM_NEWLINK without NLM_F_CREATE: changes only the fields present. A bridge port's fields go with the link's own. */
export function changeLinkRequest(ref: LinkRef, change: LinkChange): NetlinkRequest {
  return {
    op: 'RTM_NEWLINK',
    target: describeLinkRef(ref),
    type: RTM_NEWLINK,
    flags: 0,
    encode(writer) {
      encodeRef(writer, ref, change);
      if (change.name !== undefined) {
        if (!('index' in ref)) {
          throw new EncodeError(`rename of ${describeLinkRef(ref)}: name it by its index`);
        }
        encodeName(writer, change.name);
      }
      if (change.alias !== undefined) {
        writer.stringAttribute(IFLA_IFALIAS, change.alias);
      }
      encodeSettings(writer, change);
      encodeAddressGeneration(writer, change);
      encodeChangedInfo(writer, change);
      if (change.virtualFunctions !== undefined) {
        encodeVirtualFunctions(writer, change.virtualFunctions);
      }
    },
  };
}

export function deleteLinkRequest(ref: LinkRef): NetlinkRequest {
  return {
    op: 'RTM_DELLINK',
    target: describeLinkRef(ref),
    type: RTM_DELLINK,
    flags: 0,
    encode: (writer) => encodeRef(writer, ref),
  };
}

/** RTM_NEWLINKPROP: further names of a link. Since Linux 5.5. */
export function addAlternativeNamesRequest(ref: LinkRef, names: readonly string[]): NetlinkRequest {
  return alternativeNamesRequest(ref, names, { op: 'RTM_NEWLINKPROP', type: RTM_NEWLINKPROP, flags: ADD_NAME_FLAGS });
}

export function deleteAlternativeNamesRequest(ref: LinkRef, names: readonly string[]): NetlinkRequest {
  return alternativeNamesRequest(ref, names, { op: 'RTM_DELLINKPROP', type: RTM_DELLINKPROP, flags: 0 });
}

const ADD_NAME_FLAGS = NLM_F_CREATE | NLM_F_EXCL | NLM_F_APPEND;

function alternativeNamesRequest(
  ref: LinkRef,
  names: readonly string[],
  message: Pick<NetlinkRequest, 'op' | 'type' | 'flags'>,
): NetlinkRequest {
  return {
    ...message,
    target: `${describeLinkRef(ref)} alternative names ${names.join(', ')}`,
    encode(writer) {
      encodeRef(writer, ref);
      writer.nested(IFLA_PROP_LIST, () => {
        for (const name of names) {
          encodeAlternativeName(writer, name);
        }
      });
    },
  };
}

/** RTM_GETLINK of one link; with `virtualFunctions` what is set for its SR-IOV virtual functions too. */
export function getLinkRequest(ref: LinkRef, options: { readonly virtualFunctions?: boolean } = {}): NetlinkRequest {
  return {
    op: 'RTM_GETLINK',
    target: describeLinkRef(ref),
    type: RTM_GETLINK,
    flags: 0,
    encode(writer) {
      encodeRef(writer, ref);
      if (options.virtualFunctions === true) {
        writer.u32Attribute(IFLA_EXT_MASK, RTEXT_FILTER_VF);
      }
    },
  };
}

/** RTM_GETLINK dump, of all links or of the ports of one master. */
export function listLinksRequest(filter: { readonly master?: number } = {}): NetlinkRequest {
  return {
    op: 'RTM_GETLINK',
    target: 'links',
    type: RTM_GETLINK,
    flags: 0,
    encode(writer) {
      encodeHeader(writer, 0);
      if (filter.master !== undefined) {
        writer.u32Attribute(IFLA_MASTER, filter.master);
      }
    },
  };
}

type LinkFlags = Pick<LinkSettings, 'up' | 'promiscuous' | 'arp'>;

/** struct ifinfomsg: u8 family, u8 pad, u16 type, i32 index, u32 flags, u32 change mask. */
function encodeHeader(writer: MessageWriter, index: number, settings: LinkFlags = {}): void {
  const { up, promiscuous, arp } = settings;
  const flags = (up === true ? IFF_UP : 0) | (promiscuous === true ? IFF_PROMISC : 0) | (arp === false ? IFF_NOARP : 0);
  const mask =
    (up === undefined ? 0 : IFF_UP) |
    (promiscuous === undefined ? 0 : IFF_PROMISC) |
    (arp === undefined ? 0 : IFF_NOARP);
  writer.u8(AF_UNSPEC);
  writer.u8(0);
  writer.u16(0);
  writer.i32(index);
  writer.u32(flags);
  writer.u32(mask);
}

function encodeRef(writer: MessageWriter, ref: LinkRef, settings: LinkFlags = {}): void {
  if ('index' in ref) {
    if (ref.index <= 0) {
      throw new EncodeError(`link index ${ref.index}`);
    }
    encodeHeader(writer, ref.index, settings);
  } else {
    encodeHeader(writer, 0, settings);
    if (Buffer.byteLength(ref.name) > NAME_LIMIT) {
      encodeAlternativeName(writer, ref.name);
    } else {
      encodeName(writer, ref.name);
    }
  }
}

function encodeName(writer: MessageWriter, name: string): void {
  if (name === '' || Buffer.byteLength(name) > NAME_LIMIT) {
    throw new EncodeError(`link name ${JSON.stringify(name)}: 1 to ${NAME_LIMIT} bytes`);
  }
  writer.stringAttribute(IFLA_IFNAME, name);
}

function encodeAlternativeName(writer: MessageWriter, name: string): void {
  if (name === '' || Buffer.byteLength(name) > ALTERNATIVE_NAME_LIMIT) {
    throw new EncodeError(`alternative link name ${JSON.stringify(name)}: 1 to ${ALTERNATIVE_NAME_LIMIT} bytes`);
  }
  writer.stringAttribute(IFLA_ALT_IFNAME, name);
}

function encodeSettings(writer: MessageWriter, settings: LinkSettings): void {
  if (settings.mtu !== undefined) {
    writer.u32Attribute(IFLA_MTU, settings.mtu);
  }
  if (settings.address !== undefined) {
    writer.bytesAttribute(IFLA_ADDRESS, encodeMacAddress(settings.address));
  }
  if (settings.master !== undefined) {
    writer.u32Attribute(IFLA_MASTER, settings.master);
  }
  if (settings.netns !== undefined) {
    writer.u32Attribute(IFLA_NET_NS_FD, settings.netns.value);
  }
  if (settings.netnsPid !== undefined) {
    writer.u32Attribute(IFLA_NET_NS_PID, settings.netnsPid);
  }
  if (settings.group !== undefined) {
    writer.u32Attribute(IFLA_GROUP, settings.group);
  }
  if (settings.txQueueLength !== undefined) {
    writer.u32Attribute(IFLA_TXQLEN, settings.txQueueLength);
  }
}

function encodeKindData(writer: MessageWriter, spec: LinkSpec): void {
  const { data, peer } = spec;
  const given = givenKind(spec);
  if (given !== undefined && given.name !== spec.kind) {
    throw new EncodeError(`${given.name} attributes for ${spec.kind} ${describeLinkRef(spec)}`);
  }
  if (given !== undefined) {
    writer.nested(IFLA_INFO_DATA, () => given.encode(writer));
  } else if (peer !== undefined) {
    writer.nested(IFLA_INFO_DATA, () => {
      writer.nested(VETH_INFO_PEER, () => {
        encodeHeader(writer, peer.index ?? 0);
        encodeName(writer, peer.name);
        encodeSettings(writer, peer);
      });
    });
  } else if (data !== undefined) {
    writer.bytesAttribute(IFLA_INFO_DATA, Buffer.from(data, 'hex'));
  }
}

/** The one kind whose attributes are given. A link has one kind, so two are an error. */
function givenKind(
  settings: LinkSettings,
): { readonly name: string; readonly encode: (writer: MessageWriter) => void } | undefined {
  const names = Object.keys(linkKinds).filter((name) => settings[name as keyof LinkSettings] !== undefined);
  const [name, ...more] = names;
  if (name === undefined) {
    return undefined;
  }
  const encode = findLinkKind(name)?.encode;
  if (more.length > 0 || encode === undefined) {
    throw new EncodeError(`attributes of ${names.join(', ')}: one kind that can be written is needed`);
  }
  return { name, encode: (writer) => encode(writer, settings[name as keyof LinkSettings]) };
}

function encodeAddressGeneration(writer: MessageWriter, change: LinkChange): void {
  const mode = change.ipv6AddressGeneration;
  if (mode === undefined) {
    return;
  }
  writer.nested(IFLA_AF_SPEC, () => {
    writer.nested(AF_INET6, () => {
      writer.u8Attribute(IFLA_INET6_ADDR_GEN_MODE, addressGenerationModes.indexOf(mode));
    });
  });
}

function encodeChangedInfo(writer: MessageWriter, change: LinkChange): void {
  const { bridgePort } = change;
  const given = givenKind(change);
  if (given === undefined && bridgePort === undefined) {
    return;
  }
  writer.nested(IFLA_LINKINFO, () => {
    if (given !== undefined) {
      writer.stringAttribute(IFLA_INFO_KIND, given.name);
      writer.nested(IFLA_INFO_DATA, () => given.encode(writer));
    }
    if (bridgePort !== undefined) {
      writer.stringAttribute(IFLA_INFO_SLAVE_KIND, 'bridge');
      writer.nested(IFLA_INFO_SLAVE_DATA, () => bridgePortKind.encode(writer, bridgePort));
    }
  });
}
