import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { Fd } from '../fd/fd.ts';
import { hostRoots } from '../sysfs/roots.ts';
import { parseContext } from './context.ts';
import { readFileLabel, readProcessContext, readSelinux, setFileLabel } from './selinux.ts';

const roots = hostRoots();
const { mode } = readSelinux(roots);

function openTemporary(cleanup: DisposableStack): { file: string; fd: Fd } {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'vmlet-selinux-'));
  cleanup.defer(() => fs.rmSync(directory, { recursive: true }));
  const file = path.join(directory, 'disk.img');
  return { file, fd: cleanup.use(new Fd(fs.openSync(file, 'w+', 0o600), file)) };
}

void test('a label that is set by descriptor is read back', (t) => {
  if (process.getuid?.() !== 0) {
    t.skip('needs root');
    return;
  }
  using cleanup = new DisposableStack();
  const { file, fd } = openTemporary(cleanup);
  // Without SELinux the kernel keeps any text; with it, the policy must know the type.
  const context = mode === 'disabled' ? 'system_u:object_r:svirt_image_t:s0:c3,c77' : 'system_u:object_r:tmp_t:s0';
  if (mode === 'disabled') {
    assert.equal(readFileLabel(fd), undefined);
  }
  try {
    setFileLabel(fd, context);
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOTSUP') {
      t.skip(`the file system of ${file} keeps no labels`);
      return;
    }
    throw error;
  }
  assert.equal(readFileLabel(fd), context);
  assert.throws(() => setFileLabel(fd, 'nonsense'), { code: 'Decode' });
});

void test('the mode and the context of this process are what the tools say', (t) => {
  if (mode === 'disabled') {
    t.skip('SELinux is disabled on this host');
    return;
  }
  const run = (tool: string): string => execFileSync(tool, { encoding: 'utf8', timeout: 5000 }).trim();
  assert.equal(run('getenforce').toLowerCase(), mode);
  const context = readProcessContext(roots, 'self');
  assert.equal(context, execFileSync('id', ['-Z'], { encoding: 'utf8', timeout: 5000 }).trim());
  assert.ok(parseContext(context ?? '').type.length > 0);
});

void test('a context that the policy does not have is refused', (t) => {
  // The test host is ours alone, so that it may enforce for a moment.
  const mayEnforce = mode === 'permissive' && process.env['VMLET_TEST_HOST'] !== undefined;
  if ((mode !== 'enforcing' && !mayEnforce) || process.getuid?.() !== 0) {
    t.skip(`SELinux is ${mode}, or this is not root`);
    return;
  }
  using cleanup = new DisposableStack();
  const { fd } = openTemporary(cleanup);
  if (mayEnforce) {
    const file = '/sys/fs/selinux/enforce';
    cleanup.defer(() => fs.writeFileSync(file, '0'));
    fs.writeFileSync(file, '1');
  }
  assert.throws(() => setFileLabel(fd, 'system_u:object_r:no_such_type_t:s0'), { code: 'EINVAL' });
});
