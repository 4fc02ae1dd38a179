/** Finds what is to be fuzzed: every `fuzz.ts` below src/ says what its folder decodes. */
import { globSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

export interface FuzzTarget {
  readonly name: string;
  /** Gives a value (or a promise of one) or throws a DecodeError; everything else is a finding. */
  readonly decode: (bytes: Buffer) => unknown;
  /** Good messages, to be spoilt. */
  readonly seeds: readonly Buffer[];
}

const root = path.resolve(import.meta.dirname, '../..');

/** Paths such as `src/linux/netlink/fuzz.ts`, sorted. */
export function listFuzzFiles(): string[] {
  return globSync('src/**/fuzz.ts', { cwd: root }).sort();
}

/** Targets of a file, named by folder: `linux/numa: cpu list`. */
export async function loadTargets(file: string): Promise<FuzzTarget[]> {
  const module = (await import(pathToFileURL(path.resolve(root, file)).href)) as {
    fuzzTargets?: readonly FuzzTarget[];
  };
  if (module.fuzzTargets === undefined) {
    throw new Error(`${file} exports no fuzzTargets`);
  }
  const folder = path.dirname(path.relative(root, path.resolve(root, file))).replace(/^src\//, '');
  return module.fuzzTargets.map((target) => ({ ...target, name: `${folder}: ${target.name}` }));
}
