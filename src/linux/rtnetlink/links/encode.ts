import { NLM_F_CREATE, NLM_F_EXCL } from '../../netlink/constants.ts';
import type { NetlinkRequest } from '../../netlink/exchange.ts';
import { encodeMacAddress } from '../../netlink/ip-address.ts';
import { EncodeError, type MessageWriter } from '../../netlink/writer.ts';
import {
  AF_INET6,
  AF_UNSPEC,
  IFF_UP,
  IFLA_ADDRESS,
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
  IFLA_MTU,
  IFLA_NET_NS_FD,
  IFLA_NUM_RX_QUEUES,
  IFLA_NUM_TX_QUEUES,
  IFLA_TXQLEN,
  RTM_DELLINK,
  RTM_GETLINK,
  RTM_NEWLINK,
  VETH_INFO_PEER,
} from '../constants.ts';
import { encodeBridgePort } from './bridge-port.ts';
import { encodeBridge } from './bridge.ts';
import type { LinkChange, LinkRef, LinkSettings, LinkSpec } from './types.ts';

/** IFNAMSIZ of linux/if.h less the NUL. */
const NAME_LIMIT = 15;
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
      encodeHeader(writer, { index: spec.index ?? 0, up: spec.up });
      encodeName(writer, spec.name);
      encodeSettings(writer, spec);
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
      encodeRef(writer, ref, change.up);
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
    },
  };
}

export function deleteLinkRequest(ref: LinkRef): NetlinkRequest {
  return {
    op: 'RTM_DELLINK',
    target: describeLinkRef(ref),
    type: RTM_DELLINK,
    flags: 0,
    encode: (writer) => encodeRef(writer, ref, undefined),
  };
}

/** RTM_GETLINK of one link. */
export function getLinkRequest(ref: LinkRef): NetlinkRequest {
  return {
    op: 'RTM_GETLINK',
    target: describeLinkRef(ref),
    type: RTM_GETLINK,
    flags: 0,
    encode: (writer) => encodeRef(writer, ref, undefined),
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
      encodeHeader(writer, { index: 0, up: undefined });
      if (filter.master !== undefined) {
        writer.u32Attribute(IFLA_MASTER, filter.master);
      }
    },
  };
}

/** struct ifinfomsg: u8 family, u8 pad, u16 type, i32 index, u32 flags, u32 change mask. */
function encodeHeader(
  writer: MessageWriter,
  header: { readonly index: number; readonly up: boolean | undefined },
): void {
  writer.u8(AF_UNSPEC);
  writer.u8(0);
  writer.u16(0);
  writer.i32(header.index);
  writer.u32(header.up === true ? IFF_UP : 0);
  writer.u32(header.up === undefined ? 0 : IFF_UP);
}

function encodeRef(writer: MessageWriter, ref: LinkRef, up: boolean | undefined): void {
  if ('index' in ref) {
    if (ref.index <= 0) {
      throw new EncodeError(`link index ${ref.index}`);
    }
    encodeHeader(writer, { index: ref.index, up });
  } else {
    encodeHeader(writer, { index: 0, up });
    encodeName(writer, ref.name);
  }
}

function encodeName(writer: MessageWriter, name: string): void {
  if (name === '' || Buffer.byteLength(name) > NAME_LIMIT) {
    throw new EncodeError(`link name ${JSON.stringify(name)}: 1 to ${NAME_LIMIT} bytes`);
  }
  writer.stringAttribute(IFLA_IFNAME, name);
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
  if (settings.group !== undefined) {
    writer.u32Attribute(IFLA_GROUP, settings.group);
  }
  if (settings.txQueueLength !== undefined) {
    writer.u32Attribute(IFLA_TXQLEN, settings.txQueueLength);
  }
}

function encodeKindData(writer: MessageWriter, spec: LinkSpec): void {
  const { bridge, data, peer } = spec;
  if (bridge !== undefined) {
    writer.nested(IFLA_INFO_DATA, () => encodeBridge(writer, bridge));
  } else if (peer !== undefined) {
    writer.nested(IFLA_INFO_DATA, () => {
      writer.nested(VETH_INFO_PEER, () => {
        encodeHeader(writer, { index: peer.index ?? 0, up: undefined });
        encodeName(writer, peer.name);
        encodeSettings(writer, peer);
      });
    });
  } else if (data !== undefined) {
    writer.bytesAttribute(IFLA_INFO_DATA, Buffer.from(data, 'hex'));
  }
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
  const { bridge, bridgePort } = change;
  if (bridge === undefined && bridgePort === undefined) {
    return;
  }
  writer.nested(IFLA_LINKINFO, () => {
    if (bridge !== undefined) {
      writer.stringAttribute(IFLA_INFO_KIND, 'bridge');
      writer.nested(IFLA_INFO_DATA, () => encodeBridge(writer, bridge));
    }
    if (bridgePort !== undefined) {
      writer.stringAttribute(IFLA_INFO_SLAVE_KIND, 'bridge');
      writer.nested(IFLA_INFO_SLAVE_DATA, () => encodeBridgePort(writer, bridgePort));
    }
  });
}
