/** The command line of `npm run test:host`. */
import { matchesGlob } from 'node:path';
import { findProfile, profiles, type Profile } from './profiles.ts';

export interface TestHostArguments {
  readonly profiles: readonly Profile[];
  /** Leaves the directory of the run, with its logs. */
  readonly keep: boolean;
  /** Globs or parts of paths; empty means everything that the profiles run. */
  readonly patterns: readonly string[];
}

export const usage = `usage: npm run test:host [-- [--profile ${profiles.map(({ name }) => name).join('|')}]... [--keep] [PATTERN]...]`;

/** Throws an Error that says what is wrong with the words and how they must be. */
export function parseArguments(words: readonly string[]): TestHostArguments {
  const chosen: Profile[] = [];
  const patterns: string[] = [];
  let keep = false;
  for (let index = 0; index < words.length; index++) {
    const word = words[index] ?? '';
    if (word === '--keep') {
      keep = true;
    } else if (word === '--profile' || word.startsWith('--profile=')) {
      const name = word === '--profile' ? (words[++index] ?? '') : word.slice('--profile='.length);
      const profile = findProfile(name);
      if (profile === undefined) {
        throw new Error(`no profile "${name}"\n${usage}`);
      }
      chosen.push(profile);
    } else if (word.startsWith('-')) {
      throw new Error(`no option ${word}\n${usage}`);
    } else {
      patterns.push(word);
    }
  }
  return { profiles: chosen.length === 0 ? profiles : chosen, keep, patterns };
}

export function isWanted(file: string, patterns: readonly string[]): boolean {
  return patterns.length === 0 || patterns.some((pattern) => file.includes(pattern) || matchesGlob(file, pattern));
}
