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
  IFLA_IFNAME,
  IFLA_INET6_ADDR_GEN_MODE,
  IFLA_INFO_DATA,
  IFLA_INFO_KIND,
  IFLA_INFO_SLAVE_DATA,
  IFLA_INFO_SLAVE_KIND,
  IFLA_LINKINFO,
  IFLA_MASTER,
  IFLA_MTU,
  IFLA_NET_NS_FD,
  IFLA_NET_NS_PID,
  IFLA_TXQLEN,
  VETH_INFO_PEER,
} from '../constants.ts';
import { IFF_NOARP, IFF_PROMISC } from './constants.ts';
import { bridgePort as bridgePortKind } from './kinds/bridge-port.ts';
import { findLinkKind, linkKinds } from './kinds/table.ts';
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

type LinkFlags = Pick<LinkSettings, 'up' | 'promiscuous' | 'arp'>;

/** struct ifinfomsg: u8 family, u8 pad, u16 type, i32 index, u32 flags, u32 change mask. */
export function encodeHeader(writer: MessageWriter, index: number, settings: LinkFlags = {}): void {
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

export function encodeRef(writer: MessageWriter, ref: LinkRef, settings: LinkFlags = {}): void {
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

export function encodeName(writer: MessageWriter, name: string): void {
  if (name === '' || Buffer.byteLength(name) > NAME_LIMIT) {
    throw new EncodeError(`link name ${JSON.stringify(name)}: 1 to ${NAME_LIMIT} bytes`);
  }
  writer.stringAttribute(IFLA_IFNAME, name);
}

export function encodeAlternativeName(writer: MessageWriter, name: string): void {
  if (name === '' || Buffer.byteLength(name) > ALTERNATIVE_NAME_LIMIT) {
    throw new EncodeError(`alternative link name ${JSON.stringify(name)}: 1 to ${ALTERNATIVE_NAME_LIMIT} bytes`);
  }
  writer.stringAttribute(IFLA_ALT_IFNAME, name);
}

export function encodeSettings(writer: MessageWriter, settings: LinkSettings): void {
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

export function encodeKindData(writer: MessageWriter, spec: LinkSpec): void {
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

export function encodeAddressGeneration(writer: MessageWriter, change: LinkChange): void {
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

export function encodeChangedInfo(writer: MessageWriter, change: LinkChange): void {
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
