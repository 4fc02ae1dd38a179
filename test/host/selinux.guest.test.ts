/** SELinux with Debian's policy: labels are real, and denials happen when it enforces. */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { withDeadline } from '../../src/base/deadline.ts';
import { outsideProfile } from './guest-only.ts';

const skip = outsideProfile('selinux');
const enforce = '/sys/fs/selinux/enforce';

function tool(command: string, ...words: string[]): string {
  return execFileSync(command, words, { encoding: 'utf8', timeout: 60_000 });
}

void test('a policy is loaded, permissive, and files have its labels', { skip }, () => {
  assert.equal(readFileSync(enforce, 'utf8'), '0');
  assert.equal(tool('getenforce').trim(), 'Permissive');
  assert.match(tool('ls', '-Z', '/etc/shadow'), /:shadow_t:/);
  assert.match(readFileSync('/proc/self/attr/current', 'utf8'), /^system_u:system_r:/);
});

void test('a label that is set is the one that is seen', { skip }, () => {
  const file = `/root/vmlet-guest-${process.pid}`;
  writeFileSync(file, '');
  try {
    tool('chcon', 'system_u:object_r:svirt_image_t:s0:c1,c2', file);
    assert.match(tool('ls', '-Z', file), /^system_u:object_r:svirt_image_t:s0:c1,c2 /);
    assert.throws(() => tool('chcon', '-t', 'no_such_type_t', '--', '/nowhere'));
  } finally {
    rmSync(file);
  }
});

/** A process of a confined domain tries to read what it may not; true when it could. */
async function readsShadow(enforcing: boolean): Promise<boolean> {
  const child = spawn('runcon', ['-t', 'svirt_t', '--', 'sh', '-c', 'read line; exec cat /etc/shadow'], {
    stdio: ['pipe', 'pipe', 'ignore'],
    timeout: 60_000,
  });
  let out = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString('utf8')));
  const closed = once(child, 'close');
  try {
    // It must be in its domain before anything is enforced: only then its own rights are what is tried.
    await withDeadline(once(child, 'spawn'), 30_000, 'the confined process');
    writeFileSync(enforce, enforcing ? '1' : '0');
    child.stdin.on('error', () => undefined);
    child.stdin.end('go\n');
    await withDeadline(closed, 60_000, 'the confined process to end');
  } finally {
    writeFileSync(enforce, '0');
  }
  return out.includes('root:');
}

void test('a confined domain reads a protected file when permissive, and not when enforcing', { skip }, async () => {
  assert.equal(await readsShadow(false), true);
  assert.equal(await readsShadow(true), false);
});
