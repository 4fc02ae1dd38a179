/** The table in the kernel: a host with a bridge and two pods, and an outside, all of them namespaces. */
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, before, beforeEach, describe, test } from 'node:test';
import { withDeadline } from '../../base/deadline.ts';
import type { Fd } from '../../linux/fd/fd.ts';
import { openNamespace } from '../../linux/namespace/namespace.ts';
import { NETLINK_NETFILTER } from '../../linux/netlink/constants.ts';
import { openNetlink } from '../../linux/netlink/socket.ts';
import { readGeneration } from '../../linux/nftables/dump.ts';
import type { ServicePort } from './backends.ts';
import { type DataPlane, openDataPlane } from './data-plane.ts';
import { openFlows } from './flows.ts';

const isRoot = process.getuid?.() === 0;
const id = process.pid;
const names = { host: `sv-h-${id}`, outside: `sv-o-${id}`, a: `sv-a-${id}`, b: `sv-b-${id}` } as const;
type Place = keyof typeof names;
const deadlineMs = 10_000;
const service4 = '10.96.0.9';
const service6 = 'fd96::9';

function run(place: Place, ...argv: string[]): string {
  return execFileSync('ip', ['netns', 'exec', names[place], ...argv], { encoding: 'utf8', timeout: deadlineMs });
}

/** Answers each connection with its own name and the address that it came from, and each datagram with its name. */
const serverScript = `
const udp = require('node:dgram').createSocket('udp6');
udp.on('message', (_, from) => udp.send(process.argv[1], from.port, from.address)).bind(8080, '::');
const { createServer } = require('node:net');
createServer((socket) => { socket.on('error', () => {}); socket.end(process.argv[1] + ' ' + socket.remoteAddress.replace('::ffff:', '')); })
  .listen(8080, '::', () => console.log('listening'));
`;

/** Connects so often, one after the other, and prints the answers, or the error's code. */
const clientScript = `
const { connect } = require('node:net');
const [host, port, count] = process.argv.slice(1);
const one = () => new Promise((resolve) => {
  let text = '';
  const socket = connect({ host, port: Number(port) });
  socket.setTimeout(3000, () => { resolve('timeout'); socket.destroy(); });
  socket.on('data', (data) => { text += data; });
  socket.on('error', (error) => resolve(error.code));
  socket.on('end', () => resolve(text));
});
(async () => { const all = []; for (let i = 0; i < Number(count); i++) all.push(await one()); console.log(JSON.stringify(all)); })();
`;

function ask(place: Place, host: string, port: number, count = 1): string[] {
  return JSON.parse(run(place, process.execPath, '-e', clientScript, host, String(port), String(count))) as string[];
}

/** Sends a datagram for each line that it gets, always from one socket, and prints the answer. */
const udpClientScript = `
const [host, port] = process.argv.slice(1);
const socket = require('node:dgram').createSocket(host.includes(':') ? 'udp6' : 'udp4');
let timer;
const say = (text) => { clearTimeout(timer); console.log(text); };
socket.on('message', (text) => say(String(text)));
socket.on('error', (error) => say(error.code));
process.stdin.on('data', () => { timer = setTimeout(say, 3000, 'timeout'); socket.send('x', Number(port), host); });
`;

const who = (answers: readonly string[]): string[] =>
  [...new Set(answers.map((text) => text.split(' ')[0] ?? ''))].sort();

function web(addresses: readonly string[], more: Partial<ServicePort> = {}): ServicePort {
  const isV6 = addresses[0]?.includes(':') === true;
  return {
    name: 'ns/web:80',
    family: isV6 ? 'IPv6' : 'IPv4',
    protocol: 'tcp',
    address: isV6 ? service6 : service4,
    port: 80,
    nodePort: 30080,
    affinitySeconds: undefined,
    backends: addresses.map((address) => ({ address, port: 8080 })),
    ...more,
  };
}

const [a4, b4, a6, b6] = ['10.1.0.2', '10.1.0.3', 'fd01::2', 'fd01::3'];

describe('Services in the kernel', { skip: isRoot ? false : 'needs root' }, () => {
  const servers: ChildProcess[] = [];
  let netns: Fd;
  let plane: DataPlane;

  before(async () => {
    for (const [place, name] of Object.entries(names)) {
      execFileSync('ip', ['netns', 'add', name], { timeout: deadlineMs });
      run(place as Place, 'ip', 'link', 'set', 'lo', 'up');
      run(place as Place, 'sysctl', '-qw', 'net.ipv6.conf.default.accept_dad=0', 'net.ipv6.conf.all.accept_dad=0');
    }
    run('host', 'sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1');
    bridgeCalls(false);
    run('host', 'ip', 'link', 'add', 'x', 'type', 'bridge');
    run('host', 'ip', 'addr', 'add', '10.1.0.1/24', 'dev', 'x');
    run('host', 'ip', 'addr', 'add', 'fd01::1/64', 'dev', 'x');
    run('host', 'ip', 'link', 'set', 'x', 'up');
    for (const [place, address4, address6] of [
      ['a', a4, a6],
      ['b', b4, b6],
    ] as const) {
      run('host', 'ip', 'link', 'add', `v${place}`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', names[place]);
      run('host', 'ip', 'link', 'set', `v${place}`, 'master', 'x', 'up');
      run(place, 'ip', 'addr', 'add', `${address4}/24`, 'dev', 'eth0');
      run(place, 'ip', 'addr', 'add', `${address6}/64`, 'dev', 'eth0');
      run(place, 'ip', 'link', 'set', 'eth0', 'up');
      run(place, 'ip', 'route', 'add', 'default', 'via', '10.1.0.1');
      run(place, 'ip', '-6', 'route', 'add', 'default', 'via', 'fd01::1');
    }
    run('host', 'ip', 'link', 'add', 'up0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', names.outside);
    run('host', 'ip', 'addr', 'add', '198.51.100.1/24', 'dev', 'up0');
    run('host', 'ip', 'addr', 'add', '2001:db8::1/64', 'dev', 'up0');
    run('host', 'ip', 'link', 'set', 'up0', 'up');
    run('outside', 'ip', 'addr', 'add', '198.51.100.2/24', 'dev', 'eth0');
    run('outside', 'ip', 'addr', 'add', '2001:db8::2/64', 'dev', 'eth0');
    run('outside', 'ip', 'link', 'set', 'eth0', 'up');
    run('host', 'ip', 'route', 'add', 'default', 'via', '198.51.100.2');
    run('host', 'ip', '-6', 'route', 'add', 'default', 'via', '2001:db8::2');
    for (const place of ['a', 'b', 'outside'] as const) {
      const argv = ['netns', 'exec', names[place], process.execPath, '-e', serverScript, place];
      const server = spawn('ip', argv, { stdio: ['ignore', 'pipe', 'inherit'] });
      servers.push(server);
      await withDeadline(once(server.stdout, 'data'), deadlineMs, `server in ${place}`);
    }
    netns = openNamespace(`/run/netns/${names.host}`, 'net');
    plane = openDataPlane({ table: 'x-services', bridge: 'x', podNetworks: ['10.1.0.0/24', 'fd01::/64'] }, netns);
  });

  after(() => {
    plane[Symbol.dispose]();
    netns.close();
    servers.forEach((server) => server.kill('SIGKILL'));
    for (const name of Object.values(names)) {
      execFileSync('ip', ['netns', 'del', name], { timeout: deadlineMs });
    }
  });

  beforeEach(() => plane.remove());

  /** With br_netfilter, frames between ports of a bridge go through these rules too. False where the kernel is without. */
  function bridgeCalls(on: boolean): boolean {
    try {
      const keys = ['iptables', 'ip6tables'].map((name) => `net.bridge.bridge-nf-call-${name}=${on ? 1 : 0}`);
      run('host', 'sysctl', '-qw', ...keys);
      return true;
    } catch {
      return false;
    }
  }

  function apply(...ports: ServicePort[]): void {
    plane.apply(ports);
    assert.deepEqual(plane.plan(ports), []);
    assert.deepEqual(plane.apply(ports), []);
  }

  test('the host, a pod, a pod itself and the outside reach the endpoints, in both families', () => {
    for (const [addresses, service, nodes, gateway] of [
      [[a4, b4], service4, ['198.51.100.1', '10.1.0.1'], '10.1.0.1'],
      [[a6, b6], service6, ['2001:db8::1', 'fd01::1'], 'fd01::1'],
    ] as const) {
      apply(web(addresses));
      for (const place of ['host', 'a', 'b'] as const) {
        assert.deepEqual(who(ask(place, service, 80, 40)), ['a', 'b'], `${place} to ${service}`);
      }
      for (const node of nodes) {
        for (const place of ['host', 'a', ...(node === gateway ? [] : (['outside'] as const))] as const) {
          assert.deepEqual(who(ask(place, node, 30080, 40)), ['a', 'b'], `${place} to ${node}`);
        }
      }
      apply(web([addresses[0]]));
      // Itself by its own Service.
      assert.deepEqual(ask('a', service, 80), [`a ${gateway}`]);
      // The outside is seen as itself.
      assert.deepEqual(ask('outside', nodes[0], 30080), [
        `a ${nodes[0].includes(':') ? '2001:db8::2' : '198.51.100.2'}`,
      ]);
    }
  });

  test('with br_netfilter pods reach each other all the same', (t) => {
    if (!bridgeCalls(true)) {
      t.skip('this kernel has no br_netfilter');
      return;
    }
    t.after(() => bridgeCalls(false));
    for (const [other, service] of [
      [b4, service4],
      [b6, service6],
    ] as const) {
      apply(web([other]));
      assert.deepEqual(who(ask('a', service, 80, 10)), ['b']);
      assert.deepEqual(who(ask('host', service, 80, 10)), ['b']);
    }
  });

  test('connections that begin after a change go to what is there', () => {
    apply(web([a4]));
    assert.deepEqual(who(ask('host', service4, 80, 10)), ['a']);
    apply(web([b4]));
    assert.deepEqual(who(ask('host', service4, 80, 10)), ['b']);
    apply(web([a4, b4]), web([a6]));
    assert.deepEqual(who(ask('host', service4, 80, 40)), ['a', 'b']);
    assert.deepEqual(who(ask('b', service6, 80, 3)), ['a']);
    apply(web([a6]));
    assert.deepEqual(who(ask('b', service6, 80, 3)), ['a']);
  });

  test('without an endpoint connections are refused at once', () => {
    apply(web([]), web([], { family: 'IPv6', address: service6, nodePort: undefined }));
    assert.deepEqual(ask('host', service4, 80), ['ECONNREFUSED']);
    assert.deepEqual(ask('host', service6, 80), ['ECONNREFUSED']);
    assert.deepEqual(ask('a', service4, 80), ['ECONNREFUSED']);
    assert.deepEqual(ask('outside', '198.51.100.1', 30080), ['ECONNREFUSED']);
    apply(web([a4]));
    assert.deepEqual(who(ask('a', service4, 80)), ['a']);
  });

  test('a client stays with its endpoint, and gets another when that goes', () => {
    for (const [addresses, service] of [
      [[a4, b4], service4],
      [[a6, b6], service6],
    ] as const) {
      const sticky = (chosen: readonly string[]) => web(chosen, { affinitySeconds: 60 });
      apply(sticky(addresses));
      const [first = ''] = who(ask('host', service, 80, 20));
      assert.deepEqual(who(ask('host', service, 80, 20)), [first]);
      const left = first === 'a' ? addresses[1] : addresses[0];
      apply(sticky([left]));
      assert.deepEqual(who(ask('host', service, 80, 5)), [first === 'a' ? 'b' : 'a']);
    }
  });

  test('a UDP client that goes on with its socket is led to the endpoint that is left', async (t) => {
    using flows = openFlows(netns);
    for (const [first, second, address] of [
      [a4, b4, service4],
      [a6, b6, service6],
    ] as const) {
      for (const place of ['host', 'outside'] as const) {
        const udp = (...addresses: string[]): ServicePort => web(addresses, { protocol: 'udp' });
        const to =
          place === 'host' ? [address, '80'] : [address === service4 ? '198.51.100.1' : '2001:db8::1', '30080'];
        const argv = ['netns', 'exec', names[place], process.execPath, '-e', udpClientScript, ...to];
        const client = spawn('ip', argv, { stdio: ['pipe', 'pipe', 'inherit'] });
        t.after(() => client.kill('SIGKILL'));
        const askAgain = async (): Promise<string> => {
          const answer = once(client.stdout, 'data');
          client.stdin.write('?\n');
          return String((await withDeadline(answer, deadlineMs, `answer to ${place}`))[0]).trim();
        };
        const make = (port: ServicePort): number => {
          plane.apply([port]);
          return flows.follow([port]);
        };
        make(udp(first));
        assert.equal(await askAgain(), 'a');
        plane.apply([udp(second)]);
        assert.equal(await askAgain(), 'a', 'this is what has to be forgotten');
        assert.equal(make(udp(second)), 1);
        assert.equal(await askAgain(), 'b', place);
        assert.equal(make(udp(first, second)), 0, 'its endpoint is still there');
        assert.equal(await askAgain(), 'b');
        client.kill('SIGKILL');
        plane.remove();
        flows.follow([]);
      }
    }
  });

  test('an endpoint outside answers through the host', () => {
    apply(web(['198.51.100.2']));
    assert.deepEqual(ask('outside', '198.51.100.1', 30080), ['outside 198.51.100.1']);
    assert.deepEqual(who(ask('host', service4, 80)), ['outside']);
  });

  test('what somebody changed is put back; foreign tables are not touched', () => {
    run('host', 'nft', 'add', 'table', 'inet', 'foreign');
    const ports = [web([a4, b4])];
    apply(...ports);
    for (const change of [
      ['flush', 'chain', 'inet', 'x-services', 'services'],
      ['flush', 'map', 'inet', 'x-services', 'services4'],
      ['add', 'chain', 'inet', 'x-services', 'mine'],
      ['delete', 'table', 'inet', 'x-services'],
      ['flush', 'ruleset'],
    ]) {
      run('host', 'nft', ...change);
      assert.notDeepEqual(plane.repair(ports), []);
      apply(...ports);
      assert.match(who(ask('a', service4, 80))[0] ?? '', /^[ab]$/u, change.join(' '));
    }
    run('host', 'nft', 'add', 'table', 'inet', 'foreign');
    plane.remove();
    assert.equal(run('host', 'nft', 'list', 'tables').trim(), 'table inet foreign');
    run('host', 'nft', 'delete', 'table', 'inet', 'foreign');
  });

  test('a change on top of what somebody changed ends right', () => {
    apply(web([a4]));
    run('host', 'nft', 'delete', 'table', 'inet', 'x-services');
    plane.apply([web([b4])]);
    assert.deepEqual(plane.plan([web([b4])]), []);
    assert.deepEqual(who(ask('a', service4, 80)), ['b']);
  });

  test('a thousand Services: one changed endpoint is a small transaction, and soon made', () => {
    const port = (index: number, last: string): ServicePort =>
      web([a4, b4, last], {
        address: `10.97.${index >> 8}.${index & 255}`,
        nodePort: 30_000 + index,
        name: `ns/s${index}:80`,
      });
    const first = Array.from({ length: 1000 }, (_, index) => port(index, '10.1.0.6'));
    apply(...first);
    // The fastest of a few, as others use this machine too. The budget of the event loop is 10 ms.
    const took = ['10.1.0.7', '10.1.0.8', '10.1.0.9', '10.1.0.10', '10.1.0.11'].map((last) => {
      const changed = first.with(500, port(500, last));
      const startMs = performance.now();
      const ops = plane.apply(changed);
      const tookMs = performance.now() - startMs;
      assert.deepEqual(ops.map(({ kind }) => kind).sort(), ['add-elements', 'delete-elements']);
      return tookMs;
    });
    assert.ok(Math.min(...took) < 10, `took ${took.join(', ')} ms`);
    assert.deepEqual(plane.plan(first.with(500, port(500, '10.1.0.11'))), []);
    plane.remove();
  });

  test('clients of an endpoint that goes are let go, and no others', () => {
    const sticky = (name: string, address: string, chosen: readonly string[]): ServicePort =>
      web(chosen, { affinitySeconds: 60, nodePort: undefined, address, name });
    const other = sticky('ns/other:80', '10.96.0.10', [a4, b4]);
    apply(sticky('ns/web:80', service4, [a4, b4]), other);
    const [kept = ''] = who(ask('host', '10.96.0.10', 80));
    const [first = ''] = who(ask('host', service4, 80));
    const left = first === 'a' ? b4 : a4;
    plane.apply([sticky('ns/web:80', service4, [left]), other]);
    assert.deepEqual(who(ask('host', service4, 80, 5)), [first === 'a' ? 'b' : 'a']);
    assert.deepEqual(who(ask('host', '10.96.0.10', 80, 10)), [kept]);
  });

  test('nobody looks while nobody else can have changed the table', () => {
    const ports = [web([a4])];
    apply(...ports);
    // Heard of nothing: looks, and finds nothing.
    assert.deepEqual(plane.drift(ports), []);
    // A foreign transaction that was not heard of is seen by the generation.
    run('host', 'nft', 'flush', 'chain', 'inet', 'x-services', 'services');
    assert.deepEqual(
      plane.drift(ports).map(({ kind }) => kind),
      ['flush-chain', 'add-rules'],
    );
    plane.repair(ports);
    assert.deepEqual(plane.drift(ports), []);
    using socket = openNetlink({ protocol: NETLINK_NETFILTER, netns });
    // What it is told of it believes, and does not look.
    run('host', 'nft', 'flush', 'chain', 'inet', 'x-services', 'services');
    plane.heard({ generation: readGeneration(socket), isForeign: false });
    assert.deepEqual(plane.drift(ports), []);
    for (const told of [
      { generation: undefined, isForeign: false },
      { generation: readGeneration(socket) + 1, isForeign: true },
      { generation: readGeneration(socket) + 2, isForeign: false },
    ]) {
      plane.repair(ports);
      assert.deepEqual(plane.drift(ports), []);
      run('host', 'nft', 'flush', 'chain', 'inet', 'x-services', 'services');
      plane.heard(told);
      assert.notDeepEqual(plane.drift(ports), [], JSON.stringify(told));
    }
  });
});
