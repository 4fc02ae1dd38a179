import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { promisify } from 'node:util';
import { pollUntil, withDeadline } from '../../base/deadline.ts';
import { errorCode } from '../../base/errors.ts';
import type { DomainEvent } from '../domain/events.ts';
import {
  VIR_DOMAIN_AFFECT_CONFIG,
  VIR_DOMAIN_STATS_STATE,
  VIR_DOMAIN_STATS_VCPU,
  VIR_DOMAIN_START_PAUSED,
} from '../domain/flags.ts';
import { missingForSessionDaemon, startSessionDaemon } from '../testing/session-daemon.ts';
import type { SessionDaemon } from '../testing/session-daemon.ts';
import type { LibvirtConnection } from './connection.ts';

const run = promisify(execFile);
const missing = missingForSessionDaemon();

const uuid = '0f0e0d0c-0b0a-4908-8706-050403020100';

const xmlOf = (name: string, id: string): string =>
  `<domain type="qemu"><name>${name}</name><uuid>${id}</uuid>
<memory unit="MiB">64</memory><vcpu>1</vcpu><os><type arch="x86_64" machine="q35">hvm</type><bios useserial="yes"/></os>
<features><acpi/></features><devices><emulator>/usr/bin/qemu-system-x86_64</emulator>
<serial type="pty"><target port="0"/></serial><console type="pty"/><video><model type="vga"/></video>
<graphics type="vnc"><listen type="none"/></graphics><memballoon model="virtio"/></devices></domain>`;

describe('connection to a real libvirtd', { timeout: 180_000 }, () => {
  let daemon: SessionDaemon;
  let connection: LibvirtConnection;

  before(async () => {
    if (missing === undefined) {
      daemon = await startSessionDaemon({ uid: 65_534 });
      connection = await daemon.open();
    }
  });
  after(async () => {
    if (missing === undefined) {
      await connection.close();
      await daemon.close();
    }
  });

  const test = (name: string, body: (t: TestContext) => Promise<void>): void =>
    void it(name, async (t) => (missing === undefined ? body(t) : t.skip(missing)));

  const virsh = async (...args: string[]): Promise<string> =>
    (await run('virsh', ['-c', daemon.virshUri, ...args], { timeout: 30_000, env: { ...process.env, LC_ALL: 'C' } }))
      .stdout;

  test('versions and capabilities', async () => {
    const version = await connection.libVersion({ timeoutMs: 60_000 });
    assert.ok(version.major >= 9);
    assert.match(
      await virsh('version'),
      new RegExp(`libvirt ${version.major}\\.${version.minor}\\.${version.release}`),
    );
    assert.ok((await connection.hypervisorVersion({ timeoutMs: 60_000 })).major >= 7);
    assert.match(await connection.capabilities({ timeoutMs: 60_000 }), /<capabilities>/);
    assert.match(await connection.domainCapabilities({ virtType: 'qemu' }), /<domainCapabilities>/);
    assert.notEqual(await connection.hostname(), '');
  });

  test('errors have symbolic codes', async () => {
    assert.equal(await connection.findDomainByName('absent'), undefined);
    assert.equal(await connection.findDomainByUuid(uuid), undefined);
    await assert.rejects(connection.defineDomain('<domain'), { code: 'VIR_ERR_XML_DETAIL', domain: 'VIR_FROM_DOMAIN' });
    await assert.rejects(connection.domainXml({ name: 'absent', uuid, id: -1 }), { code: 'VIR_ERR_NO_DOMAIN' });
    await assert.rejects(connection.listAllDomains(0, { signal: AbortSignal.abort() }), { code: 'Cancelled' });
  });

  test('define, start, pause, resume, console, stop, undefine, with events', async () => {
    const events: DomainEvent[] = [];
    const subscription = await connection.onDomainEvent(
      { kinds: ['lifecycle', 'reboot', 'ioErrorReason', 'agentLifecycle', 'metadataChange', 'jobCompleted'] },
      (event) => events.push(event),
    );
    const lifecycleSeen = (text: string) =>
      pollUntil(() => events.find((event) => event.kind === 'lifecycle' && `${event.event} ${event.detail}` === text), {
        timeoutMs: 20_000,
        doing: `event ${text}`,
      });

    const defined = await connection.defineDomain(xmlOf('rpc-one', uuid));
    assert.deepEqual(defined, { name: 'rpc-one', uuid, id: -1 });
    assert.deepEqual(await connection.domainState(defined), { state: 'shutoff', reason: 'unknown' });
    assert.equal(await connection.domainIsPersistent(defined), true);
    await lifecycleSeen('defined added');

    const element = '<vmi uid="1"/>';
    const namespace = 'https://vmlet.example/domain';
    assert.equal(await connection.metadataElement(defined, { namespace }), undefined);
    await connection.setMetadataElement(defined, {
      namespace,
      prefix: 'vmlet',
      element,
      flags: VIR_DOMAIN_AFFECT_CONFIG,
    });
    assert.match((await connection.metadataElement(defined, { namespace })) ?? '', /uid="1"/);

    const started = await connection.createDomain(defined, VIR_DOMAIN_START_PAUSED, { timeoutMs: 60_000 });
    assert.ok(started.id > 0);
    assert.equal((await virsh('domstate', 'rpc-one')).trim(), 'paused');
    await lifecycleSeen('started booted');

    const console_ = await connection.openConsole(started, { device: 'serial0' });
    let output = '';
    const wantsText = Promise.withResolvers<void>();
    console_.on('data', (chunk: Buffer) => {
      output += chunk.toString('latin1');
      if (/SeaBIOS/.test(output)) {
        wantsText.resolve();
      }
    });
    await connection.resumeDomain(started);
    await lifecycleSeen('resumed unpaused');
    await withDeadline(wantsText.promise, 30_000, 'text on the serial console');

    assert.deepEqual(await connection.domainState(started), { state: 'running', reason: 'unpaused' });
    const info = await connection.domainInfo(started);
    assert.equal(info.vcpus, 1);
    assert.equal(info.maxMemoryKiB, 65_536n);
    const [stats] = await connection.allDomainStats({ stats: VIR_DOMAIN_STATS_STATE | VIR_DOMAIN_STATS_VCPU });
    assert.equal(stats?.domain.name, 'rpc-one');
    assert.equal(stats?.parameters.get('state.state'), 1);
    assert.ok(((await connection.memoryStats(started)).rss ?? 0n) > 0n);
    assert.match(await connection.monitorCommand(started, { command: '{"execute":"query-status"}' }), /"running":true/);

    const { mime, stream } = await connection.screenshot(started);
    const image = Buffer.concat(await withDeadline(stream.toArray() as Promise<Buffer[]>, 20_000, 'screenshot'));
    assert.match(mime, /^image\//);
    assert.match(image.subarray(0, 4).toString('latin1'), /^P6|^.PNG/);

    await connection.suspendDomain(started);
    assert.deepEqual(await connection.domainState(started), { state: 'paused', reason: 'user' });
    await lifecycleSeen('suspended paused');
    await connection.resumeDomain(started);
    await connection.resetDomain(started);
    await pollUntil(() => events.find((event) => event.kind === 'reboot'), {
      timeoutMs: 20_000,
      doing: 'reboot event',
    });

    await assert.rejects(connection.agentCommand(started, { command: '{"execute":"guest-ping"}', timeoutSeconds: 1 }), {
      name: 'RemoteError',
    });
    const consoleOver = new Promise<void>((resolve) => {
      console_.once('close', () => resolve());
      console_.once('error', () => undefined);
    });
    await connection.destroyDomain(started);
    await lifecycleSeen('stopped destroyed');
    await withDeadline(consoleOver, 10_000, 'end of the console');
    assert.deepEqual(await connection.domainState(started), { state: 'shutoff', reason: 'destroyed' });

    await connection.undefineDomain(defined);
    await lifecycleSeen('undefined removed');
    assert.equal(await connection.findDomainByName('rpc-one'), undefined);

    await subscription[Symbol.asyncDispose]();
    const count = events.length;
    await connection.undefineDomain(await connection.defineDomain(xmlOf('rpc-two', uuid)));
    await connection.listAllDomains();
    assert.equal(events.length, count);
  });

  test('closing a console leaves the connection and the guest alone', async () => {
    const domain = await connection.createDomainXml(xmlOf('rpc-console', uuid), 0, { timeoutMs: 60_000 });
    for (const end of ['end', 'destroy'] as const) {
      const stream = await connection.openConsole(domain);
      stream.on('data', () => undefined);
      stream.write('x');
      const over = new Promise<void>((resolve) => stream.once('close', () => resolve()));
      stream[end]();
      await withDeadline(over, 10_000, `console ${end}`);
    }
    assert.equal((await connection.domainState(domain)).state, 'running');
    await connection.destroyDomain(domain);
    assert.equal(await connection.findDomainByName('rpc-console'), undefined);
  });

  test('the end of the connection rejects what is pending', async () => {
    const second = await daemon.open();
    const calls = [second.hostname(), second.listAllDomains()].map((call) => call.catch(errorCode));
    const closed = new Promise((resolve) => second.onClose(resolve));
    const over = second.close();
    assert.equal(errorCode(await closed), 'ConnectionClosed');
    await over;
    for (const outcome of await Promise.all(calls)) {
      assert.ok(outcome !== undefined);
    }
    await assert.rejects(second.hostname(), { code: 'ConnectionClosed' });
  });
});
