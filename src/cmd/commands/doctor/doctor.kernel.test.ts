/** The command on the host that runs the tests: whatever it finds, it is quick, and nothing is left of it. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { openFds } from '../../../linux/fd/fd.ts';
import { readMountinfo } from '../../../linux/mount/mountinfo.ts';
import { checkNames } from './check-names.ts';
import { hostFacts } from './host-facts.ts';
import { probeNetwork } from './network-probe.ts';

const isRoot = process.getuid?.() === 0;
const executable = fileURLToPath(new URL('../../../../bin/vmlet', import.meta.url));
const nobody = 65_534;

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function doctor(args: readonly string[], uid?: number): Promise<Outcome> {
  try {
    const options = {
      timeout: 20_000,
      env: { PATH: process.env['PATH'] },
      ...(uid === undefined ? {} : { uid, gid: uid }),
    };
    return { code: 0, ...(await promisify(execFile)(executable, ['doctor', ...args], options)) };
  } catch (error) {
    const { code, stdout, stderr } = error as Outcome;
    return { code, stdout, stderr };
  }
}

interface Answer {
  readonly summary: Readonly<Record<'problem' | 'warning' | 'ok' | 'skipped', number>>;
  readonly checks: readonly { readonly name: string; readonly status: string; readonly seen: string }[];
}

test('all checks on this host: an exit code that tells, and JSON with everything', async () => {
  const { code, stdout, stderr } = await doctor(['-o', 'json']);
  assert.equal(stderr, '');
  const { summary, checks } = JSON.parse(stdout) as Answer;
  assert.deepEqual(
    checks.map(({ name }) => name),
    checkNames,
  );
  assert.equal(code, summary.problem > 0 ? 1 : 0);
  for (const { name, seen } of checks) {
    assert.notEqual(seen, '', name);
    assert.ok(!seen.includes('could not be found out') || !isRoot, `${name}: ${seen}`);
  }
});

test(
  'somebody who is not root is told what is left out',
  { skip: !isRoot && 'needs root to become another' },
  async () => {
    const { stdout } = await doctor([], nobody);
    assert.match(stdout, /skipped {2}security-capabilities/);
    assert.match(stdout, /some need root: sudo vmlet doctor\n$/);
    assert.doesNotMatch(stdout, /PROBLEM {2}network/);
  },
);

test('one subject; a word that is none is a wrong command line', async () => {
  const { stdout } = await doctor(['--check', 'namespaces']);
  assert.match(stdout, /namespaces-kinds/);
  assert.doesNotMatch(stdout, /memory-/);
  const wrong = await doctor(['--check', 'weather']);
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /'weather' is invalid/);
});

test('the network is tried without leaving anything', { skip: !isRoot && 'needs root' }, () => {
  const look = (): readonly unknown[] => [
    openFds().length,
    readdirSync('/sys/class/net'),
    readMountinfo().length,
    readdirSync(tmpdir()).filter((name) => name.startsWith('vmlet-doctor-')),
  ];
  const before = look();
  assert.deepEqual(Object.keys(probeNetwork()), ['bridge', 'veth', 'tap', 'nat']);
  assert.deepEqual(look(), before);
});

test('devices, space and direct I/O are read as they are', { skip: !isRoot && 'needs root' }, () => {
  const { probes } = hostFacts();
  const zero = probes.device('/dev/null');
  assert.deepEqual([zero?.type, zero?.major, zero?.minor], ['char', 1, 3]);
  assert.equal(probes.device('/dev/no-such-device'), undefined);
  const space = probes.space('/proc/no/such/directory');
  assert.equal(space.path, '/proc');
  assert.ok(probes.space(tmpdir()).totalBytes > 0);
  assert.notEqual(probes.directIo('/'), false);
  assert.equal(typeof probes.clockSynchronised(), 'boolean');
});
