import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemdUnit } from './run.ts';

test('the unit leaves VMs alone when vmlet is stopped', () => {
  const unit = systemdUnit('/opt/vmlet/bin/vmlet');
  assert.match(unit, /^ExecStart=\/opt\/vmlet\/bin\/vmlet up$/m);
  assert.match(unit, /^KillMode=process$/m);
});

test('an odd path is quoted as systemd reads it', () => {
  assert.match(systemdUnit('/opt/my vmlet/vmlet'), /^ExecStart="\/opt\/my vmlet\/vmlet" up$/m);
  assert.match(systemdUnit('/opt/50%$x/"v"'), /^ExecStart="\/opt\/50%%\$\$x\/\\"v\\"" up$/m);
});

test('systemd finds nothing wrong with it', (t) => {
  const analyze = '/usr/bin/systemd-analyze';
  if (!existsSync(analyze)) {
    t.skip(`needs ${analyze}`);
    return;
  }
  const directory = mkdtempSync(join(tmpdir(), 'vmlet-unit-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const unit = join(directory, 'vmlet.service');
  writeFileSync(unit, systemdUnit('/bin/true'));
  execFileSync(analyze, ['verify', unit], { timeout: 20_000, stdio: 'pipe' });
});
