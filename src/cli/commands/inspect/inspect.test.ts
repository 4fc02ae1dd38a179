import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { parse } from 'yaml';
import { executable, vmlet, type Outcome } from '../../../../test/cli/server.ts';
import { podType, namespaceType } from '../../../apimachinery/core.ts';
import { conflict, notFound } from '../../../apimachinery/status.ts';
import { withDeadline } from '../../../base/deadline.ts';
import { ensureCustomResourceDefinitions } from '../../../embedded/apiserver/crd/ensure.ts';
import { writeKubeconfig } from '../../../embedded/apiserver/kubeconfig.ts';
import { startTestServer, type TestServer } from '../../../embedded/apiserver/test-server.ts';
import type { DelegatedRequest } from '../../../embedded/apiserver/types.ts';
import type { Inspection } from '../../../vm/inspection/inspection.ts';
import { observationOf, samplePath } from '../../../vm/inspection/testing/path.ts';
import type { PathReport } from '../../../vm/inspection/packet-path/report.ts';
import { sampleInspection, samplePod, sampleVmi } from '../../../vm/inspection/testing/sample.ts';
import { buildCrds } from '../../../vm/kinds/crds.ts';
import { vmiType } from '../../../vm/kinds/virtualmachineinstance/resource.ts';
import { createdByLabel } from '../../../vm/launcher/names.ts';

const timeoutMs = 20_000;
const namespace = 'lab';
let api: TestServer;
let kubeconfig: string;
/** What the node answers next. */
let answers: (() => object)[] = [];
let live: Inspection;
/** Looks at the path of packets that the node gives next; then a healthy one. */
let looks: object[] = [];

/** An API server with the VM `web` in the namespace `lab`, and a node that tells what `answers` or `live` says. */
before(async () => {
  api = await startTestServer({
    delegated: [
      {
        group: 'subresources.kubevirt.io',
        versions: ['v1'],
        resources: [],
        handle: ({ name, subresource, resource, method }: DelegatedRequest) => {
          assert.deepEqual([method, resource], ['GET', 'virtualmachineinstances']);
          if (subresource === 'inspectnetwork') {
            return Promise.resolve({ code: 200, body: looks.shift() ?? observationOf(samplePath) });
          }
          assert.equal(subresource, 'inspect');
          return name === 'web'
            ? Promise.resolve().then(() => ({ code: 200, body: answers.shift()?.() ?? live }))
            : Promise.reject(notFound({ group: 'kubevirt.io', resource: 'virtualmachineinstances' }, name ?? ''));
        },
      },
    ],
  });
  await ensureCustomResourceDefinitions(api.client, buildCrds());
  await api.client.create(namespaceType, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
  const vmi = await api.client.create(vmiType, { ...sampleVmi, metadata: { name: 'web', namespace } });
  const labels = { [createdByLabel]: vmi.metadata.uid ?? '' };
  const pod = await api.client.create(podType, { ...samplePod, metadata: { name: 'launcher', namespace, labels } });
  live = { ...sampleInspection, pod: { uid: pod.metadata.uid ?? '' } };
  kubeconfig = join(api.directory, 'kubeconfig');
  const { ca, client } = api.certificates;
  writeKubeconfig(kubeconfig, { server: `https://127.0.0.1:${api.port}`, ca: ca.cert, ...client });
});
after(() => api.close());

function inspect(...words: string[]): Promise<Outcome> {
  return vmlet(['inspect', ...words, '-n', namespace], { environment: { KUBECONFIG: kubeconfig } });
}

test('one page, compared with the launcher Pod', async () => {
  const { code, out, err } = await inspect('web');
  assert.equal(err, '');
  assert.equal(code, 0);
  assert.match(out, /^web in lab: Running\n/);
  assert.match(out, /everything that is compared is as it should be/);
  assert.match(out, / {2}memory limit +400 MiB +\(as it should be\)\n/);
  assert.ok(!out.includes('\u001b'));
});

test('drift is said first; a Pod that is gone leaves less to compare with', async () => {
  answers = [() => ({ ...live, processes: live.processes.map((process) => ({ ...process, uid: 0 })) })];
  assert.match((await inspect('web')).out, /not as it should be\n {2}process 4242 .*, user: 0; should be 107\n/);
  answers = [() => ({ ...live, pod: { uid: 'another' } })];
  assert.match((await inspect('web')).out, /compared only with what holds for every VM/);
});

test('JSON and YAML hold everything, and the drift', async () => {
  answers = [() => ({ ...live, disks: [] })];
  const json = await inspect('web', '-o', 'json');
  const { drift, ...rest } = JSON.parse(json.out) as Inspection & { drift: unknown };
  assert.deepEqual(rest, { ...live, disks: [] });
  assert.deepEqual(drift, [{ section: 'disks', what: '', seen: 'data is missing', shouldBe: 'a disk of the guest' }]);
  const yaml = await inspect('web', '-o', 'yaml');
  assert.deepEqual(parse(yaml.out), { ...live, drift: [] });
});

test('`vm` may stand before the name, and is the same', async () => {
  const [short, long] = [await inspect('web'), await inspect('vm', 'web')];
  assert.equal(long.code, 0);
  assert.equal(long.out, short.out);
  assert.equal((await inspect('disk', 'web')).code, 2);
});

test('inspect net: two looks, the hop named, exit code 1 when packets stop', async () => {
  const healthy = await inspect('net', 'web');
  assert.equal(healthy.err, '');
  assert.equal(healthy.code, 0);
  assert.match(healthy.out, /^web in lab: path of its packets \(two looks, \d+ ms apart\)\n/);
  assert.match(healthy.out, /IPv4 and IPv6: packets to the guest pass every hop\n/);
  const broken = observationOf({ ...samplePath, tap: { name: 'tap0', link: undefined } }, 1300);
  looks = [observationOf(samplePath), broken];
  const { code, out } = await inspect('net', 'web', '-o', 'json');
  assert.equal(code, 1);
  const report = JSON.parse(out) as PathReport;
  assert.equal(report.intervalMs, 300);
  assert.deepEqual(
    report.paths[0]?.verdicts.map(({ direction, outcome, hop }) => [direction, outcome, hop]),
    [
      ['out', 'stops', 'TAP'],
      ['in', 'stops', 'TAP'],
    ],
  );
  looks = [broken, broken];
  assert.deepEqual(parse((await inspect('net', 'web', '-o', 'yaml')).out), {
    ...report,
    intervalMs: 1,
  });
  looks = [{ kind: 'something else' }];
  assert.match((await inspect('net', 'web')).err, /^vmlet: the API server cannot inspect the network of "web"/);
});

test('what cannot be shown is one line', async () => {
  const missing = await inspect('nobody');
  assert.equal(missing.code, 1);
  assert.equal(missing.err, 'vmlet: virtualmachineinstances.kubevirt.io "nobody" not found\n');
  answers = [() => ({ kind: 'something else' })];
  assert.match((await inspect('web')).err, /^vmlet: the API server cannot inspect "web"/);
  assert.equal((await inspect()).code, 2);
  assert.equal((await inspect('web', '-o', 'xml')).code, 2);
});

test('--watch looks again, tells what fails in between, and ends by Ctrl-C', async () => {
  answers = [
    () => live,
    () => {
      throw conflict({ group: 'kubevirt.io', resource: 'virtualmachineinstances' }, 'web', 'the agent restarts');
    },
    () => ({ ...live, leases: ['second'] }),
  ];
  const child = spawn(executable, ['inspect', 'web', '-n', namespace, '--watch', '-o', 'json'], {
    env: { PATH: process.env['PATH'], KUBECONFIG: kubeconfig },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
  });
  let out = '';
  let err = '';
  const { promise: looked, resolve } = Promise.withResolvers<void>();
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString();
    if (out.split('\n').length > 2) {
      resolve();
    }
  });
  await withDeadline(looked, timeoutMs, 'wait for the second look');
  const ended = once(child, 'close');
  child.kill('SIGINT');
  assert.deepEqual(await withDeadline(ended, timeoutMs, 'wait for the end'), [130, null]);
  const looks = out
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as Inspection).leases);
  assert.deepEqual(looks.slice(0, 2), [live.leases, ['second']]);
  assert.match(err, /the agent restarts/);
});

test('--watch ends when the VM is gone', async () => {
  const gone = notFound({ group: 'kubevirt.io', resource: 'virtualmachineinstances' }, 'web');
  answers = [
    () => live,
    () => {
      throw gone;
    },
  ];
  const { code, out, err } = await inspect('web', '-w');
  assert.equal(code, 1);
  assert.match(out, /^web in lab/);
  assert.match(err, /"web" not found/);
});

test('options and names are completed', async () => {
  const complete = async (...words: string[]): Promise<string[]> =>
    (await vmlet(['__complete', ...words], { environment: { KUBECONFIG: kubeconfig } })).out.trim().split('\n');
  assert.deepEqual(await complete('inspect', '-n', namespace, ''), ['vm', 'net', 'web']);
  assert.deepEqual(await complete('inspect', 'net', '-n', namespace, ''), ['web']);
  assert.deepEqual(await complete('inspect', 'web', '-n', namespace, ''), ['']);
  assert.deepEqual(await complete('trace', 'v'), ['vm']);
  assert.deepEqual(await complete('inspect', '-o', ''), ['json', 'yaml']);
  assert.ok((await complete('inspect', '--')).includes('--watch'));
  assert.deepEqual(await complete('insp'), ['inspect']);
  assert.ok((await complete('doctor', '--check', 'kvm')).includes('kvm-guest-code'));
});
