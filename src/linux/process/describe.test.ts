import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { test } from 'node:test';
import { DecodeError } from '../../base/errors.ts';
import { describeProcess, findOwner, formatProcess } from './describe.ts';
import { formatIdentity, isSameProcess, parseIdentity, readIdentity } from './identity.ts';
import { parseMappings } from './mappings.ts';
import { parseLimits } from './parse.ts';
import { listThreadStats, readLimits, readMappings, readOomScoreAdjust, readStatus } from './process.ts';
import { readResourceLimit } from './resource-limit.ts';

const hex = (digit: string): string => digit.repeat(64);

void test('an owner from the cgroup paths of the usual runtimes', () => {
  const owner = (...paths: string[]): string | undefined =>
    findOwner(paths.map((path, hierarchy) => ({ hierarchy, controllers: [], path })));
  assert.equal(owner('/', '/'), undefined);
  assert.equal(owner('/', `/docker/${hex('a')}`), 'container aaaaaaaaaaaa');
  assert.equal(owner(`/system.slice/docker-${hex('b')}.scope`), 'container bbbbbbbbbbbb');
  assert.equal(owner('/system.slice/ssh.service', '/'), 'service ssh.service');
  assert.equal(owner('/user.slice/user-0.slice/session-3.scope'), 'scope session-3.scope');
  const uid = '0fd1a2b3-1111-2222-3333-444455556666';
  assert.equal(
    owner(
      `/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod${uid.replaceAll('-', '_')}.slice/cri-containerd-${hex('c')}.scope`,
    ),
    `pod ${uid} container cccccccccccc`,
  );
  assert.equal(owner(`/kubepods/burstable/pod${uid}`), `pod ${uid}`);
  assert.equal(owner('/vmlet/a\nb'), 'cgroup /vmlet/a?b');
});

void test('a process is described with who started it, and not when it is gone', async () => {
  const child = spawn('sh', ['-c', 'sleep 60 & echo $!; wait'], {
    stdio: ['ignore', 'pipe', 'ignore'],
    detached: true,
  });
  try {
    const [text] = (await once(child.stdout, 'data')) as [Buffer];
    const pid = Number(text.toString());
    const description = describeProcess(pid);
    assert.ok(description !== undefined);
    assert.equal(description.uid, process.getuid?.());
    assert.equal(description.ancestors[0]?.pid, child.pid);
    assert.equal(description.ancestors[1]?.pid, process.pid);
    assert.ok(description.ancestors.length <= 3);
    assert.match(
      formatProcess(description),
      new RegExp(`\\(pid ${pid}, user \\d+.*\\), started by sh \\(${child.pid}\\), `),
    );
  } finally {
    process.kill(-(child.pid ?? 0), 'SIGKILL');
    await once(child, 'exit');
  }
  assert.equal(describeProcess(child.pid ?? 0), undefined);
});

void test('an identity outlives its text, and another start time is another process', () => {
  const identity = readIdentity(process.pid);
  assert.ok(identity !== undefined && isSameProcess(identity));
  assert.deepEqual(parseIdentity(formatIdentity(identity)), identity);
  assert.equal(isSameProcess({ ...identity, startTicks: identity.startTicks + 1n }), false);
  for (const bad of ['', '1', '0@1', '1@', '-1@2', '1@2 ', '1@123456789012345678901']) {
    assert.equal(parseIdentity(bad), undefined, bad);
  }
});

void test('mappings by kind, with and without resident memory', () => {
  const text = [
    '5593b4590000-5593b4592000 r--p 00000000 fe:00 260386                     /usr/bin/head',
    'Rss:                   8 kB',
    'VmFlags: rd mr ',
    '5593b5000000-5593b5001000 rw-p 00000000 00:00 0                          [heap]',
    '7f0000000000-7f0000400000 rw-s 00000000 00:01 5                          /memfd:ram (deleted)',
    'Rss:                1024 kB',
    '7f0001000000-7f0001200000 rw-s 00000000 00:01 5                          /dev/hugepages/vm',
    '7f0002000000-7f0002001000 rw-s 00000000 00:01 5                          anon_inode:kvm-vcpu:0',
    '7f0003000000-7f0003001000 rw-p 00000000 00:00 0 ',
    'ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]',
    '7ffd0000-7f',
  ].join('\n');
  const sums = parseMappings(text);
  assert.deepEqual(sums.file, { mappings: 1, virtualBytes: 8192, residentBytes: 8192 });
  assert.deepEqual(sums.shared, { mappings: 1, virtualBytes: 4_194_304, residentBytes: 1_048_576 });
  for (const kind of ['heap', 'device', 'anonymous', 'kernel'] as const) {
    assert.deepEqual(sums[kind], { mappings: 1, virtualBytes: 4096, residentBytes: 0 }, kind);
  }
  assert.equal(sums.hugetlb.virtualBytes, 2_097_152);
  assert.throws(() => parseMappings('no mapping\n'), DecodeError);
  const own = readMappings(process.pid);
  assert.ok(own !== undefined && own.file.mappings > 0 && own.anonymous.virtualBytes > 0);
});

void test('the other files of this process', () => {
  const status = readStatus(process.pid);
  assert.equal(status?.threadGroupId, process.pid);
  assert.equal(status.parentPid, process.ppid);
  assert.ok(status.virtualBytes >= status.residentBytes && status.threadCount > 1);
  const threads = listThreadStats(process.pid);
  assert.equal(threads?.[0]?.tid, process.pid);
  assert.ok((threads[0]?.userTicks ?? 0n) >= 0n && (threads[0]?.processor ?? -1) >= 0);
  assert.equal(readOomScoreAdjust(process.pid), Number(fs.readFileSync('/proc/self/oom_score_adj', 'utf8')));
  const limits = readLimits(process.pid);
  for (const resource of ['RLIMIT_NOFILE', 'RLIMIT_MEMLOCK', 'RLIMIT_CORE', 'RLIMIT_RTTIME'] as const) {
    assert.deepEqual(limits?.[resource], readResourceLimit(process.pid, resource), resource);
  }
  assert.throws(() => parseLimits('Limit Soft\n'), DecodeError);
});
