import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { hasSwapAccounting } from './host-facts.ts';

/** A directory that looks like a mounted cgroup tree to whoever asks for these files. */
function tree(cleanup: DisposableStack, files: readonly string[]): string {
  const root = mkdtempSync(join(tmpdir(), 'vmlet-cgroups-'));
  cleanup.defer(() => rmSync(root, { recursive: true }));
  for (const file of files) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), '');
  }
  return root;
}

void test('swap accounting is found on every cgroup layout, and on a v2 host that has no cgroup yet', async () => {
  using cleanup = new DisposableStack();
  const rows: readonly (readonly [readonly string[], boolean])[] = [
    [['memory/memory.limit_in_bytes', 'memory/memory.memsw.limit_in_bytes'], true],
    [['memory/memory.limit_in_bytes', 'unified/cgroup.procs'], false],
    [
      ['cgroup.controllers', 'init.scope/cgroup.procs', 'system.slice/memory.max', 'system.slice/memory.swap.max'],
      true,
    ],
    [['cgroup.controllers', 'system.slice/memory.max'], false],
    [['cgroup.controllers', 'init.scope/cgroup.procs'], existsSync('/proc/swaps')],
  ];
  for (const [files, expected] of rows) {
    assert.equal(await hasSwapAccounting(tree(cleanup, files)), expected, files.join(' '));
  }
});
