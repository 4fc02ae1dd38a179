import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Interface } from '../kinds/virtualmachineinstance/device-types.ts';
import { isGlobal, nthAddress } from './address.ts';
import { bindingOf } from './bindings.ts';
import { bridgeName, podInterfaceName, renamedNicName, tapName } from './names.ts';
import type { BindingInput, BindingOutput } from './types.ts';

const podNic = {
  name: 'eth0',
  macAddress: '0a:58:0a:f4:00:05',
  mtu: 1450,
  addresses: ['10.244.0.5/24', 'fd44::5/64', 'fe80::1/64'],
  routes: [
    { destination: '0.0.0.0/0', gateway: '10.244.0.1' },
    { destination: '10.96.0.0/12', gateway: '10.244.0.9' },
  ],
};

function desired(iface: Partial<Interface>, changes: Partial<BindingInput> = {}): BindingOutput {
  const full: Interface = { name: 'default', ...iface };
  return bindingOf(full).desired({
    vmiUid: 'u',
    interface: full,
    network: { name: 'default', pod: {} },
    podNic,
    index: 0,
    queues: 1,
    ...changes,
  });
}

test('masquerade gives the guest the second address of each network that the pod has a family of', () => {
  const both = desired({ masquerade: {} });
  assert.deepEqual(both.interface.guestAddresses, ['10.0.2.2/24', 'fd10:0:2::2/120']);
  assert.deepEqual(both.interface.podAddresses, ['10.244.0.5', 'fd44::5']);
  assert.equal(both.interface.macAddress, podNic.macAddress);
  const v6 = desired({ masquerade: {} }, { podNic: { ...podNic, addresses: ['fd44::5/64'] } });
  assert.deepEqual(v6.interface.guestAddresses, ['fd10:0:2::2/120']);
  assert.equal(v6.interface.dhcp?.v4, undefined);
  assert.ok(v6.sysctls.every(({ key }) => !key.startsWith('net/ipv4')));
  const other = desired({ masquerade: {} }, { network: { name: 'default', pod: { vmNetworkCIDR: '192.0.2.128/28' } } });
  assert.equal(other.interface.guestAddresses[0], '192.0.2.130/28');
  assert.equal(other.interface.dhcp?.v4?.serverAddress, '192.0.2.129');
});

test('masquerade lets in all ports, or those that are named', () => {
  const inbound = (output: BindingOutput): unknown[] =>
    (output.table?.rules ?? []).filter(({ chain }) => chain === 'KUBEVIRT_PREINBOUND').map(({ match }) => match);
  assert.deepEqual(inbound(desired({ masquerade: {} })), [{ family: 4 }, { family: 6 }]);
  assert.deepEqual(inbound(desired({ masquerade: {}, ports: [{ port: 80 }, { port: 53, protocol: 'UDP' }] })), [
    { family: 4, protocol: 'tcp', dport: 80 },
    { family: 4, protocol: 'udp', dport: 53 },
    { family: 6, protocol: 'tcp', dport: 80 },
    { family: 6, protocol: 'udp', dport: 53 },
  ]);
});

test('masquerade refuses new connections from the guest to the sandbox itself', () => {
  assert.ok(
    desired({ masquerade: {} }).table?.rules.some(
      ({ match, action }) => match.iifname === 'k6t-eth0' && match.daddr === '127.0.0.0/8' && action.kind === 'drop',
    ),
  );
});

test('bridge gives the guest what the pod had, and answers only the guest', () => {
  const output = desired({ bridge: {} });
  assert.deepEqual(output.interface.guestAddresses, ['10.244.0.5/24']);
  assert.equal(output.interface.macAddress, podNic.macAddress);
  assert.deepEqual(output.interface.dhcp?.v4, {
    serverAddress: '169.254.75.10',
    address: '10.244.0.5',
    prefixLength: 24,
    routers: ['10.244.0.1'],
    routes: [{ destination: '10.96.0.0/12', gateway: '10.244.0.9' }],
    clientMac: podNic.macAddress,
  });
  assert.equal(output.table, undefined);
  const nic = output.links.find(({ kind }) => kind === 'adopted');
  assert.notEqual(nic?.macAddress, podNic.macAddress);
  assert.equal(nic?.learning, false);
});

test('bridge has no address server when the pod has no IPv4 address', () => {
  const output = desired({ bridge: {} }, { podNic: { ...podNic, addresses: [] } });
  assert.equal(output.interface.dhcp, undefined);
  assert.deepEqual(output.interface.podAddresses, []);
});

test('names are those of KubeVirt', () => {
  assert.equal(podInterfaceName({ name: 'default', isPrimary: true }), 'eth0');
  const other = podInterfaceName({ name: 'red', isPrimary: false });
  assert.match(other, /^pod[0-9a-f]{11}$/);
  assert.equal(bridgeName('eth0'), 'k6t-eth0');
  assert.equal(bridgeName(other), `k6t-${other.slice(3)}`);
  assert.equal(tapName('eth0'), 'tap0');
  assert.equal(renamedNicName('eth0'), 'eth0-nic');
  for (const name of [other, bridgeName(other), tapName(other), renamedNicName(other)]) {
    assert.ok(name.length <= 15, name);
  }
});

test('a binding that is not known is refused by the name of the interface', () => {
  assert.throws(() => bindingOf({ name: 'red', sriov: {} }), { code: 'Unsupported', message: /interface red/ });
});

test('address arithmetic', () => {
  assert.equal(nthAddress('10.0.2.77/24', 1), '10.0.2.1');
  assert.equal(nthAddress('fd10:0:2::/120', 2), 'fd10:0:2::2');
  assert.throws(() => nthAddress('10.0.0.0/31', 2));
  assert.deepEqual(
    ['10.0.0.1/8', 'fd00::1', 'fe80::1/64', '127.0.0.1/8', '::1/128', '169.254.1.1/16'].filter(isGlobal),
    ['10.0.0.1/8', 'fd00::1'],
  );
});
