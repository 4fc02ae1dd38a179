/** The constants against the C header of this machine. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import * as constants from './constants.ts';

const compiler = 'cc';

test('constants are those of linux/netfilter/nfnetlink_conntrack.h', (t) => {
  if (spawnSync(compiler, ['--version']).status !== 0) {
    t.skip(`needs ${compiler} and the kernel's headers: run scripts/setup.sh --tests`);
    return;
  }
  const directory = mkdtempSync(join(tmpdir(), 'vmlet-ct-'));
  t.after(() => rmSync(directory, { recursive: true }));
  // The flags of a filter are in a header of the kernel's own.
  const known = Object.entries(constants).filter(([name]) => !name.startsWith('CTA_FILTER_F_'));
  const source = `#include <stdio.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
int main(void) { ${known.map(([name]) => `printf("${name} %d\\n", (int)${name});`).join(' ')} return 0; }`;
  const program = join(directory, 'print');
  execFileSync(compiler, ['-x', 'c', '-', '-o', program], { input: source, timeout: 60_000 });
  const printed = execFileSync(program, { encoding: 'utf8', timeout: 10_000 }).trim().split('\n');
  const ours = known.map(([name, value]) => `${name} ${value}`);
  assert.ok(ours.length > 15);
  assert.deepEqual(printed, ours);
});
