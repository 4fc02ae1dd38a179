import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Flow } from '../../linux/conntrack/conntrack.ts';
import type { ServicePort } from './backends.ts';
import { changedPorts, isStale } from './flows.ts';

const dns: ServicePort = {
  name: 'ns/dns:53',
  family: 'IPv4',
  protocol: 'udp',
  address: '10.96.0.10',
  port: 53,
  nodePort: 30_053,
  affinitySeconds: undefined,
  backends: [{ address: '10.1.0.2', port: 5353 }],
};

function flow(to: string, port: number, by: string, byPort: number): Flow {
  const client = { source: '10.1.0.9', sourcePort: 4000 };
  return {
    family: 'IPv4',
    protocol: 17,
    original: { ...client, destination: to, destinationPort: port },
    reply: { source: by, sourcePort: byPort, destination: client.source, destinationPort: client.sourcePort },
    id: 1,
  };
}

test('a flow to a port of a Service is stale unless it leads to one of its endpoints', () => {
  for (const [what, stale] of [
    [flow('10.96.0.10', 53, '10.1.0.2', 5353), false],
    [flow('10.96.0.10', 53, '10.1.0.3', 5353), true],
    [flow('10.96.0.10', 53, '10.1.0.2', 53), true],
    // From before there was the Service.
    [flow('10.96.0.10', 53, '10.96.0.10', 53), true],
    [flow('10.96.0.10', 54, '10.96.0.10', 54), false],
    [flow('192.0.2.1', 30_053, '10.1.0.2', 5353), false],
    [flow('192.0.2.1', 30_053, '10.1.0.3', 5353), true],
    // Somebody's, with that number.
    [flow('192.0.2.1', 30_053, '192.0.2.1', 30_053), false],
    [flow('192.0.2.1', 53, '10.1.0.3', 5353), false],
    [{ ...flow('10.96.0.10', 53, '10.1.0.3', 5353), family: 'IPv6' as const }, false],
  ] as const) {
    assert.equal(isStale(what, dns), stale, JSON.stringify(what));
  }
});

test('what changed: new ports, other endpoints, ports that are gone', () => {
  const tcp: ServicePort = { ...dns, protocol: 'tcp' };
  const moved = { ...dns, backends: [{ address: '10.1.0.3', port: 5353 }] };
  assert.deepEqual(changedPorts([], [dns, tcp]), [dns]);
  assert.deepEqual(changedPorts([dns, tcp], [dns]), []);
  assert.deepEqual(changedPorts([dns], [moved]), [moved]);
  assert.deepEqual(changedPorts([dns], [tcp]), [{ ...dns, backends: [] }]);
});
