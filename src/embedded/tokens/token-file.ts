/** Static tokens as kube-apiserver's --token-auth-file: lines `token,user,uid,"group1,group2"`, groups optional. */
import { readFileSync, statSync } from 'node:fs';
import { DecodeError, VmletError } from '../../base/errors.ts';
import type { StaticToken } from '../apiserver/auth.ts';

const maxFileBytes = 1024 * 1024;
const maxTokenLength = 8192;

/** Throws VmletError when the file can be read by others, is too large, or has a bad line; never with a token in it. */
export function readTokenFile(path: string): StaticToken[] {
  const { mode, size } = statSync(path);
  if ((mode & 0o077) !== 0) {
    throw new VmletError('TokenFile', `${path} can be read by others than its owner: run chmod 600 on it`);
  }
  if (size > maxFileBytes) {
    throw new VmletError('TokenFile', `${path} has ${size} bytes; at most ${maxFileBytes} are read`);
  }
  try {
    return parseTokenFile(readFileSync(path, 'utf8'));
  } catch (error) {
    throw error instanceof DecodeError ? new VmletError('TokenFile', `${path}: ${error.message}`) : error;
  }
}

/** Throws DecodeError naming the line. */
export function parseTokenFile(text: string): StaticToken[] {
  const tokens: StaticToken[] = [];
  const seen = new Set<string>();
  for (const [index, line] of text.split(/\r?\n/u).entries()) {
    if (line.trim() === '' || line.startsWith('#')) {
      continue;
    }
    const where = `line ${index + 1}`;
    const [token = '', name = '', uid, groups = '', ...more] = splitLine(line, where);
    if (uid === undefined || more.length > 0) {
      throw new DecodeError(`${where}: expected token,user,uid and optionally groups in quotes`);
    }
    if (!/^\S+$/u.test(token) || token.length > maxTokenLength || name === '') {
      throw new DecodeError(
        `${where}: a token of 1 to ${maxTokenLength} characters without spaces and a user are needed`,
      );
    }
    if (seen.has(token)) {
      throw new DecodeError(`${where}: the token is there twice`);
    }
    seen.add(token);
    const list = groups.split(',').map((group) => group.trim());
    const user = { name, groups: list.filter((group) => group !== ''), ...(uid !== '' && { uid }) };
    tokens.push({ token, user });
  }
  return tokens;
}

function splitLine(line: string, where: string): string[] {
  const fields: string[] = [];
  let rest = line;
  for (;;) {
    const match = /^\s*(?:"((?:[^"]|"")*)"|([^",]*))\s*(,|$)/u.exec(rest);
    if (match === null) {
      throw new DecodeError(`${where}: quotes do not match`);
    }
    fields.push((match[1]?.replaceAll('""', '"') ?? match[2] ?? '').trim());
    rest = rest.slice(match[0].length);
    if (match[3] === '') {
      return fields;
    }
  }
}
