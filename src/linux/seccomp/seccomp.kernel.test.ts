import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { withDeadline } from '../../base/deadline.ts';
import { decide } from './decide.ts';
import { encodeFilter } from './filter.ts';
import { checkProcess, compareWithProfile, readFilters } from './process-filters.ts';
import { auditArch, compileProfile } from './profile.ts';
import { systemCalls } from './syscalls.ts';
import type { SeccompArch, SeccompProfile } from './types.ts';

const arch: SeccompArch | undefined = process.arch === 'x64' || process.arch === 'arm64' ? process.arch : undefined;
const helper = fileURLToPath(new URL('./filtered-process.test-helper.ts', import.meta.url));

/** Everything is allowed but what the test tries, so that Node itself goes on. */
const profile: SeccompProfile = {
  defaultAction: 'SCMP_ACT_ALLOW',
  syscalls: [
    { names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO', errnoRet: 38 },
    {
      names: ['socket'],
      action: 'SCMP_ACT_ERRNO',
      errnoRet: 97,
      args: [{ index: 0, value: 1, op: 'SCMP_CMP_GT' }],
    },
  ],
};

void test('a process does what its profile says, and the kernel gives the same filter back', async (t) => {
  if (arch === undefined || checkProcess(process.pid)?.mode !== 'disabled') {
    t.skip('this process has a seccomp filter of its own, or an unknown machine');
    return;
  }
  const bytes = encodeFilter(compileProfile(profile, arch));
  const second = encodeFilter(compileProfile({ defaultAction: 'SCMP_ACT_ALLOW' }, arch));
  const child = spawn(process.execPath, ['--no-warnings', helper, bytes.toString('hex'), second.toString('hex')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  try {
    const [line] = (await withDeadline(once(child.stdout, 'data'), 10_000, 'the filtered process')) as [Buffer];
    assert.deepEqual(JSON.parse(line.toString()), { socketUnix: 0, socketInet: 97, mkdir: 38, getppid: 0 });
    const pid = child.pid ?? -1;
    const before = checkProcess(pid);
    assert.equal(before?.mode, 'filter');
    assert.equal(before.noNewPrivileges, true);
    assert.ok(before.filters === undefined || before.filters === 2);
    let filters: Awaited<ReturnType<typeof readFilters>>;
    try {
      filters = await readFilters(pid);
    } catch (error) {
      if ((error as { code?: string }).code === 'Unsupported') {
        t.skip(String(error));
        return;
      }
      throw error;
    }
    assert.deepEqual(filters.map(encodeFilter), [bytes, second]);
    assert.deepEqual(compareWithProfile(filters, profile, arch), []);
    const number = systemCalls[arch].get('socket') ?? -1;
    assert.deepEqual(decide(filters, { number, arch: auditArch[arch], args: [2n] }), { action: 'errno', data: 97 });
    // It runs on: it notices the end of its input.
    child.stdin.end();
    const [code] = (await withDeadline(once(child, 'exit'), 10_000, 'the filtered process to end')) as [number];
    assert.equal(code, 0);
  } finally {
    child.kill('SIGKILL');
  }
});

void test('a process without a filter has none; one that is gone is an error', async (t) => {
  const child = spawn('sleep', ['60'], { stdio: 'ignore' });
  try {
    const pid = child.pid ?? -1;
    const mode = checkProcess(pid)?.mode;
    if (process.getuid?.() !== 0 || mode !== 'disabled') {
      t.skip(`needs root and no filter of its own (mode ${mode})`);
      return;
    }
    assert.deepEqual(await readFilters(pid), []);
  } finally {
    child.kill('SIGKILL');
  }
  assert.equal(checkProcess(2 ** 22 + 1), undefined);
  await assert.rejects(readFilters(2 ** 22 + 1), { code: 'SeccompRead', message: /ESRCH/ });
});
