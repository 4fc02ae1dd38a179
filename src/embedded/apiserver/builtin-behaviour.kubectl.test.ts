/** Built-in kinds as people use them: kubectl against quotas, budgets, volumes, services and priorities. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { kubectlMissing, openKubectl } from './test-kubectl.ts';
import type { Kubectl } from './test-kubectl.ts';
import { startTestServer } from './test-server.ts';
import type { Json, TestServer } from './test-server.ts';

const wait = ['--timeout=10s'] as const;

function pod(name: string, more: object = {}, labels: Record<string, string> = {}): object {
  const resources = { requests: { cpu: '100m', memory: '64Mi' } };
  const spec = { containers: [{ name: 'c', image: 'i', resources }], terminationGracePeriodSeconds: 0, ...more };
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name, labels }, spec };
}

describe('kubectl and the built-in kinds', async () => {
  const skip = await kubectlMissing();
  let server: TestServer;
  let tool: Kubectl;
  before(async () => {
    server = await startTestServer();
    tool = openKubectl(server);
  });
  after(async () => {
    await server.close();
  });

  const kubectl = (...args: string[]): Promise<string> => tool.run(...args);
  const file = (object: object): string => tool.file(object);

  async function refusal(...args: string[]): Promise<string> {
    const { code, stderr } = await tool.tried(...args);
    assert.notEqual(code, 0, `kubectl ${args.join(' ')} succeeded`);
    return stderr;
  }

  const get = async (...args: string[]): Promise<Json> => JSON.parse(await kubectl('get', ...args, '-o', 'json'));

  test('a quota counts, refuses and tells', { skip }, async () => {
    await kubectl('create', 'namespace', 'q');
    await kubectl('create', 'quota', 'few', '-n', 'q', '--hard=pods=2,requests.cpu=250m,count/configmaps=2');
    await kubectl('apply', '-n', 'q', '-f', file(pod('one')));
    await kubectl('apply', '-n', 'q', '-f', file(pod('two')));
    assert.match(
      await refusal('apply', '-n', 'q', '-f', file(pod('three'))),
      /pods "three" is forbidden: exceeded quota: few, requested: pods=1,requests.cpu=100m, used: pods=2,requests.cpu=200m, limited: pods=2,requests.cpu=250m/,
    );
    const bare = { ...pod('bare'), spec: { containers: [{ name: 'c', image: 'i' }] } };
    assert.match(
      await refusal('create', '-n', 'q', '-f', file(bare)),
      /pods "bare" is forbidden: failed quota: few: must specify requests.cpu for: c/,
    );
    await kubectl('wait', 'quota/few', '-n', 'q', '--for=jsonpath={.status.used.pods}=2', ...wait);
    assert.match(await kubectl('describe', 'quota', 'few', '-n', 'q'), /requests.cpu +200m +250m/);
    assert.match(
      await kubectl('get', 'quota', '-n', 'q'),
      /count\/configmaps: 0\/2, pods: 2\/2, requests.cpu: 200m\/250m/,
    );
    await kubectl('delete', 'pod', 'one', '-n', 'q');
    await kubectl('wait', 'quota/few', '-n', 'q', '--for=jsonpath={.status.used.pods}=1', ...wait);
    await kubectl('apply', '-n', 'q', '-f', file(pod('three')));
  });

  test('many at once do not get past a quota', { skip }, async () => {
    await kubectl('create', 'namespace', 'race');
    await kubectl('create', 'quota', 'five', '-n', 'race', '--hard=count/configmaps=5');
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        server.call('POST', '/api/v1/namespaces/race/configmaps', {
          body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: `c${index}` } },
        }),
      ),
    );
    assert.equal(answers.filter(({ code }) => code === 201).length, 5);
    assert.equal(answers.filter(({ code }) => code === 403).length, 15);
  });

  test('a claim finds its volume, and both are kept while used', { skip }, async () => {
    const volume = (name: string, storage: string, more: object = {}) => ({
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: { name, labels: { tier: name } },
      spec: { capacity: { storage }, accessModes: ['ReadWriteOnce'], hostPath: { path: `/srv/${name}` }, ...more },
    });
    const claim = (name: string, storage: string, more: object = {}) => ({
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage } }, ...more },
    });
    const all = {
      apiVersion: 'v1',
      kind: 'List',
      items: [volume('big', '10Gi'), volume('small', '2Gi'), volume('other', '2Gi', { storageClassName: 'fast' })],
    };
    await kubectl('apply', '-f', file(all));
    await kubectl('wait', 'pv/small', '--for=jsonpath={.status.phase}=Available', ...wait);
    await kubectl('apply', '-f', file(claim('c1', '1Gi')));
    await kubectl('wait', 'pvc/c1', '--for=jsonpath={.status.phase}=Bound', ...wait);
    assert.match(await kubectl('get', 'pvc', 'c1'), /c1 +Bound +small +2Gi +RWO +<unset>/);
    assert.match(await kubectl('get', 'pv', 'small'), /small +2Gi +RWO +Retain +Bound +default\/c1/);
    await kubectl(
      'apply',
      '-f',
      file(claim('c2', '1Gi', { storageClassName: 'fast', selector: { matchLabels: { tier: 'other' } } })),
    );
    await kubectl('wait', 'pvc/c2', '--for=jsonpath={.spec.volumeName}=other', ...wait);
    await kubectl('apply', '-f', file(claim('waits', '100Gi')));
    assert.match(await kubectl('get', 'pvc', 'waits'), /Pending/);
    assert.match(
      await refusal('patch', 'pvc', 'c1', '-p', '{"spec":{"accessModes":["ReadWriteMany"]}}'),
      /spec is immutable after creation/,
    );

    await kubectl(
      'apply',
      '-f',
      file(pod('user', { volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'c1' } }] })),
    );
    await kubectl('delete', 'pvc', 'c1', '--wait=false');
    await kubectl('delete', 'pv', 'small', '--wait=false');
    assert.match(await kubectl('get', 'pvc', 'c1'), /Terminating/);
    assert.match(await kubectl('get', 'pv', 'small'), /Terminating/);
    await kubectl('delete', 'pod', 'user');
    await kubectl('wait', 'pvc/c1', '--for=delete', ...wait);
    await kubectl('wait', 'pv/small', '--for=delete', ...wait);
  });

  test('a volume kept for a claim, and one whose claim is gone', { skip }, async () => {
    const volume = {
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: { name: 'kept' },
      spec: {
        capacity: { storage: '1Gi' },
        accessModes: ['ReadWriteMany'],
        nfs: { server: 's', path: '/p' },
        claimRef: { namespace: 'default', name: 'mine' },
      },
    };
    await kubectl('apply', '-f', file(volume));
    const spec = { accessModes: ['ReadWriteMany'], resources: { requests: { storage: '1Gi' } } };
    await kubectl(
      'apply',
      '-f',
      file({ apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'mine' }, spec }),
    );
    await kubectl('wait', 'pvc/mine', '--for=jsonpath={.status.phase}=Bound', ...wait);
    await kubectl('delete', 'pvc', 'mine');
    await kubectl('wait', 'pv/kept', '--for=jsonpath={.status.phase}=Released', ...wait);
  });

  test('a claim without class gets the default one', { skip }, async () => {
    const storageClass = {
      apiVersion: 'storage.k8s.io/v1',
      kind: 'StorageClass',
      metadata: { name: 'std', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
      provisioner: 'none',
    };
    await kubectl('apply', '-f', file(storageClass));
    assert.match(await kubectl('get', 'sc'), /std \(default\) +none +Delete +Immediate +false/);
    const spec = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } };
    await kubectl(
      'apply',
      '-f',
      file({ apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'd' }, spec }),
    );
    assert.equal((await get('pvc', 'd')).spec.storageClassName, 'std');
    await kubectl('delete', 'sc', 'std');
  });

  test('services get addresses and ports, and keep them', { skip }, async () => {
    await kubectl('create', 'service', 'nodeport', 'web', '--tcp=80:8080', '--node-port=30123');
    const web = await get('svc', 'web');
    assert.match(web.spec.clusterIP, /^10\.96\.\d+\.\d+$/);
    assert.deepEqual(web.spec.clusterIPs, [web.spec.clusterIP]);
    assert.match(await kubectl('get', 'svc', 'web'), /web +NodePort +10\.96\.\S+ +<none> +80:30123\/TCP/);
    assert.match(
      await refusal('create', 'service', 'nodeport', 'web2', '--tcp=80:80', '--node-port=30123'),
      /spec.ports\[0\].nodePort: Invalid value: 30123: provided port is already allocated/,
    );
    assert.match(
      await refusal('create', 'service', 'nodeport', 'web2', '--tcp=80:80', '--node-port=80'),
      /The range of valid ports is 30000-32767/,
    );
    assert.match(
      await refusal('create', 'service', 'clusterip', 'web3', '--tcp=80', '--clusterip=192.0.2.1'),
      /not in the valid range/,
    );
    assert.match(
      await refusal('create', 'service', 'clusterip', 'web3', '--tcp=80', `--clusterip=${web.spec.clusterIP}`),
      /provided IP is already allocated/,
    );
    assert.match(
      await refusal('patch', 'svc', 'web', '-p', '{"spec":{"clusterIP":"10.96.0.77","clusterIPs":["10.96.0.77"]}}'),
      /may not change once set/,
    );
    // Given up with the type, kept by an apply that does not name them.
    await kubectl('patch', 'svc', 'web', '-p', '{"spec":{"type":"ClusterIP"}}');
    assert.match(await kubectl('get', 'svc', 'web'), /ClusterIP +10\.96\.\S+ +<none> +80\/TCP/);
    assert.equal((await get('svc', 'web')).spec.clusterIP, web.spec.clusterIP);
    await kubectl('create', 'service', 'nodeport', 'web2', '--tcp=80:80', '--node-port=30123');
    await kubectl('create', 'service', 'clusterip', 'none', '--clusterip=None');
    assert.match(await kubectl('get', 'svc', 'none'), /none +ClusterIP +None +<none> +<none>/);
    await kubectl('create', 'service', 'externalname', 'out', '--external-name=example.com');
    assert.match(await kubectl('get', 'svc', 'out'), /out +ExternalName +<none> +example\.com/);
    await kubectl('apply', '-f', file(pod('exposed', {}, { app: 'x' })));
    await kubectl('expose', 'pod', 'exposed', '--port=22', '--name=ssh');
    assert.deepEqual((await get('svc', 'ssh')).spec.selector, { app: 'x' });
  });

  test('priorities', { skip }, async () => {
    await kubectl('create', 'priorityclass', 'high', '--value=1000', '--preemption-policy=Never');
    await kubectl('apply', '-f', file(pod('important', { priorityClassName: 'high' })));
    const { spec } = await get('pod', 'important');
    assert.equal(spec.priority, 1000);
    assert.equal(spec.preemptionPolicy, 'Never');
    assert.match(
      await refusal('apply', '-f', file(pod('p', { priorityClassName: 'none' }))),
      /no PriorityClass with name none was found/,
    );
    assert.match(
      await refusal('apply', '-f', file(pod('p', { priority: 7 }))),
      /the integer value of priority \(7\) must not be provided/,
    );
    assert.match(await refusal('create', 'priorityclass', 'toohigh', '--value=1000000001'), /maximum allowed value/);
    assert.match(await kubectl('get', 'pc'), /high +1000 +false[^]*system-node-critical +2000001000/);
  });

  test('an eviction keeps to the budget', { skip }, async () => {
    await kubectl('create', 'namespace', 'b');
    await kubectl('create', 'pdb', 'keep', '-n', 'b', '--selector=app=a', '--min-available=1');
    for (const name of ['a1', 'a2']) {
      await kubectl('apply', '-n', 'b', '-f', file(pod(name, {}, { app: 'a' })));
      const status = { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] };
      await kubectl('patch', 'pod', name, '-n', 'b', '--subresource=status', '-p', JSON.stringify({ status }));
    }
    await kubectl('wait', 'pdb/keep', '-n', 'b', '--for=jsonpath={.status.disruptionsAllowed}=1', ...wait);
    assert.match(await kubectl('get', 'pdb', '-n', 'b'), /keep +1 +N\/A +1/);
    const evict = (name: string) =>
      server.call('POST', `/api/v1/namespaces/b/pods/${name}/eviction`, {
        body: { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace: 'b' } },
      });
    const answers = await Promise.all([evict('a1'), evict('a2')]);
    assert.deepEqual(
      answers.map(({ code }) => code).sort((left, right) => left - right),
      [201, 429],
    );
    const refused = answers.find(({ code }) => code === 429)?.json;
    assert.equal(refused.reason, 'TooManyRequests');
    assert.equal(refused.details.causes[0].reason, 'DisruptionBudget');
    assert.match(refused.message, /Cannot evict pod as it would violate the pod's disruption budget/);
  });

  test('limit ranges fill in and bound', { skip }, async () => {
    await kubectl('create', 'namespace', 'l');
    const limits = [
      { type: 'Container', default: { cpu: '500m' }, defaultRequest: { cpu: '100m' }, max: { cpu: '1' } },
    ];
    await kubectl(
      'apply',
      '-n',
      'l',
      '-f',
      file({ apiVersion: 'v1', kind: 'LimitRange', metadata: { name: 'r' }, spec: { limits } }),
    );
    await kubectl(
      'apply',
      '-n',
      'l',
      '-f',
      file({ ...pod('fits'), spec: { containers: [{ name: 'c', image: 'i' }] } }),
    );
    const { spec } = await get('pod', 'fits', '-n', 'l');
    assert.deepEqual(spec.containers[0].resources, { limits: { cpu: '500m' }, requests: { cpu: '100m' } });
    const large = { containers: [{ name: 'c', image: 'i', resources: { limits: { cpu: '2' } } }] };
    assert.match(
      await refusal('apply', '-n', 'l', '-f', file({ ...pod('large'), spec: large })),
      /maximum cpu usage per Container is 1, but limit is 2/,
    );
  });

  test('explain and list know the kinds', { skip }, async () => {
    for (const kind of [
      'pv',
      'pvc',
      'sc',
      'pc',
      'pdb',
      'svc',
      'ep',
      'endpointslices',
      'quota',
      'limits',
      'controllerrevisions',
      'roles',
      'clusterrolebindings',
    ]) {
      await kubectl('get', kind, '-A');
      assert.match(await kubectl('explain', kind), /KIND:/, kind);
    }
  });
});
