/** What an operator asks of a running VM: what it is in the kernel, where its packets stop, what took its start so long. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { pollUntil } from '../../src/base/deadline.ts';
import type { Inspection } from '../../src/vm/inspection/inspection.ts';
import type { PathReport, PathVerdict } from '../../src/vm/inspection/packet-path/report.ts';
import type { StartTrace } from '../../src/vm/trace/trace.ts';
import type { Waterfall } from '../../src/vm/trace/waterfall.ts';
import { run, sandboxProcesses } from '../support/host.ts';
import { missingForHostTests, readText, startInstance, type TestInstance } from '../support/instance.ts';
import {
  addresses,
  create,
  fetchFromGuest,
  machineManifest,
  remove,
  waitForPhase,
  waitGone,
} from '../support/machines.ts';

const skip = missingForHostTests() ?? false;
const traceId = '0af7651916cd43dd8448eb211c80319c';

async function inspectNet(
  instance: TestInstance,
  name = 'web',
): Promise<{ code: number | null; verdicts: readonly PathVerdict[] }> {
  const { code, out, err } = await instance.vmlet('inspect', 'net', name, '-o', 'json');
  assert.notEqual(out, '', err);
  const report = JSON.parse(out) as PathReport;
  return { code, verdicts: report.paths[0]?.verdicts ?? [] };
}

/** Verdicts on IPv4, as the test's guest has no use for IPv6: `out stops TAP`. */
function onIpv4(verdicts: readonly PathVerdict[]): string[] {
  return verdicts
    .filter(({ families }) => families.includes(4))
    .map(({ direction, outcome, hop }) => `${direction} ${outcome}${hop === undefined ? '' : ` ${hop}`}`);
}

test('an operator sees threads, packets and the start of a VM', { skip, timeout: 480_000 }, async (t) => {
  const sent: string[] = [];
  const collector = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      sent.push(body);
      response.end('{}');
    });
  }).listen(0, '127.0.0.1');
  await once(collector, 'listening');
  t.after(() => {
    collector.closeAllConnections();
    collector.close();
  });
  const collectorUrl = `http://127.0.0.1:${(collector.address() as AddressInfo).port}`;
  const instance = await startInstance(t);
  await instance.stop('SIGTERM');
  await instance.start({ OTEL_EXPORTER_OTLP_ENDPOINT: collectorUrl });

  const manifest = machineManifest('web');
  manifest.metadata.annotations = {
    'vmlet.io/drift-policy': 'ignore',
    traceparent: `00-${traceId}-b7ad6b7169203331-01`,
  };
  const { metadata } = await create(instance, manifest);
  const vmi = await waitForPhase(instance, 'web', 'Running');
  const [v4 = ''] = addresses(vmi);
  await fetchFromGuest(v4, '/', 150_000);
  const [qemu = 0] = sandboxProcesses(instance, 'qemu-system');
  const inside = (...words: string[]): string => run('nsenter', '-t', String(qemu), '-n', ...words);

  await t.test('inspect vm: threads with CPUs, descriptors, limits; the filter is the profile', async () => {
    const { code, out, err } = await instance.vmlet('inspect', 'vm', 'web', '--deep', '-o', 'json');
    assert.equal(code, 0, err);
    const inspection = JSON.parse(out) as Inspection;
    const process = inspection.processes.find(({ pid }) => pid === qemu);
    const vcpu = process?.threadList?.find((thread) => thread.vcpu === 0);
    assert.match(vcpu?.name ?? '', /^CPU 0\//);
    assert.equal(vcpu?.policy, 'SCHED_OTHER');
    const status = readText(`/proc/${qemu}/task/${vcpu?.tid}/status`);
    assert.equal(/^Cpus_allowed_list:\s+(\S+)$/m.exec(status)?.[1], vcpu?.affinity);
    assert.ok((vcpu?.cpuMicros ?? 0) > 0);
    assert.equal(typeof vcpu?.lastCpu, 'number');
    assert.deepEqual(
      process?.devices?.filter(({ device }) => device === '/dev/net/tun').map(({ of }) => of),
      ['queue of tap0'],
    );
    const nofile = process?.limits?.['nofile'];
    assert.equal(/^Max open files +(\d+)/m.exec(readText(`/proc/${qemu}/limits`))?.[1], nofile?.soft);
    assert.equal(process?.seccomp, 'filter');
    assert.ok((process.seccompFilters ?? 0) >= 1);
    const compared = inspection.seccomp?.find(({ pid }) => pid === qemu);
    // A kernel or a container of the test may not let filters be read; what was read must agree.
    assert.match(compared?.problem ?? '', /^$|CAP_SYS_ADMIN|CONFIG_CHECKPOINT_RESTORE/);
    assert.deepEqual(compared?.differences, []);
    t.diagnostic(`seccomp: ${JSON.stringify(compared)}`);
    const page = await instance.vmlet('inspect', 'web');
    assert.equal(page.code, 0);
    assert.match(page.out, /thread \d+ +CPU 0\/\S+, vCPU 0, last on CPU \d+, may run on \S+, SCHED_OTHER nice 0, /);
    assert.match(page.out, /descriptor \d+ +\/dev\/net\/tun, queue of tap0\n/);
    assert.doesNotMatch(page.out, /system call filters/);
  });

  await t.test('inspect net: packets of a healthy VM pass', async () => {
    const { code, verdicts } = await inspectNet(instance);
    assert.deepEqual(onIpv4(verdicts), ['out passes', 'in passes'], JSON.stringify(verdicts));
    // The test's host may have no way out by IPv6, which is said too.
    const trouble = verdicts.filter(({ outcome }) => outcome === 'stops' || outcome === 'loses');
    assert.equal(code, trouble.length === 0 ? 0 : 1, JSON.stringify(verdicts));
  });

  const bridge = instance.bridge;
  const hostLink = (): string => {
    const [port] = JSON.parse(run('ip', '-j', 'link', 'show', 'master', bridge)) as { ifname: string }[];
    return port?.ifname ?? '';
  };
  const evil = `evil${bridge}`;
  const rulesFile = join(instance.stateDir, 'rules.nft');
  writeFileSync(rulesFile, inside('nft', '-s', 'list', 'ruleset'));
  const breaks: readonly (readonly [
    what: string,
    breakIt: () => void,
    repair: () => void,
    found: readonly string[],
    cause: RegExp,
  ])[] = [
    [
      'TAP down',
      () => inside('ip', 'link', 'set', 'tap0', 'down'),
      () => inside('ip', 'link', 'set', 'tap0', 'up'),
      ['out stops TAP', 'in stops TAP'],
      /tap0 is down/,
    ],
    [
      'TAP out of its bridge',
      () => inside('ip', 'link', 'set', 'tap0', 'nomaster'),
      () => inside('ip', 'link', 'set', 'tap0', 'master', 'k6t-eth0'),
      ['out stops TAP', 'in stops TAP'],
      /tap0 is a port of no bridge/,
    ],
    [
      'a smaller MTU at the TAP',
      () => inside('ip', 'link', 'set', 'tap0', 'mtu', '1280'),
      () => inside('ip', 'link', 'set', 'tap0', 'mtu', '1400'),
      ['out loses TAP', 'in loses TAP'],
      /more than 1280 bytes do not pass/,
    ],
    [
      'a rule in the sandbox that drops',
      () =>
        inside(
          'nft',
          'add table ip evil; add chain ip evil f { type filter hook forward priority 0; }; add rule ip evil f ip saddr 10.0.2.2 drop',
        ),
      () => inside('nft', 'delete table ip evil'),
      ['out stops sandbox rules', 'in passes'],
      /nftables drops them: rule "ip saddr 10\.0\.2\.2 drop" of chain ip evil f/,
    ],
    [
      'forwarding off in the sandbox',
      () => inside('sysctl', '-qw', 'net.ipv4.ip_forward=0'),
      () => inside('sysctl', '-qw', 'net.ipv4.ip_forward=1'),
      ['out stops sandbox forwarding', 'in stops sandbox forwarding'],
      /ip_forward is 0 in the sandbox/,
    ],
    [
      'no route in the sandbox',
      () => inside('ip', 'route', 'del', 'default'),
      () => inside('ip', 'route', 'add', 'default', 'via', `${v4.split('.').slice(0, 3).join('.')}.1`),
      ['out stops sandbox forwarding', 'in passes'],
      /no IPv4 default route/,
    ],
    [
      'the table of the VM gone',
      () => inside('nft', 'flush', 'ruleset'),
      () => inside('nft', '-f', rulesFile),
      ['out stops sandbox rules', 'in stops sandbox rules'],
      /no rule translates the guest's address into the pod's/,
    ],
    [
      'forwarding off on the bridge of this instance',
      () => run('sysctl', '-qw', `net.ipv4.conf.${bridge}.forwarding=0`),
      () => run('sysctl', '-qw', `net.ipv4.conf.${bridge}.forwarding=1`),
      ['out stops host forwarding', 'in passes'],
      /forwarding is 0: this host forwards no IPv4 packets/,
    ],
    [
      'the address of the gateway gone from the sandbox',
      () => inside('ip', 'addr', 'del', '10.0.2.1/24', 'dev', 'k6t-eth0'),
      () => inside('ip', 'addr', 'add', '10.0.2.1/24', 'dev', 'k6t-eth0'),
      ['out stops sandbox bridge', 'in stops sandbox bridge'],
      /k6t-eth0 has no IPv4 address: the guest has no gateway/,
    ],
    [
      'a rule on the host that drops',
      () =>
        run(
          'nft',
          `add table inet ${evil}; add chain inet ${evil} f { type filter hook forward priority 0; }; add rule inet ${evil} f ip saddr ${v4} drop`,
        ),
      () => run('nft', `delete table inet ${evil}`),
      ['out stops host rules', 'in passes'],
      new RegExp(`nftables drops them: rule "ip saddr ${v4.replaceAll('.', '\\.')} drop" of chain inet ${evil} f`),
    ],
  ];
  for (const [what, breakIt, repair, found, cause] of breaks) {
    await t.test(`inspect net: ${what}`, async () => {
      breakIt();
      try {
        const { code, verdicts } = await inspectNet(instance);
        assert.deepEqual(onIpv4(verdicts), found, JSON.stringify(verdicts));
        assert.match(verdicts.map(({ text }) => text).join('\n'), cause);
        assert.equal(code, 1);
      } finally {
        repair();
      }
    });
  }

  await t.test('inspect net: the end on the host down, or out of the bridge', async () => {
    const link = hostLink();
    assert.notEqual(link, '');
    // vmlet may put these back at once: its pod network is its own, whatever the VM's policy.
    for (const change of [['down'], ['nomaster']]) {
      await pollUntil(
        async () => {
          run('ip', 'link', 'set', link, ...change);
          const { verdicts } = await inspectNet(instance);
          return onIpv4(verdicts).join() === 'out stops host veth,in stops host veth' ? true : undefined;
        },
        { timeoutMs: 30_000, doing: `the verdict on ${link} ${change.join(' ')}` },
      ).finally(() => {
        run('ip', 'link', 'set', link, 'up');
        run('ip', 'link', 'set', link, 'master', bridge);
      });
    }
  });

  await t.test('inspect net: the queue of a TAP that was made anew is not attached', async () => {
    inside('ip', 'link', 'delete', 'tap0');
    assert.match(
      (await inspectNet(instance)).verdicts.map(({ text }) => text).join('\n'),
      /TAP tap0 and stop there: tap0 does not exist/,
    );
    inside('ip', 'tuntap', 'add', 'tap0', 'mode', 'tap');
    inside('ip', 'link', 'set', 'tap0', 'master', 'k6t-eth0', 'up', 'mtu', '1400');
    const { verdicts } = await inspectNet(instance);
    assert.deepEqual(onIpv4(verdicts), ['out stops TAP', 'in stops TAP']);
    assert.match(verdicts[0]?.text ?? '', /QEMU holds no queue of tap0/);
  });

  await t.test('inspect net: bridge binding, healthy, then with a rule of the bridge', async () => {
    await create(instance, {
      ...machineManifest('bridged', { binding: 'bridge' }),
      metadata: { name: 'bridged', namespace: 'default', annotations: { 'vmlet.io/drift-policy': 'ignore' } },
    });
    await waitForPhase(instance, 'bridged', 'Running');
    // Two emulated guests share the CPUs of a small host: until this one has booted it sends nothing, which is said.
    await pollUntil(
      async () => {
        const { verdicts } = await inspectNet(instance, 'bridged');
        return onIpv4(verdicts).join() === 'out passes,in passes' ? true : undefined;
      },
      { timeoutMs: 150_000, intervalMs: 500, doing: 'a healthy path of the guest with bridge binding' },
    );
    const pid = sandboxProcesses(instance, 'qemu-system').find((one) => one !== qemu) ?? 0;
    run(
      'nsenter',
      '-t',
      String(pid),
      '-n',
      'nft',
      'add table bridge evil; add chain bridge evil f { type filter hook forward priority 0; }; add rule bridge evil f iifname "tap0" drop',
    );
    const { verdicts } = await inspectNet(instance, 'bridged');
    assert.deepEqual(onIpv4(verdicts), ['out stops sandbox rules', 'in passes'], JSON.stringify(verdicts));
    await remove(instance, 'bridged');
    await waitGone(instance, 'bridged');
  });

  await t.test('inspect net: a guest that sends nothing is told from a path that is broken', async () => {
    const manifestOfMute = machineManifest('mute');
    const { kernelBoot } = manifestOfMute.spec.domain.firmware ?? {};
    assert.ok(kernelBoot !== undefined);
    // Without its init system the guest's kernel sits at a shell and its card stays down.
    kernelBoot.kernelArgs = 'console=ttyS0 quiet rdinit=/bin/sh';
    await create(instance, manifestOfMute);
    await waitForPhase(instance, 'mute', 'Running');
    const { code, verdicts } = await inspectNet(instance, 'mute');
    assert.equal(code, 1);
    assert.equal(onIpv4(verdicts)[0], 'out stops guest', JSON.stringify(verdicts));
    assert.match(verdicts[0]?.text ?? '', /^no packets from the guest: /);
    await remove(instance, 'mute');
    await waitGone(instance, 'mute');
  });

  await t.test('trace vm: every step, its budget; sent to the collector; told after a restart', async () => {
    const { code, out, err } = await instance.vmlet('trace', 'vm', 'web', '-o', 'json');
    assert.equal(code, 0, err);
    const trace = JSON.parse(out) as StartTrace & Waterfall;
    assert.deepEqual(
      trace.spans.map(({ name }) => name),
      ['Pod', 'bind', 'sandbox', 'hand over', 'network', 'files', 'define', 'start', 'publish', 'guest'],
    );
    assert.equal(trace.traceId, traceId);
    assert.ok(trace.totalMs > 0 && trace.running);
    const bars = await instance.vmlet('trace', 'web');
    assert.match(bars.out, /^web in default on node \S+: Running after /);
    assert.match(bars.out, /\n {2}sandbox +\S+ m?s of +80 ms +#+\n/);
    const ofWeb = (): string[] => sent.filter((body) => body.includes(traceId));
    await pollUntil(() => (ofWeb().length >= 2 ? true : undefined), { timeoutMs: 10_000, doing: 'the collector' });
    assert.match(ofWeb()[0] ?? '', /"name":"start VM"/);
    assert.match(ofWeb()[1] ?? '', /"name":"guest"/);
    const file = join(instance.stateDir, 'traces', `${metadata.uid}.json`);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    await instance.stop('SIGKILL');
    await instance.start();
    assert.deepEqual(JSON.parse((await instance.vmlet('trace', 'vm', 'web', '-o', 'json')).out), trace);
    await remove(instance, 'web');
    await waitGone(instance, 'web');
    await pollUntil(() => (existsSync(file) ? undefined : true), {
      timeoutMs: 10_000,
      doing: 'the removal of the trace',
    });
    assert.equal((await instance.vmlet('trace', 'vm', 'web')).code, 1);
  });
});
