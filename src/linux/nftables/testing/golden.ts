import { readFileSync } from 'node:fs';

/** Messages that nft sent for a ruleset: NFT_MSG_... and payload. */
export interface GoldenMessage {
  readonly message: number;
  readonly payload: Buffer;
}

/** `everything`: what the kernel of the test machine takes. `extra`: what needs modules that it may lack. */
export function readGolden(name: 'everything' | 'extra'): GoldenMessage[] {
  return readFileSync(new URL(`../golden/${name}.hex`, import.meta.url), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [message = '', hex = ''] = line.split(' ');
      return { message: Number(message), payload: Buffer.from(hex, 'hex') };
    });
}
