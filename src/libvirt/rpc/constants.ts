/** libvirt's RPC framing: virnetprotocol.x and virkeepaliveprotocol.x, names verbatim. */

export const REMOTE_PROGRAM = 0x2000_8086;
export const QEMU_PROGRAM = 0x2000_8087;
export const KEEPALIVE_PROGRAM = 0x6b65_6570;
/** All three programs are at version 1. */
export const PROTOCOL_VERSION = 1;

export const KEEPALIVE_PROC_PING = 1;
export const KEEPALIVE_PROC_PONG = 2;

/** enum virNetMessageType */
export const VIR_NET_CALL = 0;
export const VIR_NET_REPLY = 1;
export const VIR_NET_MESSAGE = 2;
export const VIR_NET_STREAM = 3;
export const VIR_NET_CALL_WITH_FDS = 4;
export const VIR_NET_REPLY_WITH_FDS = 5;
export const VIR_NET_STREAM_HOLE = 6;

/** enum virNetMessageStatus */
export const VIR_NET_OK = 0;
export const VIR_NET_ERROR = 1;
export const VIR_NET_CONTINUE = 2;

/** Length word plus six header words. */
export const FRAME_HEADER_BYTES = 28;
/** VIR_NET_MESSAGE_MAX: longest frame either side may send, its length word included. */
export const VIR_NET_MESSAGE_MAX = 33_554_432 + 4;
/** Longest payload of one stream packet: VIR_NET_MESSAGE_LEGACY_PAYLOAD_MAX is 262120; smaller keeps other calls moving. */
export const STREAM_PACKET_BYTES = 65_536;

/** REMOTE_STRING_MAX */
export const REMOTE_STRING_MAX = 4_194_304;
/** REMOTE_DOMAIN_LIST_MAX */
export const REMOTE_DOMAIN_LIST_MAX = 16_384;
/** REMOTE_CONNECT_GET_ALL_DOMAIN_STATS_MAX, the largest list of typed parameters in the protocol. */
export const TYPED_PARAMETERS_MAX = 262_144;
