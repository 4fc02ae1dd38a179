import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { test } from 'node:test';
import { hostRoots } from '../sysfs/roots.ts';
import { findModule, loadModule, readLoadedModules } from './modules.ts';

/** Small modules without hardware, in most kernels' packages and rarely in use. */
const CANDIDATES = ['dummy', 'ifb', 'nlmon', 'team', 'vcan'] as const;

void test('lsmod lists the same modules', (t) => {
  if (!fs.existsSync('/proc/modules')) {
    t.skip('this kernel has no loadable modules');
    return;
  }
  const rows = execFileSync('lsmod', { encoding: 'utf8', timeout: 5000 }).trim().split('\n').slice(1);
  const mine = readLoadedModules(hostRoots());
  assert.deepEqual(
    mine.map(({ name, bytes }) => `${name} ${bytes}`),
    rows.map((row) => row.split(/\s+/).slice(0, 2).join(' ')),
  );
});

void test('a module is loaded with what it needs, and loading it again does nothing', (t) => {
  const roots = hostRoots();
  const name = CANDIDATES.find((candidate) => findModule(roots, candidate) === 'available');
  if (process.getuid?.() !== 0 || name === undefined) {
    t.skip(name === undefined ? 'no harmless module is there to load' : 'needs root');
    return;
  }
  let loaded: string[];
  try {
    loaded = loadModule(roots, name);
  } catch (error) {
    if ((error as { code?: string }).code === 'Unsupported') {
      t.skip(String(error));
      return;
    }
    throw error;
  }
  try {
    assert.equal(loaded.at(-1), name);
    assert.equal(findModule(roots, name), 'loaded');
    assert.deepEqual(loadModule(roots, name), []);
  } finally {
    for (const module of loaded.reverse()) {
      execFileSync('rmmod', [module], { timeout: 5000 });
    }
  }
  assert.equal(findModule(roots, name), 'available');
});
