/**
 * The network of one VM in its sandbox (bridge, TAP, addresses, settings, NAT for both families) against the same by
 * `ip`, `sysctl` and `nft` processes, alternating in one run, each round in a new namespace. Needs root. Times are
 * medians in microseconds.
 *
 *   node bench/linux/vm-network.ts [rounds]      writes bench/results/vm-network.json
 */
import { execFileSync } from 'node:child_process';
import { ensureVmNetwork } from '../../src/agent/facets/network/vm-network.ts';
import { openNamespace } from '../../src/linux/namespace/namespace.ts';
import type { VirtualMachineInstance } from '../../src/vm/kinds/virtualmachineinstance/types.ts';
import { keepResult } from '../result.ts';
import { median } from '../statistics.ts';

const rounds = Number(process.argv[2] ?? 30);
const name = `vnbench-${process.pid}`;
const vmi: VirtualMachineInstance = {
  apiVersion: 'kubevirt.io/v1',
  kind: 'VirtualMachineInstance',
  metadata: { name: 'vm', namespace: 'default', uid: '8a1f2c3d-0000-4000-8000-000000000001' },
  spec: {
    domain: { devices: { interfaces: [{ name: 'default', masquerade: {} }] } },
    networks: [{ name: 'default', pod: {} }],
  },
};

const rules = `table inet vmlet {
  chain KUBEVIRT_PREINBOUND {
    meta nfproto ipv4 counter dnat ip to 10.0.2.2
    meta nfproto ipv6 counter dnat ip6 to fd10:0:2::2
  }
  chain KUBEVIRT_POSTINBOUND { ip saddr 127.0.0.1 counter snat ip to 10.0.2.1; }
  chain prerouting {
    type nat hook prerouting priority -100;
    iifname "k6t-eth0" ip daddr 127.0.0.0/8 counter drop
    iifname "eth0" counter jump KUBEVIRT_PREINBOUND
    iifname "k6t-eth0" ip daddr 10.244.0.5 counter jump KUBEVIRT_PREINBOUND
    iifname "k6t-eth0" ip6 daddr fd44::5 counter jump KUBEVIRT_PREINBOUND
  }
  chain output { type nat hook output priority -100; ip daddr 127.0.0.1 counter dnat ip to 10.0.2.2; }
  chain postrouting {
    type nat hook postrouting priority 100;
    ip saddr 10.0.2.2 counter masquerade
    ip6 saddr fd10:0:2::2 counter masquerade
    oifname "k6t-eth0" counter jump KUBEVIRT_POSTINBOUND
  }
}`;
const commands: readonly string[][] = [
  ['ip', 'link', 'add', 'k6t-eth0', 'address', '02:00:00:00:00:00', 'mtu', '1450', 'type', 'bridge'],
  ['ip', 'tuntap', 'add', 'tap0', 'mode', 'tap', 'user', '107', 'group', '107', 'vnet_hdr'],
  ['ip', 'link', 'set', 'tap0', 'mtu', '1450', 'master', 'k6t-eth0'],
  ['sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv4.conf.k6t-eth0.route_localnet=1'],
  ['sysctl', '-qw', 'net.ipv6.conf.all.forwarding=1', 'net.ipv6.conf.k6t-eth0.accept_dad=0'],
  ['ip', 'link', 'set', 'k6t-eth0', 'up'],
  ['ip', 'link', 'set', 'tap0', 'up'],
  ['ip', 'addr', 'add', '10.0.2.1/24', 'dev', 'k6t-eth0'],
  ['ip', 'addr', 'add', 'fd10:0:2::1/120', 'dev', 'k6t-eth0', 'nodad'],
  ['ip', 'addr', 'add', 'fe80::1/64', 'dev', 'k6t-eth0', 'nodad'],
];

function run(command: string, argv: readonly string[], input?: string): void {
  execFileSync(command, argv, { timeout: 10_000, ...(input === undefined ? {} : { input }) });
}

/** A pod as a pod network makes it. */
function createPod(): void {
  run('ip', ['netns', 'add', name]);
  run('ip', ['-n', name, 'link', 'add', 'eth0', 'mtu', '1450', 'type', 'veth', 'peer', 'name', 'peer0']);
  run('ip', ['-n', name, 'addr', 'add', '10.244.0.5/24', 'dev', 'eth0']);
  run('ip', ['-n', name, 'addr', 'add', 'fd44::5/64', 'dev', 'eth0', 'nodad']);
  run('ip', ['-n', name, 'link', 'set', 'eth0', 'up']);
}

/** Microseconds that `body` took in a pod of its own. */
function inNewPod(body: (path: string) => void): number {
  createPod();
  try {
    const start = process.hrtime.bigint();
    body(`/run/netns/${name}`);
    return Number(process.hrtime.bigint() - start) / 1000;
  } finally {
    run('ip', ['netns', 'del', name]);
  }
}

const times = { ensure: [] as number[], again: [] as number[], tools: [] as number[] };
for (let round = 0; round < rounds; round++) {
  times.ensure.push(
    inNewPod((path) => {
      using netns = openNamespace(path, 'net');
      ensureVmNetwork(vmi, netns);
      const start = process.hrtime.bigint();
      ensureVmNetwork(vmi, netns);
      times.again.push(Number(process.hrtime.bigint() - start) / 1000);
    }) - (times.again.at(-1) ?? 0),
  );
  times.tools.push(
    inNewPod((path) => {
      for (const command of commands) {
        run('nsenter', [`--net=${path}`, ...command]);
      }
      run('nsenter', [`--net=${path}`, 'nft', '-f', '-'], rules);
    }),
  );
}
const us = (values: readonly number[]): number => Math.round(median(values));
const ratio = Math.round((median(times.ensure) / median(times.tools)) * 1000) / 1000;
keepResult('vm-network', {
  rounds,
  unit: 'us',
  median: {
    'network of one VM': us(times.ensure),
    'nothing to do': us(times.again),
    'ip, sysctl and nft': us(times.tools),
  },
  ratio,
  first: { 'network of one VM': Math.round(times.ensure[0] ?? 0) },
});
