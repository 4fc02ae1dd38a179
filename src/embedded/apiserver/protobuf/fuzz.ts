/** Bodies from clients, as fuzz targets: any input gives a value or a DecodeError. */
import { DecodeError, errorMessage } from '../../../base/errors.ts';
import { StatusError } from '../../../apimachinery/status.ts';
import { decodeKubernetesProtobuf } from './kinds.ts';
import { decodeMessage } from './wire.ts';
import type { Message } from './wire.ts';

function bytesField(field: number, value: Buffer | string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([Buffer.of((field << 3) | 2, bytes.length), bytes]);
}

const nested: Message = {
  1: { name: 'text', type: 'string' },
  2: { name: 'number', type: 'int' },
  3: { name: 'labels', type: { map: 'string' } },
  4: { name: 'data', type: { map: 'bytes' } },
  5: { name: 'at', type: 'time' },
  6: { name: 'list', type: 'bool', repeated: true },
};
const everything: Message = { ...nested, 7: { name: 'inner', type: { message: nested }, repeated: true } };
const inner = Buffer.concat([
  bytesField(1, 'text'),
  Buffer.from('10ffffffff0f', 'hex'),
  bytesField(3, Buffer.concat([bytesField(1, 'key'), bytesField(2, 'value')])),
  bytesField(5, Buffer.from('0880b0e6cd06', 'hex')),
  Buffer.from('3001', 'hex'),
]);
const metadata = bytesField(1, bytesField(1, 'name'));
const configMap = Buffer.concat([
  metadata,
  bytesField(2, Buffer.concat([bytesField(1, 'key'), bytesField(2, 'value')])),
]);
const envelope = Buffer.concat([
  Buffer.from('k8s\0'),
  bytesField(1, Buffer.concat([bytesField(1, 'v1'), bytesField(2, 'ConfigMap')])),
  bytesField(2, configMap),
]);

/** At this edge a refusal is a Status. */
function decodeBody(bytes: Buffer): unknown {
  try {
    return decodeKubernetesProtobuf(bytes);
  } catch (error) {
    if (error instanceof StatusError) {
      throw new DecodeError(errorMessage(error));
    }
    throw error;
  }
}

export const fuzzTargets: readonly {
  readonly name: string;
  readonly decode: (bytes: Buffer) => unknown;
  readonly seeds: readonly Buffer[];
}[] = [
  {
    name: 'message',
    decode: (bytes) => decodeMessage(everything, bytes),
    seeds: [inner, Buffer.concat([inner, bytesField(7, inner)])],
  },
  { name: 'object', decode: decodeBody, seeds: [envelope] },
];
