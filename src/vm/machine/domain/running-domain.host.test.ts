import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { accessSync, chownSync, constants, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { promisify } from 'node:util';
import { VIR_DOMAIN_START_PAUSED } from '../../../libvirt/domain/flags.ts';
import { connectSocket, missingForSessionDaemon, startSessionDaemon } from '../../../libvirt/testing/session-daemon.ts';
import { formatDomainXml } from '../../../libvirt/xml/format-domain.ts';
import { parseDomainXml } from '../../../libvirt/xml/parse-domain.ts';
import type { VirtualMachineInstance } from '../../kinds/virtualmachineinstance/types.ts';
import { compileDomain, serialSocketName, vncSocketName } from './compile-domain.ts';

const run = promisify(execFile);
/** nobody */
const UID = 65_534;

function missingTools(): string | undefined {
  const missing = missingForSessionDaemon();
  if (missing !== undefined) {
    return missing;
  }
  for (const path of ['/usr/bin/qemu-img', '/dev/net/tun']) {
    try {
      accessSync(path, constants.R_OK);
    } catch {
      return `${path} is not there`;
    }
  }
  return undefined;
}

it('a compiled domain with disks and a TAP device runs', { timeout: 120_000 }, async (t) => {
  const missing = missingTools();
  if (missing !== undefined) {
    t.skip(missing);
    return;
  }
  const tap = `vmlt${process.pid}`.slice(0, 15);
  await run('ip', ['tuntap', 'add', 'dev', tap, 'mode', 'tap', 'user', String(UID), 'vnet_hdr']);
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(async () => void (await run('ip', ['link', 'delete', tap])));
  const daemon = await startSessionDaemon({ uid: UID, withTun: true });
  cleanup.defer(() => daemon.close());
  const connection = await daemon.open();
  cleanup.defer(() => connection.close());

  const directory = join(daemon.directory, 'disks');
  const privateDir = join(daemon.directory, 'private');
  for (const path of [directory, privateDir]) {
    mkdirSync(path);
    chownSync(path, UID, UID);
  }
  const at = (name: string): string => join(directory, name);
  const secret = join(daemon.directory, 'secret');
  writeFileSync(secret, 'not for guests');
  await run('qemu-img', ['create', '-q', '-f', 'raw', at('base.img'), '8M']);
  await run('qemu-img', ['create', '-q', '-f', 'qcow2', '-F', 'raw', '-b', at('base.img'), at('overlay.qcow2')]);
  // An image whose header names a file of the host: the domain says that nothing is below, and nothing may be opened.
  await run('qemu-img', ['create', '-q', '-f', 'qcow2', '-u', '-F', 'raw', '-b', secret, at('hostile.qcow2'), '1M']);
  await run('qemu-img', ['create', '-q', '-f', 'raw', at('seed.iso'), '1M']);
  for (const name of ['base.img', 'overlay.qcow2', 'hostile.qcow2', 'seed.iso']) {
    chownSync(at(name), UID, UID);
  }

  const vmi: VirtualMachineInstance = {
    apiVersion: 'kubevirt.io/v1',
    kind: 'VirtualMachineInstance',
    metadata: { name: 'runs', namespace: 'test', uid: '11111111-2222-4333-8444-555555555555' },
    spec: {
      domain: {
        memory: { guest: '64Mi' },
        devices: {
          rng: {},
          disks: [
            { name: 'root', disk: { bus: 'virtio' } },
            { name: 'hostile', disk: { bus: 'virtio' } },
            { name: 'seed', cdrom: { bus: 'sata' } },
          ],
          interfaces: [{ name: 'default', masquerade: {} }],
        },
      },
    },
  };
  const domain = compileDomain({
    vmi,
    facts: {
      virtType: 'qemu',
      emulatorPath: '/usr/bin/qemu-system-x86_64',
      disks: [
        {
          name: 'root',
          path: at('overlay.qcow2'),
          format: 'qcow2',
          backing: [{ path: at('base.img'), format: 'raw' }],
        },
        { name: 'hostile', path: at('hostile.qcow2'), format: 'qcow2' },
        { name: 'seed', path: at('seed.iso'), format: 'raw' },
      ],
      interfaces: [{ name: 'default', tap, mac: '02:00:00:00:00:09', mtu: 1450, queues: 1 }],
      privateDir,
    },
  });
  const running = await connection.createDomainXml(formatDomainXml(domain), VIR_DOMAIN_START_PAUSED, {
    timeoutMs: 60_000,
  });

  const observed = parseDomainXml(await connection.domainXml(running), 'vmlet');
  assert.equal(observed.id, running.id);
  assert.deepEqual(
    observed.disks.map(({ alias, target }) => `${alias}:${target}`),
    ['root:vda', 'hostile:vdb', 'seed:sda'],
  );
  assert.deepEqual(observed.interfaces, [{ alias: 'default', tap, mac: '02:00:00:00:00:09', linkDown: false }]);
  assert.equal(observed.metadata['vmi']?.['uid'], vmi.metadata.uid);

  const blocks = await connection.monitorCommand(running, { command: '{"execute":"query-named-block-nodes"}' });
  assert.ok(blocks.includes(at('base.img')));
  assert.ok(blocks.includes(at('hostile.qcow2')));
  const opened = (JSON.parse(blocks) as { return: { file: string }[] }).return.map((node) => node.file);
  assert.ok(!opened.includes(secret), 'a backing file was taken from an image');

  for (const name of [serialSocketName, vncSocketName]) {
    (await connectSocket(join(privateDir, name))).destroy();
  }
  await connection.destroyDomain(running);
});
