import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod } from '../../apimachinery/core.ts';
import { qosClass, readLauncherPod } from './launcher-pod.ts';
import { podStatus } from './pod-status.ts';
import type { PodObservation } from './pod-status.ts';

function launcher(change: Partial<Pod['spec']> = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p' },
    spec: {
      containers: [{ name: 'compute', image: 'vmlet-launcher', volumeMounts: [{ name: 'd', mountPath: '/d' }] }],
      volumes: [{ name: 'd', image: { reference: 'x' } }],
      ...change,
    },
  };
}

const running: PodObservation = {
  phase: 'Running',
  state: { running: { startedAt: 'then' } },
  hostIPs: ['192.0.2.1'],
  podIPs: ['10.0.0.1', 'fd00::1'],
  containerID: 'runc://u',
};

describe('podStatus', () => {
  const types = (pod: Pod) =>
    Object.fromEntries((pod.status?.conditions ?? []).map(({ type, status }) => [type, status]));

  it('is stable: written again it is the same', () => {
    const pod = launcher();
    const first = podStatus(pod, running, 't1');
    assert.deepEqual(podStatus({ ...pod, status: first }, running, 't2'), first);
    assert.equal(first.podIP, '10.0.0.1');
  });

  it('waits for readiness gates and keeps the conditions of others', () => {
    const gated = launcher({ readinessGates: [{ conditionType: 'gate' }] });
    const closed = { ...gated, status: podStatus(gated, running, 't1') };
    assert.deepEqual(types(closed), {
      Initialized: 'True',
      Ready: 'False',
      ContainersReady: 'True',
      PodScheduled: 'True',
    });
    const conditions = [...(closed.status.conditions ?? []), { type: 'gate', status: 'True' as const }];
    const open = {
      ...closed,
      status: podStatus({ ...closed, status: { ...closed.status, conditions } }, running, 't2'),
    };
    assert.equal(types(open)['Ready'], 'True');
    assert.equal(types(open)['gate'], 'True');
    assert.equal(open.status.conditions?.find(({ type }) => type === 'Ready')?.lastTransitionTime, 't2');
  });

  it('drops the reason of before and marks an end', () => {
    const pod = {
      ...launcher(),
      status: { reason: 'old', message: 'old', podIP: '10.0.0.1', podIPs: [{ ip: '10.0.0.1' }] },
    };
    const status = podStatus(
      pod,
      { phase: 'Succeeded', state: { terminated: { exitCode: 0 } }, hostIPs: [], podIPs: undefined },
      't',
    );
    assert.equal(status.reason, undefined);
    assert.equal(status.podIP, '10.0.0.1');
    assert.equal(status.conditions?.find(({ type }) => type === 'Ready')?.reason, 'PodCompleted');
  });
});

describe('readLauncherPod', () => {
  const refusals: readonly (readonly [string, Partial<Pod['spec']>, RegExp])[] = [
    ['another image', { containers: [{ name: 'c', image: 'nginx' }] }, /only VM launcher Pods/u],
    ['a second container', { containers: [...launcher().spec.containers, { name: 'b', image: 'x' }] }, /exactly one/u],
    ['a host path', { volumes: [{ name: 'd' }] }, /only emptyDir/u],
    ['memory as a volume', { volumes: [{ name: 'd', emptyDir: { medium: 'Memory' } }] }, /only emptyDir/u],
    ['a mount of nothing', { volumes: [] }, /names no volume/u],
    [
      'a device that is none',
      {
        containers: [{ name: 'c', image: 'vmlet-launcher', resources: { limits: { 'devices.kubevirt.io/sev': '1' } } }],
      },
      /not offered/u,
    ],
  ];
  for (const [name, change, reason] of refusals) {
    it(`refuses ${name}`, () => {
      const read = readLauncherPod(launcher(change), 'vmlet-launcher');
      assert.match('refusal' in read ? read.refusal : '', reason);
    });
  }

  it('makes image volumes read-only and counts resources', () => {
    const pod = launcher();
    pod.spec.containers.forEach((container) => {
      container.resources = {
        limits: { memory: '1Gi', cpu: '1500m', 'devices.kubevirt.io/tun': '1' },
        requests: { cpu: '1' },
      };
    });
    const read = readLauncherPod(pod, 'vmlet-launcher');
    assert.ok('launcher' in read);
    assert.equal(read.launcher.mounts[0]?.readOnly, true);
    assert.equal(read.launcher.memoryLimitBytes, 2 ** 30);
    assert.equal(read.launcher.cpuLimitMilli, 1500);
    assert.deepEqual(read.launcher.devices, ['/dev/net/tun']);
    assert.equal(qosClass(pod), 'Burstable');
    assert.equal(qosClass(launcher()), 'BestEffort');
  });
});
