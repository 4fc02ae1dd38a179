/** A pod that is an endpoint of its own Service, on a pod network as it is made for VMs, with br_netfilter and without. */
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { withDeadline } from '../../base/deadline.ts';
import { silentLogger } from '../../base/logger.ts';
import type { Fd } from '../../linux/fd/fd.ts';
import { openNamespace } from '../../linux/namespace/namespace.ts';
import { type HostPodNetwork, openPodNetwork } from '../podnetwork/host-network.ts';
import type { ServicePort } from './backends.ts';
import { type DataPlane, openDataPlane } from './data-plane.ts';

const isRoot = process.getuid?.() === 0;
const hostName = `svh-${process.pid}`;
const bridge = 'vmh0';
const [cidr, cidrV6] = ['10.98.0.0/24', 'fd98::/64'];
const deadlineMs = 10_000;

const serverScript = `
const { createServer } = require('node:net');
createServer((socket) => { socket.on('error', () => {}); socket.end(process.argv[1] + ' ' + socket.remoteAddress.replace('::ffff:', '')); })
  .listen(8080, '::', () => console.log('listening'));
`;
const clientScript = `
const { connect } = require('node:net');
const [host, port] = process.argv.slice(1);
let text = '';
const socket = connect({ host, port: Number(port) });
socket.setTimeout(3000, () => { console.log('timeout'); process.exit(); });
socket.on('data', (data) => { text += data; });
socket.on('error', (error) => console.log(error.code));
socket.on('end', () => console.log(text));
`;

function onHost(...argv: string[]): string {
  return execFileSync('ip', ['netns', 'exec', hostName, ...argv], { encoding: 'utf8', timeout: deadlineMs });
}

/** False where the kernel has no br_netfilter. */
function bridgeCalls(on: boolean): boolean {
  try {
    onHost(
      'sysctl',
      '-qw',
      ...['iptables', 'ip6tables'].map((name) => `net.bridge.bridge-nf-call-${name}=${on ? 1 : 0}`),
    );
    return true;
  } catch {
    return false;
  }
}

describe('a pod reaches itself by its Service', { skip: isRoot ? false : 'needs root' }, () => {
  const servers: ChildProcess[] = [];
  let directory: string;
  let host: Fd;
  let network: HostPodNetwork;
  let plane: DataPlane;
  let pods: Readonly<Record<'a' | 'b', { readonly netnsPath: string; readonly ips: readonly string[] }>>;

  before(async () => {
    execFileSync('ip', ['netns', 'add', hostName], { timeout: deadlineMs });
    onHost('ip', 'link', 'set', 'lo', 'up');
    host = openNamespace(`/run/netns/${hostName}`, 'net');
    directory = mkdtempSync(join(tmpdir(), 'vmlet-svh-'));
    network = await openPodNetwork({
      runDir: join(directory, 'run'),
      stateDir: join(directory, 'state'),
      bridge,
      cidr,
      cidrV6,
      logger: silentLogger,
      hostNetns: host,
    });
    const setup = (uid: string) => network.setup({ uid, namespace: 'default', name: uid });
    pods = { a: await setup('a'), b: await setup('b') };
    for (const [name, { netnsPath }] of Object.entries(pods)) {
      const argv = [`--net=${netnsPath}`, process.execPath, '-e', serverScript, name];
      const server = spawn('nsenter', argv, { stdio: ['ignore', 'pipe', 'inherit'] });
      servers.push(server);
      await withDeadline(once(server.stdout, 'data'), deadlineMs, `server in ${name}`);
    }
    plane = openDataPlane({ table: `${bridge}-services`, bridge, podNetworks: [cidr, cidrV6] }, host);
  });
  after(async () => {
    plane[Symbol.dispose]();
    servers.forEach((server) => server.kill('SIGKILL'));
    await network.retainOnly(new Set());
    await network.removeHost();
    host.close();
    execFileSync('ip', ['netns', 'del', hostName], { timeout: deadlineMs });
    rmSync(directory, { recursive: true });
  });

  function ask(from: 'a' | 'b', address: string, port: number): string {
    const argv = [`--net=${pods[from].netnsPath}`, process.execPath, '-e', clientScript, address, String(port)];
    return execFileSync('nsenter', argv, { encoding: 'utf8', timeout: deadlineMs }).trim();
  }

  for (const calls of [false, true]) {
    test(`br_netfilter ${calls ? 'on' : 'off'}`, (t) => {
      if (!bridgeCalls(calls) && calls) {
        t.skip('this kernel has no br_netfilter');
        return;
      }
      for (const [index, address] of ['10.96.0.9', 'fd96::9'].entries()) {
        const family = index === 0 ? 'IPv4' : 'IPv6';
        const service: ServicePort = {
          name: `ns/self:80`,
          family,
          protocol: 'tcp',
          address,
          port: 80,
          nodePort: 30_080,
          affinitySeconds: undefined,
          backends: [{ address: pods.a.ips[index] ?? '', port: 8080 }],
        };
        const gateway = index === 0 ? '10.98.0.1' : 'fd98::1';
        plane.repair([service]);
        assert.equal(ask('a', address, 80), `a ${gateway}`, 'itself');
        assert.equal(ask('a', gateway, 30_080), `a ${gateway}`, 'itself by a port of the host');
        assert.equal(ask('b', address, 80), `a ${gateway}`, 'another pod');
        assert.equal(ask('b', pods.a.ips[index] ?? '', 8080), `a ${pods.b.ips[index]}`, 'without a Service');
      }
      assert.deepEqual(network.plan(), []);
    });
  }
});
