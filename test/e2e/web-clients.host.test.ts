/** What a web console sees of a VM: its watch and its launcher's log over WebSockets; and the controllers' queues in /metrics. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { KubeConfig } from '@kubernetes/client-node';
import { WebSocket } from 'ws';
import { withDeadline } from '../../src/base/deadline.ts';
import { openSocket } from '../conformance/web-socket.ts';
import { missingForHostTests, startInstance } from '../support/instance.ts';
import { create, machineManifest } from '../support/machines.ts';

const skip = missingForHostTests() ?? false;
const deadlineMs = 120_000;

test('a web console and a VM', { skip, timeout: 480_000 }, async (t) => {
  const instance = await startInstance(t);
  const config = new KubeConfig();
  config.loadFromFile(instance.kubeconfig);

  await t.test('a watch over a WebSocket shows it on its way to Running', async () => {
    const path = '/apis/kubevirt.io/v1/namespaces/default/virtualmachineinstances?watch=1';
    const socket = await openSocket(config, path);
    try {
      assert.equal(socket.code, 101);
      await create(instance, machineManifest('seen'));
      const phases: string[] = [];
      const start = Date.now();
      while (phases.at(-1) !== 'Running') {
        const event = await socket.next();
        assert.ok(event !== undefined && Date.now() < start + deadlineMs, phases.join(' '));
        const phase: string = event.object.status?.phase ?? '';
        if (phase !== '' && phase !== phases.at(-1)) {
          phases.push(phase);
        }
      }
      assert.deepEqual(phases.slice(-2), ['Scheduled', 'Running']);
    } finally {
      socket.close();
    }
  });

  await t.test("the launcher's log over a WebSocket, in base64", async () => {
    const { out } = await instance.kubectl('get', 'pods', '-o', 'jsonpath={.items[0].metadata.name}');
    const { origin } = new URL(config.getCurrentCluster()?.server ?? '');
    const tls: { ca?: unknown; cert?: unknown; key?: unknown } = {};
    await config.applyToHTTPSOptions(tls as Parameters<KubeConfig['applyToHTTPSOptions']>[0]);
    const url = `${origin.replace(/^http/u, 'ws')}/api/v1/namespaces/default/pods/${out.trim()}/log?follow=true`;
    const { ca, cert, key } = tls as { ca: Buffer; cert: Buffer; key: Buffer };
    const socket = new WebSocket(url, ['base64.binary.k8s.io'], { ca, cert, key });
    try {
      const first = new Promise<string>((resolve, reject) => {
        socket.once('message', (data) => resolve((data as Buffer).toString('latin1')));
        socket.once('error', reject);
      });
      const text = Buffer.from(await withDeadline(first, 30_000, 'the log'), 'base64').toString('utf8');
      assert.ok(text.length > 0 && text.endsWith('\n'), text);
    } finally {
      socket.terminate();
    }
  });

  await t.test('every controller has counted its work', async () => {
    const names = ['virtualmachineinstance', 'vmi-agent', 'pod-runtime', 'scheduler', 'default-service-account'];
    const start = Date.now();
    for (;;) {
      const { out } = await instance.kubectl('get', '--raw', '/metrics');
      const value = (family: string, name: string): number =>
        Number(new RegExp(`^${family}\\{name="${name}"\\} (\\S+)$`, 'mu').exec(out)?.[1]);
      const idle = names.every((name) => value('workqueue_depth', name) === 0);
      if (idle) {
        for (const name of names) {
          assert.ok(value('workqueue_adds_total', name) > 0, name);
          assert.ok(value('workqueue_work_duration_seconds_count', name) > 0, name);
        }
        return;
      }
      assert.ok(Date.now() < start + 30_000, out.match(/^workqueue_depth.*$/gmu)?.join('\n'));
      await delay(200);
    }
  });
});
