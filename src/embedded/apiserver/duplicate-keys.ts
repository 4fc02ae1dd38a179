/**
 * Keys that occur twice in one object of a JSON text, which a parser passes over in silence. Pure.
 *
 * Counting comes first and is cheap: the value has as many members as the text, unless some were lost. Only then is the text
 * walked for their paths.
 */
import { isObject } from './json.ts';
import type { ParsedJson } from './json.ts';

const maxReported = 20;

/** Paths such as `spec.disks[0].name`, at most 20. */
export function duplicateKeys({ text, value, members }: ParsedJson): string[] {
  return members === countMembers(value) ? [] : findDuplicates(text);
}

function countMembers(value: unknown): number {
  if (Array.isArray(value)) {
    return value.reduce<number>((sum, item) => sum + countMembers(item), 0);
  }
  if (!isObject(value)) {
    return 0;
  }
  let count = 0;
  for (const name of Object.keys(value)) {
    const member = value[name];
    count += typeof member === 'object' && member !== null ? 1 + countMembers(member) : 1;
  }
  return count;
}

/** The closing quote of the string that begins at `start`. */
function endOfString(text: string, start: number): number {
  let end = start;
  for (;;) {
    end = text.indexOf('"', end + 1);
    let backslashes = 0;
    while (text[end - 1 - backslashes] === '\\') {
      backslashes += 1;
    }
    if (end < 0 || backslashes % 2 === 0) {
      return end < 0 ? text.length : end;
    }
  }
}

interface Level {
  /** Of an object; undefined for a list. */
  readonly seen: Set<string> | undefined;
  path: string;
  index: number;
}

function findDuplicates(text: string): string[] {
  const found = new Set<string>();
  const levels: Level[] = [];
  /** Path of the value that comes next. */
  let path = '';
  for (let at = 0; at < text.length && found.size < maxReported; at += 1) {
    const level = levels.at(-1);
    switch (text[at]) {
      case '{':
        levels.push({ seen: new Set(), path, index: 0 });
        break;
      case '[':
        levels.push({ seen: undefined, path, index: 0 });
        path = `${path}[0]`;
        break;
      case '}':
      case ']':
        levels.pop();
        break;
      case ',':
        if (level !== undefined && level.seen === undefined) {
          level.index += 1;
          path = `${level.path}[${level.index}]`;
        }
        break;
      case '"': {
        const end = endOfString(text, at);
        if (level?.seen !== undefined && /^\s*:/u.test(text.slice(end + 1, end + 64))) {
          const key = JSON.parse(text.slice(at, end + 1)) as string;
          path = level.path === '' ? key : `${level.path}.${key}`;
          if (level.seen.has(key)) {
            found.add(path);
          }
          level.seen.add(key);
        }
        at = end;
        break;
      }
      case undefined:
      default:
    }
  }
  return [...found];
}
