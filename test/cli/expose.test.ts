import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { serviceType } from '../../src/embedded/services/kinds.ts';
import { startCliServer, type CliServer } from './server.ts';

let server: CliServer;
before(async () => {
  server = await startCliServer();
});
after(() => server.close());

const namespace = 'default';

test('a VM, a VMI, and a name alone', async () => {
  const { code, out, err } = await server.vmlet('expose', 'vm', 'worker', '--port', '80');
  assert.equal(code, 0, err);
  assert.equal(err, '');
  assert.match(out, /^service\/worker exposed: 10\.\d+\.\d+\.\d+:80\/TCP -> port 80 of the guest\n$/u);
  const made = await server.api.client.get(serviceType, { namespace, name: 'worker' });
  assert.deepEqual(made.spec?.selector, { 'vm.kubevirt.io/name': 'worker' });
  const node = await server.vmlet(
    'expose',
    'virtualmachineinstances',
    'lonely',
    '--port=22',
    '--name',
    'ssh',
    '--type',
    'NodePort',
    '--node-port',
    '30122',
  );
  assert.match(node.out, /^service\/ssh exposed: .*:22\/TCP -> port 22 of the guest, on every node :30122\n$/u);
  const headless = await server.vmlet('expose', 'lonely', '--port', '80', '--cluster-ip', 'None', '-o', 'name');
  assert.equal(headless.out, 'service/lonely\n');
});

test('a dry run for a program makes nothing', async () => {
  const { out } = await server.vmlet(
    'expose',
    'web',
    '--port',
    '80',
    '--target-port',
    '8080',
    '--name',
    'dry',
    '--dry-run',
    '-o',
    'json',
  );
  const { spec } = JSON.parse(out) as { spec: { ports: object[]; clusterIP: string } };
  assert.deepEqual(spec.ports, [{ port: 80, protocol: 'TCP', targetPort: 8080 }]);
  await assert.rejects(server.api.client.get(serviceType, { namespace, name: 'dry' }), { message: /not found/u });
});

const mistakes: readonly (readonly [words: readonly string[], code: number, complaint: RegExp])[] = [
  [['pod', 'web', '--port', '80'], 2, /^vmlet: "pod" cannot be exposed: only vm and vmi, followed by a name\n$/u],
  [['vm', 'lonely', '--port', '80'], 1, /^vmlet: .*virtualmachines.* "lonely" not found\n$/u],
  [['nobody', '--port', '80'], 1, /"nobody" not found\n$/u],
  [['web'], 2, /^vmlet: web names no ports for its pod network: give --port\n$/u],
  [['web', '--port', '80', '--name', 'kube'], 0, /^$/u],
  [['web', '--port', '80', '--name', 'kube'], 1, /^vmlet: services "kube" already exists\n$/u],
  [['web', '--port', '80', '--name', 'Not_A_Name'], 1, /^vmlet: .*metadata\.name: Invalid value/u],
  [['web', '--port', '80', '--name', 'a', '--cluster-ip', '192.0.2.1'], 1, /is not in the valid range/u],
  [['web', '--port', '80', '--name', 'a', '--type', 'ExternalName'], 2, /Allowed choices are ClusterIP, NodePort/u],
];
for (const [words, code, complaint] of mistakes) {
  test(`vmlet expose ${words.join(' ')} ends with ${code}`, async () => {
    const outcome = await server.vmlet('expose', ...words);
    assert.equal(outcome.code, code, outcome.err);
    assert.match(outcome.err, complaint);
  });
}
