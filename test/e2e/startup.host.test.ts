/** `vmlet up` where it cannot, twice, and cut off half-way: one clear line, and nothing is left behind. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { withDeadline } from '../../src/base/deadline.ts';
import { executable, freePort, missingForHostTests, startInstance } from '../support/instance.ts';
import { appearance, assertNothingLeft, processesOf } from '../support/faults.ts';
import { run, traces } from '../support/host.ts';
import { create, machineManifest, remove, waitForPhase, waitGone } from '../support/machines.ts';
import { wipeRuntime } from '../support/wipe.ts';

const skip = missingForHostTests() ?? false;
let places = 0;

interface Place {
  readonly stateDir: string;
  readonly runDir: string;
  readonly bridge: string;
}

function newPlace(t: TestContext): Place {
  const base = mkdtempSync(join(tmpdir(), 'vmlet-startup-'));
  const place = { stateDir: join(base, 'state'), runDir: join(base, 'run'), bridge: `vms${process.pid}x${places++}` };
  t.after(async () => {
    await wipeRuntime(place);
    rmSync(base, { recursive: true, force: true });
  });
  return place;
}

interface Up {
  readonly ended: Promise<{ readonly code: number | null; readonly out: string; readonly err: string }>;
  /** Resolves to false when it ended instead. */
  readonly ready: Promise<boolean>;
  signal(name: NodeJS.Signals): void;
}

async function up(place: Place, wantedPort?: number): Promise<Up> {
  const port = wantedPort ?? (await freePort());
  const { stateDir, runDir, bridge } = place;
  const words = ['up', '--state-dir', stateDir, '--run-dir', runDir, '--bridge', bridge, '--port', String(port)];
  const octet = (process.pid % 100) + 100;
  const network = ['--pod-cidr', `10.${octet}.200.0/24`, '--pod-cidr-v6', `fd76:${octet}:200::/64`];
  const child = spawn(executable, [...words, ...network], { stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let err = '';
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  const closed = once(child, 'close');
  const ready = new Promise<boolean>((resolve) => {
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString();
      if (out.includes('vmlet is ready')) {
        resolve(true);
      }
    });
    void closed.then(() => resolve(false));
  });
  return {
    ready,
    ended: withDeadline(
      closed.then(([code]) => ({ code: code as number | null, out, err })),
      40_000,
      'vmlet up to end',
    ),
    signal: (name) => child.kill(name),
  };
}

/** The lines for a person: without the log. */
function told(err: string): string[] {
  return err.split('\n').filter((line) => line !== '' && !line.startsWith('{'));
}

function assertUnused(place: Place): void {
  assert.ok(!existsSync(`/sys/class/net/${place.bridge}`), 'the bridge is gone');
  assert.ok(!run('nft', 'list', 'tables').includes(place.bridge), 'the nftables table is gone');
  assert.ok(!readFileSync('/proc/self/mountinfo', 'utf8').includes(place.runDir), 'no mount is left');
  assert.ok(!existsSync(join(place.runDir, 'vmlet.pid')), 'no pid file is left');
  const cgroups = run('find', '/sys/fs/cgroup', '-type', 'd', '-path', `*/vmlet/${place.bridge}*`);
  assert.equal(cgroups, '', 'no cgroup is left');
}

test(
  'a second vmlet for the same directories or port is refused in one line',
  { skip, timeout: 120_000 },
  async (t) => {
    const instance = await startInstance(t);
    const { port } = new URL(/https:\/\/127\.0\.0\.1:\d+/.exec(instance.log())?.[0] ?? '');

    await t.test('the same directories', async () => {
      const { code, err } = await (await up(instance)).ended;
      assert.equal(code, 1);
      assert.deepEqual(told(err), [`vmlet: vmlet already runs here (pid ${instance.pid}): \`vmlet down\` stops it`]);
    });

    await t.test('the same state with another run directory', async (part) => {
      const other = newPlace(part);
      const { code, err } = await (await up({ ...other, stateDir: instance.stateDir })).ended;
      assert.equal(code, 1);
      assert.equal(told(err).length, 1, err);
      assert.match(err, new RegExp(`another vmlet uses ${instance.stateDir}`));
      assertUnused(other);
    });

    await t.test('the same port', async (part) => {
      const other = newPlace(part);
      const { code, err } = await (await up(other, Number(port))).ended;
      assert.equal(code, 1);
      assert.equal(told(err).length, 1, err);
      assert.match(told(err)[0] ?? '', new RegExp(`${port}.*in use`));
      assertUnused(other);
    });

    const answer = await instance.kubectl('get', 'vmi');
    assert.equal(answer.code, 0, 'the first one goes on');
  },
);

test('of two that start at the same moment one runs', { skip, timeout: 60_000 }, async (t) => {
  const place = newPlace(t);
  const both = await Promise.all([up(place), up(place)]);
  const ready = await Promise.all(both.map((one) => one.ready));
  assert.equal(ready.filter(Boolean).length, 1);
  both[ready.indexOf(true)]?.signal('SIGTERM');
  const ends = await Promise.all(both.map((one) => one.ended));
  assert.deepEqual(
    ends.map(({ code }) => code),
    ready.map((won) => (won ? 0 : 1)),
  );
  assertUnused(place);
});

test(
  'a stale pid file, even of a pid in use, does not keep vmlet from starting',
  { skip, timeout: 60_000 },
  async (t) => {
    const place = newPlace(t);
    mkdirSync(place.runDir, { recursive: true });
    writeFileSync(join(place.runDir, 'vmlet.pid'), JSON.stringify({ pid: 1, startTicks: '1' }));
    const vmlet = await up(place);
    assert.ok(await vmlet.ready);
    vmlet.signal('SIGTERM');
    assert.equal((await vmlet.ended).code, 0);
    assertUnused(place);
  },
);

test('Ctrl-C while starting ends soon and leaves nothing', { skip, timeout: 90_000 }, async (t) => {
  const place = newPlace(t);
  for (const afterMs of [100, 250, 500, 900, 1400]) {
    const vmlet = await up(place);
    // The moment itself is what is tested; there is no event for "somewhere in the middle".
    await sleep(afterMs);
    vmlet.signal('SIGINT');
    const asked = Date.now();
    const { code, out, err } = await vmlet.ended;
    const wasReady = out.includes('vmlet is ready');
    assert.ok(code === 130 || code === null || (wasReady && code === 0), `${afterMs} ms: ${code} ${err}`);
    assert.ok(Date.now() - asked < 10_000, `${afterMs} ms: took ${Date.now() - asked} ms`);
    assert.deepEqual(told(err), [], `${afterMs} ms`);
    assertUnused(place);
  }
});

test('SIGTERM in the middle of a VM start is finished by the next vmlet', { skip, timeout: 120_000 }, async (t) => {
  const instance = await startInstance(t);
  const before = traces(instance);
  for (const [index, moment] of (['init', 'daemon', 'qemu'] as const).entries()) {
    const name = `cut-${index}`;
    await create(instance, machineManifest(name));
    await appearance(instance, moment);
    const asked = Date.now();
    await instance.stop('SIGTERM');
    assert.ok(Date.now() - asked < 10_000, `${moment}: ended after ${Date.now() - asked} ms`);
    await instance.start();
    await waitForPhase(instance, name, 'Running');
    assert.equal(processesOf(instance, 'qemu').length, 1);
    await remove(instance, name);
    await waitGone(instance, name);
    await assertNothingLeft(instance, before);
  }
});
