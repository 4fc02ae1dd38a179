import { NETLINK_NETFILTER, NETLINK_ROUTE } from './constants.ts';

/**
 * What a trace knows of the families: names of messages and attributes, and how to show a value. Only for people to
 * read; the codecs of the families do not use it. A value without an entry is shown as hexadecimal.
 */
export interface MessageFormat {
  /** UAPI name. */
  readonly name: string;
  /** Bytes of the family's header before the attributes. */
  readonly headerBytes: number;
  readonly attributes: AttributeFormats;
}

export type ValueFormat = 'u8' | 'u16' | 'u32' | 'i32' | 'u32be' | 'u64be' | 'text' | 'mac' | 'ip' | 'hex';
export type AttributeFormats = Readonly<
  Record<number, readonly [name: string, format: ValueFormat | AttributeFormats]>
>;

const linkInfo: AttributeFormats = {
  1: ['IFLA_INFO_KIND', 'text'],
  2: ['IFLA_INFO_DATA', {}],
  4: ['IFLA_INFO_SLAVE_KIND', 'text'],
  5: ['IFLA_INFO_SLAVE_DATA', {}],
};

const link: AttributeFormats = {
  1: ['IFLA_ADDRESS', 'mac'],
  2: ['IFLA_BROADCAST', 'mac'],
  3: ['IFLA_IFNAME', 'text'],
  4: ['IFLA_MTU', 'u32'],
  5: ['IFLA_LINK', 'i32'],
  6: ['IFLA_QDISC', 'text'],
  10: ['IFLA_MASTER', 'u32'],
  12: ['IFLA_PROTINFO', {}],
  13: ['IFLA_TXQLEN', 'u32'],
  16: ['IFLA_OPERSTATE', 'u8'],
  18: ['IFLA_LINKINFO', linkInfo],
  19: ['IFLA_NET_NS_PID', 'u32'],
  20: ['IFLA_IFALIAS', 'text'],
  21: ['IFLA_NUM_VF', 'u32'],
  22: ['IFLA_VFINFO_LIST', { 1: ['IFLA_VF_INFO', {}] }],
  26: ['IFLA_AF_SPEC', {}],
  27: ['IFLA_GROUP', 'u32'],
  28: ['IFLA_NET_NS_FD', 'i32'],
  29: ['IFLA_EXT_MASK', 'u32'],
  30: ['IFLA_PROMISCUITY', 'u32'],
  31: ['IFLA_NUM_TX_QUEUES', 'u32'],
  32: ['IFLA_NUM_RX_QUEUES', 'u32'],
  33: ['IFLA_CARRIER', 'u8'],
  37: ['IFLA_LINK_NETNSID', 'i32'],
  52: ['IFLA_PROP_LIST', { 53: ['IFLA_ALT_IFNAME', 'text'] }],
  53: ['IFLA_ALT_IFNAME', 'text'],
};

const address: AttributeFormats = {
  1: ['IFA_ADDRESS', 'ip'],
  2: ['IFA_LOCAL', 'ip'],
  3: ['IFA_LABEL', 'text'],
  4: ['IFA_BROADCAST', 'ip'],
  8: ['IFA_FLAGS', 'u32'],
};

const route: AttributeFormats = {
  1: ['RTA_DST', 'ip'],
  2: ['RTA_SRC', 'ip'],
  3: ['RTA_IIF', 'u32'],
  4: ['RTA_OIF', 'u32'],
  5: ['RTA_GATEWAY', 'ip'],
  6: ['RTA_PRIORITY', 'u32'],
  7: ['RTA_PREFSRC', 'ip'],
  8: ['RTA_METRICS', {}],
  15: ['RTA_TABLE', 'u32'],
};

const neighbour: AttributeFormats = {
  1: ['NDA_DST', 'ip'],
  2: ['NDA_LLADDR', 'mac'],
  5: ['NDA_VLAN', 'u16'],
  9: ['NDA_MASTER', 'u32'],
};

const rule: AttributeFormats = {
  1: ['FRA_DST', 'ip'],
  2: ['FRA_SRC', 'ip'],
  3: ['FRA_IIFNAME', 'text'],
  4: ['FRA_GOTO', 'u32'],
  6: ['FRA_PRIORITY', 'u32'],
  10: ['FRA_FWMARK', 'u32'],
  15: ['FRA_TABLE', 'u32'],
  16: ['FRA_FWMASK', 'u32'],
  17: ['FRA_OIFNAME', 'text'],
};

const namespaceId: AttributeFormats = {
  1: ['NETNSA_NSID', 'i32'],
  2: ['NETNSA_PID', 'u32'],
  3: ['NETNSA_FD', 'u32'],
};

/** NEW, DEL and GET of an object are numbered one after the other. */
function triple(
  first: number,
  object: string,
  headerBytes: number,
  attributes: AttributeFormats,
): readonly (readonly [number, MessageFormat])[] {
  return ['NEW', 'DEL', 'GET'].map((verb, index) => [
    first + index,
    { name: `RTM_${verb}${object}`, headerBytes, attributes },
  ]);
}

const routeMessages = new Map<number, MessageFormat>([
  ...triple(16, 'LINK', 16, link),
  [19, { name: 'RTM_SETLINK', headerBytes: 16, attributes: link }],
  ...triple(20, 'ADDR', 8, address),
  ...triple(24, 'ROUTE', 12, route),
  ...triple(28, 'NEIGH', 12, neighbour),
  ...triple(32, 'RULE', 12, rule),
  ...triple(88, 'NSID', 4, namespaceId),
  ...triple(108, 'LINKPROP', 16, link),
]);

const expressions: AttributeFormats = {
  1: ['NFTA_LIST_ELEM', { 1: ['NFTA_EXPR_NAME', 'text'], 2: ['NFTA_EXPR_DATA', {}] }],
};

const table: AttributeFormats = {
  1: ['NFTA_TABLE_NAME', 'text'],
  2: ['NFTA_TABLE_FLAGS', 'u32be'],
  3: ['NFTA_TABLE_USE', 'u32be'],
  4: ['NFTA_TABLE_HANDLE', 'u64be'],
};

const chain: AttributeFormats = {
  1: ['NFTA_CHAIN_TABLE', 'text'],
  2: ['NFTA_CHAIN_HANDLE', 'u64be'],
  3: ['NFTA_CHAIN_NAME', 'text'],
  4: ['NFTA_CHAIN_HOOK', { 1: ['NFTA_HOOK_HOOKNUM', 'u32be'], 2: ['NFTA_HOOK_PRIORITY', 'u32be'] }],
  5: ['NFTA_CHAIN_POLICY', 'u32be'],
  7: ['NFTA_CHAIN_TYPE', 'text'],
};

const nftRule: AttributeFormats = {
  1: ['NFTA_RULE_TABLE', 'text'],
  2: ['NFTA_RULE_CHAIN', 'text'],
  3: ['NFTA_RULE_HANDLE', 'u64be'],
  4: ['NFTA_RULE_EXPRESSIONS', expressions],
  6: ['NFTA_RULE_POSITION', 'u64be'],
};

const set: AttributeFormats = {
  1: ['NFTA_SET_TABLE', 'text'],
  2: ['NFTA_SET_NAME', 'text'],
  3: ['NFTA_SET_FLAGS', 'u32be'],
  4: ['NFTA_SET_KEY_TYPE', 'u32be'],
  5: ['NFTA_SET_KEY_LEN', 'u32be'],
};

const setElements: AttributeFormats = {
  1: ['NFTA_SET_ELEM_LIST_TABLE', 'text'],
  2: ['NFTA_SET_ELEM_LIST_SET', 'text'],
  3: ['NFTA_SET_ELEM_LIST_ELEMENTS', {}],
};

const generation: AttributeFormats = {
  1: ['NFTA_GEN_ID', 'u32be'],
  2: ['NFTA_GEN_PROC_PID', 'u32be'],
  3: ['NFTA_GEN_PROC_NAME', 'text'],
};

/** NFNL_SUBSYS_NFTABLES in the upper byte of the type. */
const NFTABLES = 10 << 8;
/** struct nfgenmsg. */
const NFGENMSG_BYTES = 4;

const netfilterMessages = new Map<number, MessageFormat>(
  (
    [
      [16, 'NFNL_MSG_BATCH_BEGIN', {}],
      [17, 'NFNL_MSG_BATCH_END', {}],
      [NFTABLES + 0, 'NFT_MSG_NEWTABLE', table],
      [NFTABLES + 1, 'NFT_MSG_GETTABLE', table],
      [NFTABLES + 2, 'NFT_MSG_DELTABLE', table],
      [NFTABLES + 3, 'NFT_MSG_NEWCHAIN', chain],
      [NFTABLES + 4, 'NFT_MSG_GETCHAIN', chain],
      [NFTABLES + 5, 'NFT_MSG_DELCHAIN', chain],
      [NFTABLES + 6, 'NFT_MSG_NEWRULE', nftRule],
      [NFTABLES + 7, 'NFT_MSG_GETRULE', nftRule],
      [NFTABLES + 8, 'NFT_MSG_DELRULE', nftRule],
      [NFTABLES + 9, 'NFT_MSG_NEWSET', set],
      [NFTABLES + 10, 'NFT_MSG_GETSET', set],
      [NFTABLES + 11, 'NFT_MSG_DELSET', set],
      [NFTABLES + 12, 'NFT_MSG_NEWSETELEM', setElements],
      [NFTABLES + 13, 'NFT_MSG_GETSETELEM', setElements],
      [NFTABLES + 14, 'NFT_MSG_DELSETELEM', setElements],
      [NFTABLES + 15, 'NFT_MSG_NEWGEN', generation],
      [NFTABLES + 16, 'NFT_MSG_GETGEN', generation],
      [NFTABLES + 18, 'NFT_MSG_NEWOBJ', {}],
      [NFTABLES + 19, 'NFT_MSG_GETOBJ', {}],
      [NFTABLES + 20, 'NFT_MSG_DELOBJ', {}],
    ] as const
  ).map(([type, name, attributes]) => [type, { name, headerBytes: NFGENMSG_BYTES, attributes }]),
);

/** Names by protocol and message type. */
export const messageFormats = new Map<number, ReadonlyMap<number, MessageFormat>>([
  [NETLINK_ROUTE, routeMessages],
  [NETLINK_NETFILTER, netfilterMessages],
]);

export const protocolNames = new Map<number, string>([
  [NETLINK_ROUTE, 'NETLINK_ROUTE'],
  [NETLINK_NETFILTER, 'NETLINK_NETFILTER'],
]);
