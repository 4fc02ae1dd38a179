/** Services in front of real VMs: from the host, from a VM's network, from another host. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { pollUntil, withDeadline } from '../../src/base/deadline.ts';
import {
  endpointSliceType,
  endpointsType,
  type Service,
  serviceNameLabel,
  serviceType,
} from '../../src/embedded/services/kinds.ts';
import { run } from '../support/host.ts';
import { missingForHostTests, startInstance, type TestInstance } from '../support/instance.ts';
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
const deadlineMs = 10_000;
const exec = promisify(execFile);

const tableOf = (instance: TestInstance): string => `${instance.bridge}-services`;

function service(name: string, spec: NonNullable<Service['spec']>): Service {
  const ports = [{ name: 'http', port: 80 }];
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'default' },
    spec: { selector: { app: 'web' }, ports, ...spec },
  };
}

function machine(name: string, labels: Readonly<Record<string, string>>, memory: string) {
  const manifest = machineManifest(name, { memory });
  return { ...manifest, metadata: { ...manifest.metadata, labels: { ...labels } } };
}

/** Addresses of the ready endpoints in all slices of a Service. */
async function endpointsOf(instance: TestInstance, name: string): Promise<string[]> {
  const { items } = await instance.api.client.list(endpointSliceType, {
    namespace: 'default',
    labelSelector: `${serviceNameLabel}=${name}`,
  });
  return items
    .flatMap(({ endpoints }) => endpoints ?? [])
    .filter(({ conditions }) => conditions?.ready === true)
    .flatMap((endpoint) => endpoint.addresses)
    .sort();
}

function until(what: string, reached: () => Promise<boolean> | boolean, timeoutMs = deadlineMs): Promise<unknown> {
  const look = async () => ((await reached()) ? true : undefined);
  return pollUntil(look, { timeoutMs, intervalMs: 20, doing: what });
}

/** By a connection of its own: one that is kept stays with its endpoint. */
function fetchAnew(url: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  get(url, { agent: false, timeout: deadlineMs }, (response) => {
    let text = '';
    response.setEncoding('utf8').on('data', (part: string) => (text += part));
    response.on('end', () => resolve(text));
  }).on('error', reject);
  return withDeadline(promise, deadlineMs, url);
}

/** From a network namespace of this host. */
async function fetchFrom(netns: string, url: string): Promise<string> {
  const script = `fetch(process.argv[1], { signal: AbortSignal.timeout(5000) }).then((r) => r.text()).then((t) => process.stdout.write(t))`;
  const { stdout } = await exec('nsenter', [`--net=${netns}`, process.execPath, '-e', script, url], {
    timeout: deadlineMs,
  });
  return stdout;
}

/** A host beside this one, on a link of its own. Gives the path of its namespace and this host's address there. */
function outsideHost(t: TestContext): { netns: string; address: string; peer: string } {
  const name = `svc-out-${process.pid}`;
  const link = `vs${process.pid % 1_000_000}`;
  run('ip', 'netns', 'add', name);
  t.after(() => run('ip', 'netns', 'del', name));
  run('ip', 'link', 'add', link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name);
  const net = `203.0.113.${4 * (process.pid % 60)}`;
  const at = (number: number) => net.replace(/\d+$/u, (last) => String(Number(last) + number));
  run('ip', 'addr', 'add', `${at(1)}/30`, 'dev', link);
  run('ip', 'link', 'set', link, 'up');
  run('ip', '-n', name, 'addr', 'add', `${at(2)}/30`, 'dev', 'eth0');
  run('ip', '-n', name, 'link', 'set', 'eth0', 'up');
  return { netns: `/run/netns/${name}`, address: at(1), peer: at(2) };
}

test('Services reach VMs', { skip, timeout: 480_000 }, async (t) => {
  const instance = await startInstance(t);
  const { client } = instance.api;
  await create(instance, machine('one', { app: 'web', who: 'one' }, '160Mi'));
  await create(instance, machine('two', { app: 'web', who: 'two' }, '192Mi'));
  const [one, two] = await Promise.all(['one', 'two'].map((name) => waitForPhase(instance, name, 'Running')));
  assert.ok(one && two);
  const ips = [addresses(one)[0] ?? '', addresses(two)[0] ?? ''];
  // Emulated guests boot slowly on a busy host. A guest's page tells its memory: that is who it is.
  const pages = await Promise.all(ips.map(async (ip) => whoIs(await fetchFromGuest(ip, '/', 180_000))));
  assert.notEqual(pages[0], pages[1]);

  const both = await client.create(serviceType, service('web', { type: 'NodePort' }));
  const only = await client.create(serviceType, service('only', { selector: { who: 'one' } }));
  await client.create(serviceType, service('headless', { clusterIP: 'None' }));
  const ipOf = (made: Service): string => made.spec?.clusterIP ?? '';
  const nodePort = both.spec?.ports?.[0]?.nodePort ?? 0;
  assert.match(ipOf(both), /^\d+\.\d+\.\d+\.\d+$/u);
  await until('endpoints of both VMs', async () => (await endpointsOf(instance, 'web')).length === 2);

  await t.test('endpoints are those of the VMs, in slices and in Endpoints, headless too', async () => {
    assert.deepEqual(await endpointsOf(instance, 'web'), ips.toSorted());
    await until(
      'endpoints of the headless Service',
      async () => (await endpointsOf(instance, 'headless')).length === 2,
    );
    const { subsets } = await client.get(endpointsType, { namespace: 'default', name: 'only' });
    assert.deepEqual(
      subsets?.map((subset) => [subset.addresses?.map(({ ip }) => ip), subset.ports?.[0]?.port]),
      [[[ips[0]], 80]],
    );
    assert.doesNotMatch(run('nft', 'list', 'table', 'inet', tableOf(instance)), /headless/u);
  });

  await t.test('from the host: the one VM, and over many connections both', async () => {
    assert.equal(whoIs(await fetchFromGuest(ipOf(only))), pages[0]);
    const counts = new Map<string, number>();
    for (let index = 0; index < 40; index++) {
      const text = whoIs(await fetchAnew(`http://${ipOf(both)}/`));
      counts.set(text, (counts.get(text) ?? 0) + 1);
    }
    assert.deepEqual([...counts.keys()].toSorted(), pages.toSorted());
  });

  await t.test('from the network of another VM', async () => {
    const uid = await podUid(instance, 'two');
    const page = await fetchFrom(`${instance.runDir}/netns/${uid}`, `http://${ipOf(only)}/`);
    assert.equal(whoIs(page), pages[0]);
  });

  await t.test('NodePort from another host and from this one', async (subtest) => {
    const outside = outsideHost(subtest);
    const url = `http://${outside.address}:${nodePort}/`;
    const page = await fetchFrom(outside.netns, url);
    assert.ok(pages.includes(whoIs(page)), page);
    assert.match(page, new RegExp(`visitor .*${outside.peer}\\]`, 'u'), 'the guest sees who asks');
    assert.ok(pages.includes(whoIs(await fetchAnew(url))));
  });

  await t.test('a VM reaches itself by its own Service', async () => {
    const uid = await podUid(instance, 'one');
    const page = await fetchFrom(`${instance.runDir}/netns/${uid}`, `http://${ipOf(only)}/`);
    assert.equal(whoIs(page), pages[0]);
  });

  await t.test('kubectl expose, create service and apply, and vmlet expose, in all forms', async (subtest) => {
    const [pod = ''] = await podNames(instance, 'one');
    const kubectl = async (...words: string[]): Promise<void> => {
      const { code, err } = await instance.kubectl(...words);
      assert.equal(code, 0, `kubectl ${words.join(' ')}: ${err}`);
    };
    const exposed = ['ep-cluster', 'ep-node', 'ep-none', 'cs-cluster', 'cs-node', 'applied', 'by-name'] as const;
    subtest.after(() => instance.kubectl('delete', 'service', ...exposed, '--ignore-not-found'));
    await kubectl('expose', 'pod', pod, '--port=8000', '--target-port=80', '--name=ep-cluster');
    await kubectl('expose', 'pod', pod, '--port=80', '--type=NodePort', '--name=ep-node');
    await kubectl('expose', 'pod', pod, '--port=80', '--cluster-ip=None', '--name=ep-none');
    await kubectl('create', 'service', 'clusterip', 'cs-cluster', '--tcp=80:80');
    await kubectl('set', 'selector', 'service', 'cs-cluster', 'who=one');
    await kubectl('create', 'service', 'nodeport', 'cs-node', '--tcp=80:80');
    await kubectl('set', 'selector', 'service', 'cs-node', 'who=one');
    const directory = mkdtempSync(join(tmpdir(), 'vmlet-apply-'));
    subtest.after(() => rmSync(directory, { recursive: true }));
    const manifest = join(directory, 'service.json');
    writeFileSync(manifest, JSON.stringify(service('applied', { type: 'NodePort', selector: { who: 'one' } })));
    await kubectl('apply', '-f', manifest);
    const named = await instance.vmlet(
      'expose',
      'vmi',
      'one',
      '--port',
      '80',
      '--type',
      'NodePort',
      '--name',
      'by-name',
    );
    assert.equal(named.code, 0, named.err);

    await until('the endpoints of all', async () => {
      const all = await Promise.all(exposed.map((name) => endpointsOf(instance, name)));
      return all.every((found) => found.join() === ips[0]);
    });
    const outside = outsideHost(subtest);
    for (const name of exposed) {
      const made = await client.get(serviceType, { namespace: 'default', name });
      const port = made.spec?.ports?.[0];
      if (name === 'ep-none') {
        assert.equal(ipOf(made), 'None');
        continue;
      }
      await until(`the rules of ${name}`, () => listed(instance).includes(`default/${name}:`));
      assert.equal(whoIs(await fetchAnew(`http://${ipOf(made)}:${port?.port}/`)), pages[0], name);
      if (made.spec?.type === 'NodePort') {
        const page = await fetchFrom(outside.netns, `http://${outside.address}:${port?.nodePort}/`);
        assert.equal(whoIs(page), pages[0], `${name} from another host`);
      }
    }
    const { items } = await client.list(endpointSliceType, {
      namespace: 'default',
      labelSelector: `${serviceNameLabel}=ep-none`,
    });
    assert.deepEqual(
      items.map(({ addressType, endpoints, ports }) => [addressType, ports?.[0]?.port, endpoints?.length]),
      [['IPv4', 80, 1]],
    );
    const endpoint = items[0]?.endpoints?.[0];
    assert.deepEqual(endpoint?.addresses, [ips[0]]);
    assert.deepEqual(endpoint?.conditions, { ready: true, serving: true, terminating: false });
    assert.deepEqual([endpoint?.targetRef?.kind, endpoint?.targetRef?.name], ['Pod', pod]);
    // kubectl knows the kinds that it exposes, and a VM is none of them.
    const refused = await instance.kubectl('expose', 'vmi', 'one', '--port=80');
    assert.equal(refused.code, 1);
    assert.match(refused.err, /VirtualMachineInstance/u);
  });

  await t.test('addresses of both families', async (subtest) => {
    const named = await instance.vmlet(
      'expose',
      'one',
      '--port',
      '80',
      '--name',
      'both',
      '--ip-family-policy',
      'PreferDualStack',
    );
    assert.equal(named.code, 0, named.err);
    subtest.after(() => instance.kubectl('delete', 'service', 'both', '--ignore-not-found'));
    const [four = '', six = ''] =
      (await client.get(serviceType, { namespace: 'default', name: 'both' })).spec?.clusterIPs ?? [];
    assert.match(six, /^fd76:/u);
    await until('endpoints of both families', async () => (await endpointsOf(instance, 'both')).length === 2);
    assert.deepEqual(await endpointsOf(instance, 'both'), addresses(one).toSorted());
    await until('the rules of both', () => listed(instance).includes('default/both:'));
    const uid = await podUid(instance, 'two');
    for (const address of [four, `[${six}]`]) {
      const page = await fetchFrom(`${instance.runDir}/netns/${uid}`, `http://${address}/`);
      assert.equal(whoIs(page), pages[0], address);
    }
  });

  await t.test('a table that somebody flushed is put back', async () => {
    for (const words of [
      ['flush', 'table', 'inet', tableOf(instance)],
      ['delete', 'table', 'inet', tableOf(instance)],
    ]) {
      const before = listed(instance);
      run('nft', ...words);
      await until(`the table after ${words[0]}`, () => listed(instance) === before, 5000);
      assert.equal(whoIs(await fetchFromGuest(ipOf(only))), pages[0]);
    }
    assert.match(instance.log(), /table of Services was changed: repaired/u);
  });

  await t.test('a VM that is deleted is out within a second; the last one leaves a refusal', async () => {
    await remove(instance, 'two');
    await until('the endpoint to go', async () => (await endpointsOf(instance, 'web')).length === 1, 3000);
    await until('the element to go', () => !listed(instance).includes(`${ips[1]} .`), 1000);
    assert.equal(whoIs(await fetchFromGuest(ipOf(both))), pages[0]);
    await remove(instance, 'one');
    await until('the last endpoint to go', async () => (await endpointsOf(instance, 'web')).length === 0, 3000);
    await until('the refusal', () => listed(instance).includes('goto refuse'), 1000);
    const refused = await fetch(`http://${ipOf(both)}/`, { signal: AbortSignal.timeout(3000) }).catch(
      (error: unknown) => String((error as { cause?: { code?: string } }).cause?.code),
    );
    assert.equal(refused, 'ECONNREFUSED');
  });

  await t.test('a Service that is deleted takes its slices with it, the last one the table', async () => {
    for (const name of ['web', 'only', 'headless']) {
      await client.delete(serviceType, { namespace: 'default', name });
    }
    await until('no slices', async () => {
      const { items } = await client.list(endpointSliceType, { namespace: 'default' });
      return items.every(({ metadata }) => metadata.labels?.[serviceNameLabel] === 'kubernetes');
    });
    await until('no table', () => !run('nft', 'list', 'tables').includes(tableOf(instance)));
  });

  await t.test('vmlet that ends without a VM leaves nothing', async () => {
    await client.create(serviceType, service('left', {}));
    await until('the table', () => run('nft', 'list', 'tables').includes(tableOf(instance)));
    await Promise.all(['one', 'two'].map((name) => waitGone(instance, name)));
    await instance.stop('SIGTERM');
    assert.doesNotMatch(run('nft', 'list', 'tables'), new RegExp(instance.bridge, 'u'));
  });
});

function whoIs(page: string): string {
  return /^memory .*$/mu.exec(page)?.[0] ?? page;
}

/** Sorted, as sets and chains come in the order in which they were made. */
function listed(instance: TestInstance): string {
  try {
    return run('nft', '-s', 'list', 'table', 'inet', tableOf(instance)).split('\n').toSorted().join('\n');
  } catch {
    return '';
  }
}

async function podNames(instance: TestInstance, vmi: string): Promise<string[]> {
  const { out } = await instance.kubectl('get', 'pods', '-l', `vm.kubevirt.io/name=${vmi}`, '-o', 'name');
  return out.trim().replaceAll('pod/', '').split('\n');
}

async function podUid(instance: TestInstance, vmi: string): Promise<string> {
  const { out } = await instance.kubectl(
    'get',
    'pods',
    '-l',
    `vm.kubevirt.io/name=${vmi}`,
    '-o',
    'jsonpath={.items[0].metadata.uid}',
  );
  return out.trim();
}
