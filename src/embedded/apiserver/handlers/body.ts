/** Reading request bodies, bounded. */
import type { IncomingMessage } from 'node:http';
import { badRequest, tooLarge, unsupportedMediaType } from '../../../apimachinery/status.ts';
import { errorMessage } from '../../../base/errors.ts';
import { duplicateKeys } from '../duplicate-keys.ts';
import { parseJson, refusePrototypeKeys } from '../json.ts';
import { limits } from '../limits.ts';
import { parseMediaType } from '../negotiate.ts';
import { decodeKubernetesProtobuf, protobufType } from '../protobuf/kinds.ts';

export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const message = `the request body is larger than ${limits.bodyBytes} bytes`;
  if (Number(request.headers['content-length'] ?? 0) > limits.bodyBytes) {
    throw tooLarge(message);
  }
  const chunks: Buffer[] = [];
  let length = 0;
  // Listeners rather than an iterator, which costs more than the reading itself.
  await new Promise<void>((resolve, reject) => {
    request.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length > limits.bodyBytes) {
        request.pause();
        reject(tooLarge(message));
        return;
      }
      chunks.push(chunk);
    });
    request.once('end', resolve);
    request.once('error', reject);
    request.once('close', () => {
      if (!request.complete) {
        reject(badRequest('the request ended before its body'));
      }
    });
  });
  return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks);
}

/**
 * JSON, YAML or, for some kinds, protobuf by `Content-Type`; undefined without a body. `onDuplicates` is told the paths of
 * keys that occur twice in an object of JSON; in YAML they are a fault.
 */
export async function readValue(
  request: IncomingMessage,
  onDuplicates?: (paths: readonly string[]) => void,
): Promise<unknown> {
  const { type } = parseMediaType(request.headers['content-type'] ?? 'application/json');
  const isYaml = type === 'application/yaml';
  const bytes = await readBody(request);
  if (bytes.length === 0) {
    return undefined;
  }
  if (type === protobufType) {
    return decodeKubernetesProtobuf(bytes);
  }
  if (!isYaml && type !== 'application/json' && type !== '') {
    throw unsupportedMediaType(['application/json', 'application/yaml']);
  }
  if (isYaml) {
    return parseYaml(bytes);
  }
  const parsed = parseJson(bytes);
  onDuplicates?.(duplicateKeys(parsed));
  return parsed.value;
}

export async function parseYaml(bytes: Buffer): Promise<unknown> {
  const { parse } = await import('yaml');
  const { requireBoundedYaml } = await import('../yaml-bounds.ts');
  const text = bytes.toString('utf8');
  requireBoundedYaml(text);
  let value: unknown;
  try {
    value = parse(text, { maxAliasCount: 100, schema: 'core' });
  } catch (error) {
    throw badRequest(`the object provided is not valid YAML: ${errorMessage(error)}`);
  }
  refusePrototypeKeys(value);
  return value;
}
