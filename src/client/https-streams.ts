/** Bodies of HTTP answers, bounded. */
import type { Readable } from 'node:stream';
import { VmletError } from '../base/errors.ts';

/** The whole body as UTF-8. Throws VmletError `AnswerTooLarge` beyond `bytesMax`. */
export async function textOf(body: Readable, bytesMax: number): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > bytesMax) {
      throw new VmletError('AnswerTooLarge', `an answer of more than ${bytesMax} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/**
 * Lines as they become complete, empty ones left out; what follows the last line break is dropped, since a stream that was
 * cut ends in the middle of a line. Throws VmletError `AnswerTooLarge` for a line beyond `bytesMax`.
 */
export async function* linesOf(body: Readable, bytesMax: number): AsyncIterable<string> {
  let parts: Buffer[] = [];
  let length = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    let from = 0;
    // A line break is never part of another UTF-8 character, so bytes can be cut there.
    for (let end = chunk.indexOf(0x0a); end >= 0; end = chunk.indexOf(0x0a, from)) {
      parts.push(chunk.subarray(from, end));
      const line = Buffer.concat(parts).toString('utf8');
      parts = [];
      length = 0;
      from = end + 1;
      if (line.trim() !== '') {
        yield line;
      }
    }
    parts.push(chunk.subarray(from));
    length += chunk.length - from;
    if (length > bytesMax) {
      throw new VmletError('AnswerTooLarge', `a line of more than ${bytesMax} bytes`);
    }
  }
}
