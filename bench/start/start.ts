/**
 * Start of one VM, create to Running through the API, against `virsh create` of the same domain on a warm libvirt daemon,
 * alternating in one run; with a waterfall of the steps and the memory that a VM costs beside QEMU. Needs root.
 *
 *   node bench/start/start.ts [rounds]      writes bench/results/start.json
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { chownSync, cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { withDeadline } from '../../src/base/deadline.ts';
import { podType } from '../../src/apimachinery/core.ts';
import { createTap, deleteTap } from '../../src/linux/tap/tap.ts';
import { readMemory, readStatus } from '../../src/linux/process/process.ts';
import { startSessionDaemon } from '../../src/libvirt/testing/session-daemon.ts';
import { vmiType } from '../../src/vm/kinds/virtualmachineinstance/resource.ts';
import { sandboxProcesses } from '../../test/support/host.ts';
import { demoGuest, startInstance } from '../../test/support/instance.ts';
import { create, machineManifest, remove, waitForPhase, waitGone } from '../../test/support/machines.ts';
import { keepResult } from '../result.ts';
import { median, quantile } from '../statistics.ts';

const rounds = Number(process.argv[2] ?? 15);
/** nobody: a user that every host knows, which libvirt insists on. */
const referenceUid = 65534;
/** Short: libvirt makes a socket path of it, which has 108 bytes. */
const name = 'b';
/** An idle control plane has done everything that it does once. */
const idleMs = 30_000;
const tapName = `bench${process.pid % 10_000}`;

/** Notes a step of the current round; the watches are there before it begins, as those of a controller are. */
let note: (step: string) => void = () => undefined;
const cleanups: (() => unknown)[] = [];
const instance = await startInstance({
  after: (cleanup) => {
    cleanups.push(cleanup as () => unknown);
  },
});
try {
  await measure();
} finally {
  for (const cleanup of cleanups.toReversed()) {
    await cleanup();
  }
}

async function measure(): Promise<void> {
  // The first process after a change of the sources compiles them and keeps the compiler: 15 MiB that later ones do not.
  await instance.stop('SIGTERM');
  await instance.start();
  const ending = new AbortController();
  const followed = follow(ending.signal);
  cleanups.push(async () => {
    ending.abort();
    await followed.catch(() => undefined);
  });
  await sleep(idleMs);
  const idleKiB = Math.round((readStatus(instance.pid)?.residentBytes ?? 0) / 1024);
  await startAndRemove();
  const reference = await prepareReference();
  const vmletMs: number[] = [];
  const virshMs: number[] = [];
  const plainVirshMs: number[] = [];
  const waterfalls: Record<string, number>[] = [];
  for (let round = 0; round < rounds; round++) {
    const { totalMs, steps } = await startAndRemove();
    vmletMs.push(totalMs);
    waterfalls.push(steps);
    virshMs.push(reference.sameDomain());
    plainVirshMs.push(reference.plainDomain());
  }
  keepResult('start', {
    what: 'create to Running of one VMI (warm) against `virsh create` of the same domain on a warm daemon, alternating',
    acceleration: 'tcg',
    rounds,
    vmletMs: summary(vmletMs),
    virshCreateMs: summary(virshMs),
    ratioToVirshCreate: round2(median(vmletMs) / median(virshMs)),
    virshCreateWithoutCapabilityRemovalMs: summary(plainVirshMs),
    ratioToVirshCreateWithoutCapabilityRemoval: round2(median(vmletMs) / median(plainVirshMs)),
    waterfallMs: Object.fromEntries(
      Object.keys(waterfalls[0] ?? {}).map((step) => [
        step,
        round2(median(waterfalls.map((steps) => steps[step] ?? NaN))),
      ]),
    ),
    memoryBesideQemuKiB: await memoryBesideQemu(),
    idleControlPlaneRssKiB: idleKiB,
  });
}

function follow(signal: AbortSignal): Promise<unknown> {
  const { client } = instance.api;
  const pods = (async () => {
    for await (const event of client.watch(podType, { namespace: 'default', signal })) {
      if (event.type === 'BOOKMARK' || event.type === 'DELETED') {
        continue;
      }
      note('pod created');
      if (event.object.spec.nodeName !== undefined) {
        note('pod bound');
      }
      if (event.object.status?.containerStatuses?.[0]?.state.running !== undefined) {
        note('sandbox up');
      }
    }
  })();
  const vmis = (async () => {
    for await (const event of client.watch(vmiType, { namespace: 'default', signal })) {
      const phase = event.type === 'BOOKMARK' ? undefined : event.object.status?.phase;
      if (phase === 'Scheduled' || phase === 'Running') {
        note(phase === 'Scheduled' ? 'handed over' : 'Running');
      }
    }
  })();
  return Promise.all([pods, vmis]);
}

/** Times are from just before the create request, on this process's clock; steps from the agent's log on the same host. */
async function startAndRemove(): Promise<{ totalMs: number; steps: Record<string, number> }> {
  const seen = new Map<string, number>();
  const running = Promise.withResolvers<void>();
  note = (step) => {
    if (!seen.has(step)) {
      seen.set(step, Date.now());
    }
    if (step === 'Running') {
      running.resolve();
    }
  };
  const logFrom = instance.log().length;
  const startMs = Date.now();
  await create(instance, machineManifest(name));
  note('admitted');
  await withDeadline(running.promise, 60_000, 'wait for Running');
  note = () => undefined;
  for (const line of instance.log().slice(logFrom).split('\n')) {
    const entry = parseLine(line);
    if (entry !== undefined && ['network up', 'disks ready', 'domain defined', 'domain started'].includes(entry.msg)) {
      seen.set(entry.msg, Date.parse(entry.time));
    }
  }
  await remove(instance, name);
  await waitGone(instance, name);
  const order = [...seen.entries()].toSorted(([, left], [, right]) => left - right);
  return {
    totalMs: (seen.get('Running') ?? NaN) - startMs,
    steps: Object.fromEntries(order.map(([step, atMs]) => [step, atMs - startMs])),
  };
}

function parseLine(line: string): { msg: string; time: string } | undefined {
  try {
    return JSON.parse(line) as { msg: string; time: string };
  } catch {
    return undefined;
  }
}

interface Reference {
  /** Milliseconds of one `virsh create` of the very domain that vmlet starts. */
  readonly sameDomain: () => number;
  /** The same without the removal of a QEMU capability, by which vmlet spares libvirt some 400 questions to QEMU. */
  readonly plainDomain: () => number;
}

/** The domain that vmlet started, on a warm libvirt daemon of a plain user outside any sandbox. */
async function prepareReference(): Promise<Reference> {
  const directory = mkdtempSync(join(tmpdir(), 'bench-start-'));
  cleanups.push(() => rmSync(directory, { recursive: true, force: true }));
  chownSync(directory, referenceUid, referenceUid);
  const layer = execFileSync(
    'sh',
    ['-c', 'ls -S "$1"/blobs/sha256/* | head -n 1', 'sh', demoGuest.slice('oci:'.length)],
    { encoding: 'utf8' },
  );
  execFileSync('tar', ['-xf', layer.trim(), '-C', directory, 'boot']);
  await create(instance, machineManifest(name));
  const vmi = await waitForPhase(instance, name, 'Running');
  const podUid = Object.keys(vmi.status?.activePods ?? {})[0] ?? '';
  const socket = join(directory, 'daemon');
  symlinkSync(
    `${instance.stateDir}/kubelet/pods/${podUid}/volumes/kubernetes.io~empty-dir/libvirt-runtime/libvirt-sock`,
    socket,
  );
  const xml = virsh(`qemu:///session?socket=${socket}`, 'dumpxml', '--inactive', `default_${name}`);
  await remove(instance, name);
  await waitGone(instance, name);

  const daemon = await startSessionDaemon({ uid: referenceUid, withTun: true });
  cleanups.push(() => daemon.close());
  createTap({
    name: tapName,
    owner: referenceUid,
    group: referenceUid,
    queues: 1,
    vnetHdr: true,
    persist: true,
  }).close();
  cleanups.push(() => deleteTap({ name: tapName, queues: 1, vnetHdr: true }));
  cpSync(join(directory, 'boot'), join(daemon.directory, 'boot'), { recursive: true });
  const sameXml = xml
    .replaceAll('/var/run/kubevirt-kernel-boot', daemon.directory)
    .replaceAll(/\/var\/run\/kubevirt-private\/[0-9a-f-]+/g, daemon.directory)
    .replaceAll("dev='tap0'", `dev='${tapName}'`);
  const plainXml = sameXml.replace(/<qemu:capabilities>.*?<\/qemu:capabilities>/su, '');
  if (plainXml === sameXml) {
    throw new Error('the domain no longer removes a QEMU capability: the second reference measures nothing');
  }
  const timed = (label: string, text: string): (() => number) => {
    const file = join(directory, `${label}.xml`);
    writeFileSync(file, text);
    return () => {
      const startMs = performance.now();
      virsh(daemon.virshUri, 'create', file);
      const tookMs = performance.now() - startMs;
      virsh(daemon.virshUri, 'destroy', `default_${name}`);
      return tookMs;
    };
  };
  const reference = { sameDomain: timed('same', sameXml), plainDomain: timed('plain', plainXml) };
  reference.sameDomain();
  reference.plainDomain();
  return reference;
}

function virsh(uri: string, ...words: string[]): string {
  const { status, stdout, stderr } = spawnSync('virsh', ['-q', '-c', uri, ...words], {
    encoding: 'utf8',
    timeout: 60_000,
  });
  if (status !== 0) {
    throw new Error(`virsh ${words.join(' ')}: ${stderr}`);
  }
  return stdout;
}

async function memoryBesideQemu(): Promise<Record<string, number>> {
  await create(instance, machineManifest(name));
  await waitForPhase(instance, name, 'Running');
  const anonymous = (command: string): number =>
    sandboxProcesses(instance, command).reduce((sum, pid) => sum + (readMemory(pid)?.anonymousBytes ?? 0), 0) / 1024;
  const result = {
    init: anonymous('init'),
    libvirt: anonymous('libvirtd') + anonymous('virtqemud'),
    qemu: anonymous('qemu-system'),
  };
  await remove(instance, name);
  await waitGone(instance, name);
  return result;
}

function summary(values: readonly number[]): Record<string, number> {
  return { median: round2(median(values)), p10: round2(quantile(values, 0.1)), p90: round2(quantile(values, 0.9)) };
}

function round2(value: number): number {
  return Math.round(value * 100) / 100;
}
