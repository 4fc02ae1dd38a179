/** Every kind of thing that could be left behind, made by hand with our mark beside look-alikes of others: found, told, mended. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { test, type TestContext } from 'node:test';
import { pollUntil } from '../../src/base/deadline.ts';
import type { AuditReport } from '../../src/embedded/audit/model.ts';
import { hostLinkName } from '../../src/embedded/podnetwork/pod-side.ts';
import { vmiType } from '../../src/vm/kinds/virtualmachineinstance/resource.ts';
import { run, sandboxProcesses } from '../support/host.ts';
import { missingForHostTests, startInstance, type TestInstance } from '../support/instance.ts';
import { addresses, create, fetchFromGuest, machineManifest, waitForPhase, waitGone } from '../support/machines.ts';

const skip = missingForHostTests() ?? false;

interface Answer {
  readonly code: number | null;
  readonly report: AuditReport;
}

async function audit(instance: TestInstance, ...words: string[]): Promise<Answer> {
  const place = ['--state-dir', instance.stateDir, '--run-dir', instance.runDir, '--bridge', instance.bridge];
  const { code, out, err } = await instance.vmlet('audit', ...place, '-o', 'json', ...words);
  assert.equal(err, '');
  return { code, report: JSON.parse(out) as AuditReport };
}

/** `kind object` of what this audit would remove or has removed, of other tests' instances nothing. */
function orphans({ findings }: AuditReport): string[] {
  return findings
    .filter(({ verdict }) => verdict === 'orphan')
    .map(({ kind, object }) => `${kind} ${object.replace(/^\d+ /, '')}`)
    .toSorted();
}

/** In some hierarchy that every host of ours has. */
function cgroupRoot(): string {
  return existsSync('/sys/fs/cgroup/cgroup.controllers') ? '/sys/fs/cgroup' : '/sys/fs/cgroup/pids';
}

function quietly(...words: [string, ...string[]]): void {
  try {
    execFileSync(words[0], words.slice(1), { stdio: 'ignore', timeout: 10_000 });
  } catch {
    // Gone already: that is what the test is about.
  }
}

/** Remains of a Pod that never was, of every kind. Gives what an audit should say of them. */
function makeRemains(t: TestContext, instance: TestInstance, uid: string, withDirectory = true): string[] {
  const { bridge, runDir, stateDir } = instance;
  const link = hostLinkName(bridge, uid);
  run('ip', 'link', 'add', link, 'type', 'veth', 'peer', 'name', `p${link.slice(3)}`);
  run('ip', 'link', 'set', link, 'master', bridge, 'alias', `vmlet pod ${uid}`);
  t.after(() => quietly('ip', 'link', 'delete', link));
  const cgroup = `${cgroupRoot()}/vmlet/${bridge}/pod${uid}`;
  mkdirSync(cgroup, { recursive: true });
  const netns = `${runDir}/netns/${uid}`;
  writeFileSync(netns, '');
  run('unshare', '--net', 'mount', '--bind', '/proc/self/ns/net', netns);
  mkdirSync(`${runDir}/sandbox/bundles/${uid}`, { recursive: true });
  mkdirSync(`${runDir}/sandbox/runtime/${uid}`, { recursive: true });
  writeFileSync(`${runDir}/pod-addresses/${uid}`, '77\n');
  const directory = `${stateDir}/kubelet/pods/${uid}`;
  if (withDirectory) {
    mkdirSync(`${directory}/volumes/x`, { recursive: true });
    run('mount', '-t', 'tmpfs', 'left', `${directory}/volumes/x`);
  }
  return [
    `link ${link}`,
    `cgroup /vmlet/${bridge}/pod${uid}`,
    `namespace ${netns}`,
    `sandbox ${uid}`,
    `pod address ${runDir}/pod-addresses/${uid}`,
    ...(withDirectory ? [`mount ${directory}/volumes/x`, `pod directory ${directory}`] : []),
  ];
}

/** A process of a Pod that never was. */
function makeProcess(t: TestContext, instance: TestInstance, uid: string): string {
  const sleeper = spawn('sleep', ['300'], { stdio: 'ignore' });
  t.after(() => sleeper.kill('SIGKILL'));
  writeFileSync(`${cgroupRoot()}/vmlet/${instance.bridge}/pod${uid}/cgroup.procs`, String(sleeper.pid));
  return 'process sleep';
}

/** Things that look like ours and are not. Gives what must still be there at the end. */
function makeLookAlikes(t: TestContext, instance: TestInstance, uid: string): () => void {
  const tag = `${process.pid % 10_000}`;
  const { bridge, runDir, stateDir } = instance;
  // A link of a pod of another instance, that instance's bridge, somebody's own port, a table of a similar name.
  const other = `vmo${tag}`;
  const links = [hostLinkName(other, uid), other, `own${tag}`];
  for (const [name, alias, kind] of [
    [links[1], `vmlet pod network ${other}`, 'bridge'],
    [links[0], `vmlet pod ${uid}`, 'dummy'],
    [links[2], 'mine', 'dummy'],
  ] as const) {
    const type = kind === 'bridge' ? ['bridge'] : ['veth', 'peer', 'name', `q${String(name).slice(0, 12)}`];
    run('ip', 'link', 'add', String(name), 'type', ...type);
    run('ip', 'link', 'set', String(name), 'alias', alias);
    t.after(() => quietly('ip', 'link', 'delete', String(name)));
  }
  run('ip', 'link', 'set', `own${tag}`, 'master', bridge);
  run('nft', 'add', 'table', 'inet', `${bridge}-mine`);
  t.after(() => quietly('nft', 'delete', 'table', 'inet', `${bridge}-mine`));
  run('nft', 'add', 'table', 'ip', bridge);
  t.after(() => quietly('nft', 'delete', 'table', 'ip', bridge));
  const cgroups = [`${cgroupRoot()}/vmlet/${bridge}-mine/pod${uid}`, `${cgroupRoot()}/vmlet/${bridge}/mine`];
  for (const path of cgroups) {
    mkdirSync(path, { recursive: true });
    t.after(() => {
      quietly('rmdir', path);
      quietly('rmdir', `${cgroupRoot()}/vmlet/${bridge}-mine`);
    });
  }
  const files = [`${runDir}/my-notes`, `${stateDir}/my-notes`];
  files.forEach((file) => writeFileSync(file, 'mine'));
  return () => {
    for (const name of links) {
      assert.ok(existsSync(`/sys/class/net/${name}`), `link ${name} survives`);
    }
    const tables = run('nft', 'list', 'tables');
    assert.ok(tables.includes(`table inet ${bridge}-mine`) && tables.includes(`table ip ${bridge}\n`), tables);
    for (const path of [...cgroups, ...files]) {
      assert.ok(existsSync(path), `${path} survives`);
    }
  };
}

test(
  'an audit of a running vmlet finds what belongs to nobody and what is missing',
  { skip, timeout: 600_000 },
  async (t) => {
    const instance = await startInstance(t, ['--drift-resync', '3600']);
    await create(instance, machineManifest('kept'));
    const vmi = await waitForPhase(instance, 'kept', 'Running');
    await fetchFromGuest(addresses(vmi)[0] ?? '', '/', 180_000);
    const [qemu] = sandboxProcesses(instance, 'qemu-system');

    await t.test('clean at first', async () => {
      const { code, report } = await audit(instance);
      assert.deepEqual(
        report.findings.filter(({ verdict }) => verdict !== 'reclaimable'),
        [],
      );
      assert.equal(report.daemon, 'running');
      assert.equal(code, 0);
    });

    const uid = randomUUID();
    const expected = makeRemains(t, instance, uid);
    expected.push(makeProcess(t, instance, uid));
    const survivors = makeLookAlikes(t, instance, randomUUID());

    await t.test('exactly the remains, each with a command; look-alikes at most undecided', async () => {
      const { code, report } = await audit(instance);
      assert.equal(code, 1);
      assert.deepEqual(orphans(report), expected.toSorted());
      for (const { verdict, meaning, remedy, what } of report.findings) {
        assert.ok(verdict === 'reclaimable' || (meaning !== '' && remedy !== '' && what !== ''));
      }
      const undecided = report.findings.filter(({ verdict }) => verdict === 'undecided').map(({ kind }) => kind);
      assert.deepEqual(undecided.toSorted(), ['cgroup', 'nftables table']);
      // Reading changed nothing.
      assert.deepEqual(orphans((await audit(instance)).report), expected.toSorted());
    });

    await t.test('the text says the same', async () => {
      const place = ['--state-dir', instance.stateDir, '--run-dir', instance.runDir, '--bridge', instance.bridge];
      const { out, code } = await instance.vmlet('audit', ...place);
      assert.equal(code, 1);
      assert.match(
        out,
        /ORPHAN {2}link vml[0-9a-f]{11}\n {2}seen: .*\n {2}for VMs: .*\n {2}remedy: {3}ip link delete vml/,
      );
      assert.match(out, /8 orphaned, 0 missing, 2 undecided/);
    });

    await t.test('--repair takes them away, and nothing else', async () => {
      const { report } = await audit(instance, '--repair');
      const failed = report.findings.filter(({ outcome }) => outcome === 'failed');
      assert.deepEqual(failed, []);
      survivors();
      const after = await audit(instance);
      assert.deepEqual(orphans(after.report), []);
      assert.match(await fetchFromGuest(addresses(vmi)[0] ?? '', '/', 180_000), /Hello/);
      assert.deepEqual(sandboxProcesses(instance, 'qemu-system'), [qemu]);
    });

    await t.test('what a VM lacks is told and mended', async () => {
      await instance.api.client.patch(
        vmiType,
        { namespace: 'default', name: 'kept' },
        { type: 'merge', body: { metadata: { annotations: { 'vmlet.io/drift-policy': 'report' } } } },
      );
      const shown = async (): Promise<string[]> => {
        const { findings } = (await audit(instance)).report;
        return findings.filter(({ verdict }) => verdict === 'missing').map(({ kind, what }) => `${kind} ${what}`);
      };
      // The agent has the new policy once a change stays.
      const missing = await pollUntil(
        async () => {
          run('nsenter', '-t', String(qemu), '-n', 'ip', 'link', 'set', 'tap0', 'mtu', '1300');
          const found = await shown();
          return found.length > 0 ? found : undefined;
        },
        { timeoutMs: 20_000, intervalMs: 200, doing: 'the finding' },
      );
      assert.match(missing.join('\n'), /vm network: set link tap0: MTU/);
      const { report } = await audit(instance, '--repair');
      assert.ok(report.findings.some(({ verdict, outcome }) => verdict === 'missing' && outcome === 'repaired'));
      assert.deepEqual(await shown(), []);
    });
  },
);

test('an audit after a crash finds what is left and spares VMs that run on', { skip, timeout: 600_000 }, async (t) => {
  const instance = await startInstance(t);
  await create(instance, machineManifest('runs-on'));
  const vmi = await waitForPhase(instance, 'runs-on', 'Running');
  await fetchFromGuest(addresses(vmi)[0] ?? '', '/', 180_000);
  const [qemu] = sandboxProcesses(instance, 'qemu-system');
  await instance.stop('SIGKILL');

  const uid = randomUUID();
  const tellsTheEnd = /^(cgroup|sandbox|pod directory) /;
  const expected = makeRemains(t, instance, uid).filter((line) => !tellsTheEnd.test(line));
  expected.push(...makeRemains(t, instance, randomUUID(), false));
  // Of this one a process lives, whatever else is known.
  const alive = randomUUID();
  makeRemains(t, instance, alive, false);
  makeProcess(t, instance, alive);
  mkdirSync(`${instance.runDir}/staging/seed-left`, { recursive: true });
  const survivors = makeLookAlikes(t, instance, randomUUID());
  expected.push(`staging ${instance.runDir}/staging/seed-left`);

  const { code, report } = await audit(instance);
  assert.equal(code, 1);
  assert.equal(report.daemon, 'down');
  assert.deepEqual(orphans(report), expected.toSorted());
  const undecided = report.findings.filter(({ verdict }) => verdict === 'undecided').map(({ object }) => object);
  assert.ok(undecided.includes(`${instance.stateDir}/kubelet/pods/${uid}`), 'disks are not thrown away');
  assert.ok(undecided.includes(uid), 'nor what tells how it ended');

  const repaired = await audit(instance, '--repair');
  assert.deepEqual(
    repaired.report.findings.filter(({ outcome }) => outcome === 'failed'),
    [],
  );
  assert.deepEqual(orphans((await audit(instance)).report), []);
  survivors();
  assert.deepEqual(sandboxProcesses(instance, 'qemu-system'), [qemu], 'the VM runs on');
  assert.match(await fetchFromGuest(addresses(vmi)[0] ?? '', '/', 180_000), /Hello/);
  await instance.start();
  assert.equal((await waitForPhase(instance, 'runs-on', 'Running')).metadata.uid, vmi.metadata.uid);

  await t.test("without a VM the bridge and the tables are nobody's too", async () => {
    await instance.api.client.delete(vmiType, { namespace: 'default', name: 'runs-on' });
    await waitGone(instance, 'runs-on');
    await instance.stop('SIGKILL');
    const { bridge } = instance;
    const shared = [`link ${bridge}`, `nftables table bridge ${bridge}`, `nftables table inet ${bridge}`];
    assert.deepEqual(orphans((await audit(instance)).report), shared);
    // Named wrongly, nothing is decided.
    const elsewhere = await instance.vmlet(
      'audit',
      '--repair',
      '--bridge',
      bridge,
      '--run-dir',
      '/run/no-vmlet-here',
      '-o',
      'json',
    );
    assert.deepEqual(orphans(JSON.parse(elsewhere.out) as AuditReport), []);
    await audit(instance, '--repair');
    assert.deepEqual(orphans((await audit(instance)).report), []);
    assert.ok(!existsSync(`/sys/class/net/${bridge}`));
    survivors();
  });
});
