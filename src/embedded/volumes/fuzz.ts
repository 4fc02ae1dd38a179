/** Bytes of images, as fuzz targets: any input gives a value or a DecodeError. */
import { parseImageManifest } from './image-manifest.ts';
import { createTarReader } from './tar-reader.ts';

function tarHeader(entry: { readonly name: string; readonly type: string; readonly size: number }): Buffer {
  const header = Buffer.alloc(512);
  header.write(entry.name, 0);
  header.write('0000644\0', 100);
  header.write(`${entry.size.toString(8).padStart(11, '0')}\0`, 124);
  header.write('        ', 148);
  header.write(entry.type, 156);
  header.write('ustar\0', 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return header;
}

const pax = '18 path=long/name\n19 size=0000000003\n';
const archive = Buffer.concat([
  tarHeader({ name: 'directory/', type: '5', size: 0 }),
  tarHeader({ name: 'pax', type: 'x', size: pax.length }),
  Buffer.from(pax.padEnd(512, '\0')),
  tarHeader({ name: 'file', type: '0', size: 3 }),
  Buffer.from('abc'.padEnd(512, '\0')),
  Buffer.alloc(1024),
]);

const ENTRIES_MAX = 64;

/** With checksums made right, since nearly every change would otherwise end there. */
async function readArchive(bytes: Buffer): Promise<unknown> {
  const repaired = Buffer.from(bytes);
  for (let at = 0; at + 512 <= repaired.length; at += 512) {
    if (repaired.toString('latin1', at + 257, at + 262) === 'ustar') {
      repaired.write('        ', at + 148);
      const sum = repaired.subarray(at, at + 512).reduce((total, byte) => total + byte, 0);
      repaired.write(`${sum.toString(8).padStart(6, '0')}\0 `, at + 148);
    }
  }
  async function* source(): AsyncGenerator<Buffer> {
    const middle = repaired.length >> 1;
    yield repaired.subarray(0, middle);
    yield repaired.subarray(middle);
  }
  const reader = createTarReader(source());
  const entries: unknown[] = [];
  for (let count = 0; count < ENTRIES_MAX; count += 1) {
    const entry = await reader.next();
    if (entry === undefined) {
      break;
    }
    entries.push(entry, await reader.content());
  }
  return entries;
}

export const fuzzTargets: readonly {
  readonly name: string;
  readonly decode: (bytes: Buffer) => unknown;
  readonly seeds: readonly Buffer[];
}[] = [
  { name: 'tar archive', decode: readArchive, seeds: [archive] },
  {
    name: 'image manifest',
    decode: parseImageManifest,
    seeds: [
      Buffer.from(
        JSON.stringify({
          schemaVersion: 2,
          layers: [{ digest: `sha256:${'a'.repeat(64)}`, size: 9 }, { digest: `sha256:${'0'.repeat(64)}` }],
        }),
      ),
    ],
  },
];
