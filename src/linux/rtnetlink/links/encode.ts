import { NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL } from '../../netlink/constants.ts';
import type { NetlinkRequest } from '../../netlink/exchange.ts';
import { EncodeError } from '../../netlink/writer.ts';
import {
  IFLA_IFALIAS,
  IFLA_INFO_KIND,
  IFLA_LINKINFO,
  IFLA_MASTER,
  IFLA_LINK,
  IFLA_EXT_MASK,
  IFLA_PROP_LIST,
  IFLA_NUM_RX_QUEUES,
  IFLA_NUM_TX_QUEUES,
  RTM_DELLINK,
  RTM_DELLINKPROP,
  RTM_NEWLINKPROP,
  RTM_GETLINK,
  RTM_NEWLINK,
  RTEXT_FILTER_VF,
} from '../constants.ts';
import { encodeVirtualFunctions } from './virtual-functions.ts';
import type { LinkChange, LinkRef, LinkSpec } from './types.ts';
import {
  describeLinkRef,
  encodeAddressGeneration,
  encodeAlternativeName,
  encodeChangedInfo,
  encodeHeader,
  encodeKindData,
  encodeName,
  encodeRef,
  encodeSettings,
} from './attributes.ts';

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
