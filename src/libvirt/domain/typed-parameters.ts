import { DecodeError } from '../../base/errors.ts';
import { REMOTE_STRING_MAX, TYPED_PARAMETERS_MAX } from '../rpc/constants.ts';
import type { XdrReader, XdrWriter } from '../xdr/xdr.ts';

/** virTypedParameter. 64-bit kinds are bigint. */
export type TypedParameter = { readonly field: string } & (
  | { readonly type: 'int' | 'uint' | 'double'; readonly value: number }
  | { readonly type: 'llong' | 'ullong'; readonly value: bigint }
  | { readonly type: 'boolean'; readonly value: boolean }
  | { readonly type: 'string'; readonly value: string }
);

/** Values by field name, as most callers want them. */
export type TypedParameterMap = ReadonlyMap<string, number | bigint | boolean | string>;

/** enum virTypedParameterType, by number minus one. */
const types = ['int', 'uint', 'llong', 'ullong', 'double', 'boolean', 'string'] as const;

/** VIR_TYPED_PARAM_STRING_OKAY: tells the daemon that this client knows string parameters. */
export const VIR_TYPED_PARAM_STRING_OKAY = 4;

export function encodeTypedParameters(writer: XdrWriter, parameters: readonly TypedParameter[]): void {
  writer.array(parameters, (parameter) => {
    writer.string(parameter.field).int(types.indexOf(parameter.type) + 1);
    switch (parameter.type) {
      case 'int':
        writer.int(parameter.value);
        break;
      case 'uint':
        writer.uint(parameter.value);
        break;
      case 'llong':
        writer.hyper(parameter.value);
        break;
      case 'ullong':
        writer.uhyper(parameter.value);
        break;
      case 'double':
        writer.double(parameter.value);
        break;
      case 'boolean':
        writer.bool(parameter.value);
        break;
      case 'string':
        writer.string(parameter.value);
        break;
    }
  });
}

export function decodeTypedParameters(reader: XdrReader, maxItems = TYPED_PARAMETERS_MAX): TypedParameter[] {
  return reader.array({ maxItems, minItemBytes: 12 }, () => decodeTypedParameter(reader));
}

function decodeTypedParameter(reader: XdrReader): TypedParameter {
  const field = reader.string(REMOTE_STRING_MAX);
  const number = reader.int();
  const type = types[number - 1];
  switch (type) {
    case 'int':
      return { field, type, value: reader.int() };
    case 'uint':
      return { field, type, value: reader.uint() };
    case 'llong':
      return { field, type, value: reader.hyper() };
    case 'ullong':
      return { field, type, value: reader.uhyper() };
    case 'double':
      return { field, type, value: reader.double() };
    case 'boolean':
      return { field, type, value: reader.int() !== 0 };
    case 'string':
      return { field, type, value: reader.string(REMOTE_STRING_MAX) };
    default:
      throw new DecodeError(`typed parameter "${field}" has unknown type ${number}`);
  }
}

export function toMap(parameters: readonly TypedParameter[]): TypedParameterMap {
  return new Map(parameters.map((parameter) => [parameter.field, parameter.value]));
}
