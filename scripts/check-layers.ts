/** Fails when a source file imports from a layer above its own. The table is docs/architecture.md's picture as data. */
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

/** Layer -> the layers it may import besides itself. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  base: [],
  linux: ['base'],
  libvirt: ['base'],
  apimachinery: ['base'],
  client: ['base', 'apimachinery'],
  embedded: ['base', 'apimachinery', 'client', 'linux'],
  vm: ['base', 'apimachinery', 'client', 'linux', 'libvirt'],
  controllers: ['base', 'apimachinery', 'client', 'vm'],
  agent: ['base', 'linux', 'libvirt', 'apimachinery', 'client', 'vm'],
  cli: ['base', 'apimachinery', 'client', 'vm'],
  cmd: ['base', 'linux', 'libvirt', 'apimachinery', 'client', 'embedded', 'vm', 'controllers', 'agent', 'cli'],
};

function layerOf(path: string): string {
  return path.split('/')[1] ?? '';
}

const problems: string[] = [];
for (const file of globSync('src/**/*.ts')) {
  // A test may stand on anything; only what ships keeps the directions.
  if (/\.(test|test-helper)\.ts$/.test(file) || file.includes('/testing/')) {
    continue;
  }
  const layer = layerOf(file);
  const permitted = allowed[layer];
  if (permitted === undefined) {
    problems.push(`${file}: layer "${layer}" is not in the table of scripts/check-layers.ts`);
    continue;
  }
  const text = readFileSync(file, 'utf8');
  for (const match of text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)) {
    const target = normalize(join(dirname(file), match[1] ?? ''));
    const targetLayer = layerOf(target);
    if (target.startsWith('src/') && targetLayer !== layer && !permitted.includes(targetLayer)) {
      problems.push(`${file}: ${layer} must not import ${targetLayer} (${target})`);
    }
  }
}
if (problems.length > 0) {
  process.stderr.write(`${problems.join('\n')}\n`);
  process.exit(1);
}
