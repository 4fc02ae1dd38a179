import { DecodeError } from '../../base/errors.ts';
import { REMOTE_STRING_MAX } from '../rpc/constants.ts';
import { EncodeError } from '../xdr/xdr.ts';
import type { XdrReader, XdrWriter } from '../xdr/xdr.ts';

/** `remote_nonnull_domain`: how the protocol names a domain. The daemon looks it up by uuid. */
export interface DomainRef {
  readonly name: string;
  /** Lower case, with hyphens. */
  readonly uuid: string;
  /** Runtime id, -1 when not running at the time of asking. */
  readonly id: number;
}

const uuidForm = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

export function encodeUuid(writer: XdrWriter, uuid: string): void {
  if (!uuidForm.test(uuid)) {
    throw new EncodeError(`"${uuid}" is not a UUID`);
  }
  writer.fixedOpaque(Buffer.from(uuid.replaceAll('-', ''), 'hex'));
}

function decodeUuid(reader: XdrReader): string {
  const hex = reader.fixedOpaque(16).toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

export function encodeDomainRef(writer: XdrWriter, domain: DomainRef): void {
  writer.string(domain.name);
  encodeUuid(writer, domain.uuid);
  writer.int(domain.id);
}

export function decodeDomainRef(reader: XdrReader): DomainRef {
  const name = reader.string(REMOTE_STRING_MAX);
  const uuid = decodeUuid(reader);
  const id = reader.int();
  if (name === '') {
    throw new DecodeError('domain without a name');
  }
  return { name, uuid, id };
}

/** Least bytes of an encoded DomainRef: name length, uuid, id. */
export const DOMAIN_REF_MIN_BYTES = 24;
