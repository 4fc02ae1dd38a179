/** What read(2) of a fanotify group gives (fanotify(7)): records of a fixed part and information of several types. Pure. */
import { DecodeError } from '../../base/errors.ts';
import {
  FANOTIFY_METADATA_VERSION,
  FAN_EVENT_INFO_TYPE_DFID,
  FAN_EVENT_INFO_TYPE_DFID_NAME,
  FAN_EVENT_INFO_TYPE_FID,
  FAN_EVENT_INFO_TYPE_NEW_DFID_NAME,
  FAN_EVENT_INFO_TYPE_OLD_DFID_NAME,
  FAN_EVENT_INFO_TYPE_PIDFD,
  FAN_EVENT_METADATA_LEN,
  eventNames,
} from './constants.ts';

/** A file by file system and handle (name_to_handle_at(2)) instead of by descriptor. */
export interface FileIdentity {
  readonly fileSystemId: bigint;
  readonly handleType: number;
  readonly handle: Buffer;
  /** Entry in the directory that the handle names, for the DFID_NAME types. */
  readonly name: string | undefined;
}

export interface FanotifyEvent {
  /** FAN_* bits. */
  readonly mask: bigint;
  /**
   * The changed file, opened for us: whoever decodes a message owns it and closes it. Negative when there is none
   * (overflow, a group that reports identities) or the kernel could not open it.
   */
  readonly fd: number;
  /** Process that did it; 0 when it is outside our pid namespace. */
  readonly processId: number;
  readonly identities: readonly FileIdentity[];
  /** Handle of the process, owned by the reader; undefined when not asked for or the process is gone. */
  readonly pidFd: number | undefined;
}

const INFO_HEADER_BYTES = 4;
/** fsid, then handle_bytes and handle_type of struct file_handle. */
const FID_FIXED_BYTES = 16;

/** Decodes one or more whole records, as one read gives them. Information of unknown types is passed over. */
export function decodeEvents(bytes: Buffer): FanotifyEvent[] {
  const events: FanotifyEvent[] = [];
  for (let offset = 0; offset < bytes.length;) {
    if (bytes.length - offset < FAN_EVENT_METADATA_LEN) {
      throw new DecodeError(`fanotify event cut after ${bytes.length - offset} bytes`, offset);
    }
    const length = bytes.readUInt32LE(offset);
    const version = bytes.readUInt8(offset + 4);
    const fixed = bytes.readUInt16LE(offset + 6);
    if (version !== FANOTIFY_METADATA_VERSION) {
      throw new DecodeError(`fanotify event version ${version}, not ${FANOTIFY_METADATA_VERSION}`, offset + 4);
    }
    if (fixed < FAN_EVENT_METADATA_LEN || length < fixed || length > bytes.length - offset) {
      throw new DecodeError(`fanotify event of ${length} bytes with ${fixed} fixed ones`, offset);
    }
    const information = decodeInformation(bytes.subarray(offset + fixed, offset + length), offset + fixed);
    events.push({
      mask: bytes.readBigUInt64LE(offset + 8),
      fd: bytes.readInt32LE(offset + 16),
      processId: bytes.readInt32LE(offset + 20),
      ...information,
    });
    offset += length;
  }
  return events;
}

/** Names of the bits of an event mask, unknown bits as hex. */
export function formatEventMask(mask: bigint): string {
  const known = eventNames.filter(([bit]) => (mask & bit) !== 0n);
  const rest = known.reduce((left, [bit]) => left & ~bit, mask);
  return [...known.map(([, name]) => name), ...(rest === 0n ? [] : [`0x${rest.toString(16)}`])].join('|');
}

function decodeInformation(bytes: Buffer, base: number): Pick<FanotifyEvent, 'identities' | 'pidFd'> {
  const identities: FileIdentity[] = [];
  let pidFd: number | undefined;
  for (let offset = 0; offset < bytes.length;) {
    const length = bytes.length - offset < INFO_HEADER_BYTES ? 0 : bytes.readUInt16LE(offset + 2);
    if (length < INFO_HEADER_BYTES || length > bytes.length - offset) {
      throw new DecodeError('fanotify information record is cut', base + offset);
    }
    const type = bytes.readUInt8(offset);
    const body = bytes.subarray(offset + INFO_HEADER_BYTES, offset + length);
    switch (type) {
      case FAN_EVENT_INFO_TYPE_FID:
      case FAN_EVENT_INFO_TYPE_DFID:
        identities.push(decodeIdentity(body, { named: false, base: base + offset }));
        break;
      case FAN_EVENT_INFO_TYPE_DFID_NAME:
      case FAN_EVENT_INFO_TYPE_OLD_DFID_NAME:
      case FAN_EVENT_INFO_TYPE_NEW_DFID_NAME:
        identities.push(decodeIdentity(body, { named: true, base: base + offset }));
        break;
      case FAN_EVENT_INFO_TYPE_PIDFD:
        if (body.length < 4) {
          throw new DecodeError('fanotify pidfd record is cut', base + offset);
        }
        pidFd = body.readInt32LE(0) < 0 ? undefined : body.readInt32LE(0);
        break;
      default:
        break;
    }
    offset += length;
  }
  return { identities, pidFd };
}

function decodeIdentity(body: Buffer, how: { readonly named: boolean; readonly base: number }): FileIdentity {
  const handleBytes = body.length < FID_FIXED_BYTES ? 0 : body.readUInt32LE(8);
  if (body.length < FID_FIXED_BYTES || handleBytes > body.length - FID_FIXED_BYTES) {
    throw new DecodeError(`fanotify file handle of ${handleBytes} bytes is cut`, how.base);
  }
  const end = FID_FIXED_BYTES + handleBytes;
  const zero = body.indexOf(0, end);
  if (how.named && zero < 0) {
    throw new DecodeError('fanotify entry name without its end', how.base);
  }
  return {
    fileSystemId: body.readBigUInt64LE(0),
    handleType: body.readInt32LE(12),
    handle: Buffer.from(body.subarray(FID_FIXED_BYTES, end)),
    name: how.named ? body.toString('utf8', end, zero) : undefined,
  };
}
