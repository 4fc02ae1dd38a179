import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chownSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { missingForSessionDaemon, startSessionDaemon } from '../../../libvirt/testing/session-daemon.ts';
import type { VirtualMachineInstance } from '../../../vm/kinds/virtualmachineinstance/types.ts';
import { compileNetwork } from '../network/spec.ts';
import type { MachinePlace } from '../facet.ts';
import { filesFacet } from '../files/facet.ts';
import { volumesOf } from '../files/observe.ts';
import { podUid, vmiUid } from '../testing/machines.ts';
import { emulatorPath } from './emulator.ts';
import { domainFacet } from './facet.ts';

const run = promisify(execFile);
/** nobody: a user that every host knows, which libvirt insists on. */
const uid = 65_534;

const vmi: VirtualMachineInstance = {
  apiVersion: 'kubevirt.io/v1',
  kind: 'VirtualMachineInstance',
  metadata: { name: 'facets', namespace: 'test', uid: vmiUid },
  spec: {
    startStrategy: 'Paused',
    domain: {
      memory: { guest: '64Mi' },
      devices: {
        disks: [
          { name: 'scratch', disk: { bus: 'virtio' } },
          { name: 'seed', disk: { bus: 'virtio' } },
        ],
      },
    },
    volumes: [
      { name: 'scratch', emptyDisk: { capacity: '8Mi' } },
      { name: 'seed', cloudInitNoCloud: { userData: '#cloud-config\n' } },
    ],
  },
  status: { phase: 'Scheduled' },
};

test(
  'files and domain of a VM on a real daemon: cut off, finished, and an attached disk told',
  { timeout: 120_000 },
  async (t) => {
    const missing = missingForSessionDaemon();
    if (missing !== undefined) {
      t.skip(missing);
      return;
    }
    await using cleanup = new AsyncDisposableStack();
    const kubeletDir = mkdtempSync(join(tmpdir(), 'vmlet-facets-'));
    cleanup.defer(() => rmSync(kubeletDir, { recursive: true }));
    const { privateVolume, disksVolume } = volumesOf(kubeletDir, podUid);
    for (const directory of [privateVolume, disksVolume]) {
      mkdirSync(directory, { recursive: true });
      chownSync(directory, uid, uid);
    }
    await run('chmod', ['-R', 'a+rx', kubeletDir]);
    const daemon = await startSessionDaemon({ uid });
    cleanup.defer(() => daemon.close());
    const connection = await daemon.open();
    cleanup.defer(() => connection.close());
    const steps: string[] = [];
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p', uid: podUid }, spec: { containers: [] } };
    // The parts of a place that these two facets use.
    const place = {
      vmi,
      pod,
      podUid,
      signal: AbortSignal.timeout(60_000),
      link: { connection },
      context: {
        kubeletDir,
        stagingDir: join(kubeletDir, 'staging'),
        step: (_vmi: unknown, step: string) => steps.push(step),
      },
    } as unknown as MachinePlace;

    const filesFacts = { privateVolume, disksVolume, owner: { uid, gid: uid }, images: {}, firmware: undefined };
    const files = filesFacet.compile(place, filesFacts, {});
    const missingFiles = async (): Promise<readonly string[]> =>
      filesFacet.plan(files, await filesFacet.observe(place, files)).map(({ kind }) => kind);
    const wanted = filesFacet.plan(files, await filesFacet.observe(place, files));
    assert.deepEqual(wanted, filesFacet.plan(files, filesFacet.nothing(files)));
    assert.deepEqual(await missingFiles(), ['create-directory', 'create-empty-disk', 'write-seed']);
    await filesFacet.apply(place, wanted.slice(0, 2));
    assert.deepEqual(await missingFiles(), ['write-seed']);
    await filesFacet.apply(place, wanted);
    assert.deepEqual(await missingFiles(), []);
    const scratch = join(disksVolume, files.files[0]?.place.path ?? '');
    const before = statSync(scratch);
    await filesFacet.apply(place, wanted);
    assert.deepEqual([statSync(scratch).ino, statSync(scratch).mtimeMs], [before.ino, before.mtimeMs]);
    assert.equal(before.uid, uid);
    chownSync(join(privateVolume, vmiUid), 0, 0);
    assert.deepEqual(await missingFiles(), ['set-owner']);
    await filesFacet.apply(place, filesFacet.plan(files, await filesFacet.observe(place, files)));

    // A socket's path has 108 bytes.
    const shortPrivateDir = join(daemon.directory, 'private');
    mkdirSync(shortPrivateDir);
    chownSync(shortPrivateDir, uid, uid);
    const onHost = {
      ...files,
      privateDir: shortPrivateDir,
      disks: files.disks.map((disk, index) => ({
        ...disk,
        path: join(disksVolume, files.files[index]?.place.path ?? ''),
      })),
    };
    const facts = { virtType: 'qemu', vhostNet: false, emulatorPath: emulatorPath() } as const;
    const spec = domainFacet.compile(place, facts, { network: compileNetwork(vmi, { podNics: [] }), files: onHost });
    const plan = async (): Promise<readonly string[]> =>
      domainFacet.plan(spec, await domainFacet.observe(place, spec)).map((op) => domainFacet.describe(op));
    const start = domainFacet.plan(spec, await domainFacet.observe(place, spec));
    assert.deepEqual(
      start.map(({ kind }) => kind),
      ['define', 'start'],
    );
    await domainFacet.apply(place, start.slice(0, 1));
    assert.deepEqual((await plan()).length, 2, 'defined and not started: both again');
    await domainFacet.apply(place, domainFacet.plan(spec, await domainFacet.observe(place, spec)));
    assert.deepEqual(steps, ['domain defined', 'domain defined', 'domain started']);
    assert.deepEqual(await plan(), []);

    const image = join(daemon.directory, 'extra.img');
    await run('qemu-img', ['create', '-q', '-f', 'raw', image, '1M']);
    chownSync(image, uid, uid);
    const extra = ['attach-disk', spec.name, image, 'vdz', '--live', '--mode', 'readonly'];
    await run('virsh', ['-c', daemon.virshUri, ...extra], { timeout: 20_000 });
    const reports = domainFacet.plan(spec, await domainFacet.observe(place, spec));
    assert.deepEqual(
      reports.map((op) => [op.kind, domainFacet.isReport?.(op)]),
      [['report', true]],
    );
    assert.match(
      (await plan()).join(),
      /^the running domain has a disk virtio-disk25 that the manifest does not name$/,
    );
    await domainFacet.apply(place, reports);
    assert.equal((await plan()).length, 1, 'a report changes nothing');
    await run('virsh', ['-c', daemon.virshUri, 'destroy', spec.name], { timeout: 20_000 });
    assert.deepEqual(await plan(), [], 'a guest that was ended is not started again');
  },
);
