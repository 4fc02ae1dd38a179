import { VmletError } from '../../base/errors.ts';
import { XdrReader } from '../xdr/xdr.ts';
import { REMOTE_STRING_MAX } from './constants.ts';
import { virErrorDomainName, virErrorName } from './error-codes.ts';

/** enum virErrorLevel */
const levels = ['none', 'warning', 'error'] as const;

/** `remote_error` of remote_protocol.x, as sent. */
export interface RemoteErrorFields {
  readonly number: number;
  readonly domain: string;
  readonly message: string;
  readonly level: 'none' | 'warning' | 'error';
  readonly str1: string | undefined;
  readonly str2: string | undefined;
  readonly str3: string | undefined;
  readonly int1: number;
  readonly int2: number;
}

/**
 * libvirt refused or failed a call. `code` is the symbolic name (`VIR_ERR_NO_DOMAIN`), `domain` the part of libvirt
 * that spoke (`VIR_FROM_QEMU`); str1..3 and int1..2 as virterror.h has them (int1 is errno for VIR_ERR_SYSTEM_ERROR).
 */
export class RemoteError extends VmletError {
  readonly operation: string;
  readonly number: number;
  readonly domain: string;
  readonly level: 'none' | 'warning' | 'error';
  readonly str1: string | undefined;
  readonly str2: string | undefined;
  readonly str3: string | undefined;
  readonly int1: number;
  readonly int2: number;

  constructor(operation: string, fields: RemoteErrorFields) {
    const code = virErrorName(fields.number);
    super(code, `libvirt ${operation}: ${code} ${fields.message}`);
    this.operation = operation;
    this.number = fields.number;
    this.domain = fields.domain;
    this.level = fields.level;
    this.str1 = fields.str1;
    this.str2 = fields.str2;
    this.str3 = fields.str3;
    this.int1 = fields.int1;
    this.int2 = fields.int2;
  }
}

/** The connection ended before the answer came; whether the call took effect is unknown. */
export class ConnectionClosedError extends VmletError {
  constructor(message: string, options?: ErrorOptions) {
    super('ConnectionClosed', message, options);
  }
}

/** Decodes `remote_error`. Throws DecodeError. */
export function decodeRemoteError(payload: Uint8Array): RemoteErrorFields {
  const reader = new XdrReader(payload);
  const number = reader.int();
  const domain = virErrorDomainName(reader.int());
  const message = reader.optionalString(REMOTE_STRING_MAX) ?? 'no message';
  const level = levels[reader.int()] ?? 'error';
  reader.optional(() => {
    reader.string(REMOTE_STRING_MAX);
    reader.fixedOpaque(16);
    reader.int();
  });
  const str1 = reader.optionalString(REMOTE_STRING_MAX);
  const str2 = reader.optionalString(REMOTE_STRING_MAX);
  const str3 = reader.optionalString(REMOTE_STRING_MAX);
  const int1 = reader.int();
  const int2 = reader.int();
  reader.optional(() => {
    reader.string(REMOTE_STRING_MAX);
    reader.fixedOpaque(16);
  });
  reader.end();
  return { number, domain, message, level, str1, str2, str3, int1, int2 };
}
