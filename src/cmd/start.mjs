/**
 * What bin/vmlet runs. Plain JavaScript, since a first file in TypeScript would load Node's type stripper at every start
 * (about 45 ms) before the cache that spares it is switched on. The cache holds stripped and compiled code.
 */
import { lstatSync, mkdirSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import process from 'node:process';

const directory = cacheDirectory();
if (directory !== undefined && isOurs(directory)) {
  enableCompileCache(directory);
}
await import('./main.ts');

/**
 * Never Node's own default, a fixed name under /tmp that another user could have made first: what is in the cache runs
 * with our rights.
 */
function cacheDirectory() {
  if (process.geteuid?.() === 0) {
    return '/var/cache/vmlet/code';
  }
  const { XDG_CACHE_HOME: cache = '', HOME: home = '' } = process.env;
  if (cache.startsWith('/')) {
    return `${cache}/vmlet/code`;
  }
  return home.startsWith('/') ? `${home}/.cache/vmlet/code` : undefined;
}

/**
 * Makes it when it is missing. Without a directory of our own, which nobody else can write, vmlet works as well, slower.
 * @param {string} path
 */
function isOurs(path) {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    const found = lstatSync(path);
    return found.isDirectory() && found.uid === process.geteuid?.() && (found.mode & 0o022) === 0;
  } catch {
    return false;
  }
}
