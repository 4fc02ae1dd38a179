import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { DecodeError } from '../../base/errors.ts';
import { parseMountinfo } from '../mount/mountinfo.ts';
import { parseProcessCgroups } from '../process/parse.ts';
import { cgroupDirectory, detectLayout, matchProcessCgroup } from './layout.ts';
import { createCgroup, removeCgroup } from './tree.ts';
import {
  formatDeviceRule,
  parseBytesLimit,
  parseCpuMax,
  parseDeviceRules,
  parseInteger,
  parseKeyed,
} from './values.ts';

const v1 = `33 31 0:30 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,release_agent=/x,name=systemd
`;
const unified = `41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
`;

void test('v1, v2 and hybrid are told apart by what is mounted', () => {
  assert.equal(detectLayout(parseMountinfo(v1)).version, 'v1');
  assert.equal(detectLayout(parseMountinfo(unified)).version, 'v2');
  const hybrid = detectLayout(parseMountinfo(v1 + unified + v1));
  assert.equal(hybrid.version, 'hybrid');
  assert.deepEqual(
    hybrid.hierarchies.map((hierarchy) => hierarchy.controllers.join()),
    ['cpu,cpuacct', 'memory', 'name=systemd', ''],
  );
  assert.throws(() => detectLayout([]), { code: 'Unsupported' });
});

void test('a process line finds its hierarchy and its directory, also in a container', () => {
  const lines = parseProcessCgroups('4:memory:/a/b\n3:cpu,cpuacct:/c\n0::/docker/x/y\n');
  const [cpu, memory, , v2] = detectLayout(parseMountinfo(v1 + unified)).hierarchies;
  assert.ok(cpu !== undefined && memory !== undefined && v2 !== undefined);
  assert.equal(matchProcessCgroup(cpu, lines)?.path, '/c');
  assert.equal(cgroupDirectory(memory, '/a/b'), '/sys/fs/cgroup/memory/a/b');
  assert.equal(cgroupDirectory(memory, '/'), '/sys/fs/cgroup/memory');
  assert.equal(matchProcessCgroup(v2, lines)?.path, '/docker/x/y');
  const inside = { ...v2, root: '/docker/x' };
  assert.equal(cgroupDirectory(inside, '/docker/x/y'), '/sys/fs/cgroup/unified/y');
  assert.equal(cgroupDirectory(inside, '/docker/xy'), undefined);
  assert.equal(cgroupDirectory(v2, '/../x'), undefined);
});

void test('values of both versions', () => {
  assert.equal(parseBytesLimit('max\n'), 'max');
  assert.equal(parseBytesLimit('9223372036854771712\n'), 'max');
  assert.equal(parseBytesLimit('1048576\n'), 1_048_576n);
  assert.deepEqual(parseCpuMax('max 100000\n'), { quotaMicros: 'max', periodMicros: 100_000 });
  assert.deepEqual(parseCpuMax('50000 100000\n'), { quotaMicros: 50_000, periodMicros: 100_000 });
  assert.equal(parseKeyed('oom 1\noom_kill 2\nunder_oom x\n').get('oom_kill'), 2n);
  const rules = parseDeviceRules('a *:* rwm\nc 10:232 rw\nb *:7 m\n');
  assert.deepEqual(rules[1], { type: 'char', major: 10, minor: 232, access: 'rw' });
  assert.deepEqual(rules.map(formatDeviceRule), ['a *:* rwm', 'c 10:232 rw', 'b *:7 m']);
});

void test('any text gives a value or a DecodeError', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      for (const parse of [parseBytesLimit, parseCpuMax, parseKeyed, parseDeviceRules, parseInteger]) {
        try {
          parse(text);
        } catch (error) {
          assert.ok(error instanceof DecodeError);
        }
      }
    }),
  );
});

void test('names that would leave the parent are refused before anything is touched', async () => {
  const tree = { layout: detectLayout(parseMountinfo(v1)), parent: '/own' };
  for (const name of ['', '..', 'a/../..', '/a', 'a//b', 'a/.', 'a\0']) {
    assert.throws(() => createCgroup(tree, name), { code: 'BadCgroup' }, name);
    await assert.rejects(removeCgroup(tree, name), { code: 'BadCgroup' });
  }
  assert.throws(() => createCgroup({ ...tree, parent: '/' }, 'a'), { code: 'BadCgroup' });
});
