import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Interface } from '../../../vm/kinds/virtualmachineinstance/device-types.ts';
import { type Machine, serviceFor } from './service.ts';

/** What the command line gives when nothing is said. */
const defaults = { type: 'ClusterIP', protocol: 'TCP' };

function machine(name: string, more: Partial<Interface> = {}, hostname?: string): Machine {
  return {
    metadata: { name, namespace: 'lab', labels: { app: 'shared' } },
    spec: {
      domain: { devices: { interfaces: [{ name: 'net', masquerade: {}, ...more }] } },
      networks: [{ name: 'net', pod: {} }],
      ...(hostname === undefined ? {} : { hostname }),
    },
  };
}

const ports = (of: Machine, options: Record<string, string>) => serviceFor(of, { ...defaults, ...options }).spec.ports;

test('the Pod is found by the label that every launcher Pod has, never by labels that others may share', () => {
  const service = serviceFor(machine('web'), { ...defaults, port: '80' });
  assert.deepEqual(service, {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace: 'lab' },
    spec: {
      type: 'ClusterIP',
      selector: { 'vm.kubevirt.io/name': 'web' },
      ports: [{ protocol: 'TCP', port: 80 }],
    },
  });
  const selector = (of: Machine) => serviceFor(of, { ...defaults, port: '80', name: 's' }).spec.selector;
  assert.deepEqual(selector(machine('web', {}, 'other')), { 'vm.kubevirt.io/name': 'other' });
  assert.deepEqual(selector(machine('web.example')), { 'vm.kubevirt.io/name': 'web' });
});

test('every option has its field', () => {
  const { metadata, spec } = serviceFor(machine('web'), {
    port: '80',
    targetPort: '8080',
    protocol: 'UDP',
    portName: 'dns',
    type: 'LoadBalancer',
    name: 'front',
    clusterIp: '10.96.0.7',
    nodePort: '30080',
    externalIp: '192.0.2.1',
    loadBalancerIp: '192.0.2.2',
    ipFamily: 'IPv6,IPv4',
    ipFamilyPolicy: 'PreferDualStack',
  });
  assert.equal(metadata.name, 'front');
  assert.deepEqual(spec, {
    type: 'LoadBalancer',
    selector: { 'vm.kubevirt.io/name': 'web' },
    ports: [{ name: 'dns', protocol: 'UDP', port: 80, targetPort: 8080, nodePort: 30_080 }],
    clusterIP: '10.96.0.7',
    externalIPs: ['192.0.2.1'],
    loadBalancerIP: '192.0.2.2',
    ipFamilies: ['IPv6', 'IPv4'],
    ipFamilyPolicy: 'PreferDualStack',
  });
});

test('without --port the ports that the VM names', () => {
  const named = machine('web', {
    ports: [
      { name: 'http', port: 80 },
      { port: 53, protocol: 'UDP' },
    ],
  });
  assert.deepEqual(ports(named, {}), [
    { name: 'http', protocol: 'TCP', port: 80 },
    { name: 'port-2', protocol: 'UDP', port: 53 },
  ]);
  assert.throws(() => ports(machine('web'), {}), /web names no ports for its pod network: give --port/u);
  assert.deepEqual(ports(named, { port: '8080', targetPort: 'http' }), [
    { protocol: 'TCP', port: 8080, targetPort: 'http' },
  ]);
});

test('a port that would not reach the guest is refused', () => {
  const named: Partial<Interface> = { ports: [{ name: 'http', port: 80 }] };
  assert.throws(() => ports(machine('web', named), { port: '22' }), {
    code: 'PortNotLetIn',
    message: /^TCP port 22 would not reach web: its interface names http=80\/TCP; add it to spec\.domain/u,
  });
  assert.throws(() => ports(machine('web', named), { port: '80', protocol: 'UDP' }), { code: 'PortNotLetIn' });
  assert.throws(() => ports(machine('web'), { port: '80', targetPort: 'http' }), /its interface names no ports/u);
  // Bridge binding lets everything in.
  const { masquerade: _masquerade, ...rest } = { name: 'net', masquerade: {}, ...named };
  const bridged: Machine = {
    ...machine('web'),
    spec: { domain: { devices: { interfaces: [{ ...rest, bridge: {} }] } }, networks: [{ name: 'net', pod: {} }] },
  };
  assert.deepEqual(ports(bridged, { port: '22' }), [{ protocol: 'TCP', port: 22 }]);
});

test('wrong options are told', () => {
  for (const [options, complaint] of [
    [{ port: '0' }, /--port takes a port from 1 to 65535, not "0"/u],
    [{ port: '' }, /--port takes a port/u],
    [{ port: '80', targetPort: '70000' }, /--target-port takes a port/u],
    [{ port: '80', targetPort: 'Not A Name' }, /--target-port takes a port from 1 to 65535 or the name/u],
    [{ port: '80', nodePort: '30080' }, /--node-port needs --type NodePort/u],
    [{ targetPort: '80' }, /--target-port needs --port/u],
    [{ port: '80', clusterIp: 'None', type: 'NodePort' }, /headless Service .* has no NodePort/u],
  ] as const) {
    assert.throws(() => serviceFor(machine('web'), { ...defaults, ...options }), { code: 'Usage', message: complaint });
  }
  assert.throws(
    () => serviceFor(machine('1.web'), { ...defaults, port: '80' }),
    /cannot be called "1\.web".*give --name/u,
  );
});
