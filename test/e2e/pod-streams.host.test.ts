/** kubectl logs, exec and port-forward on a launcher Pod, and port-forward to a VM. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { withDeadline } from '../../src/base/deadline.ts';
import { executable, missingForHostTests, startInstance, type TestInstance } from '../support/instance.ts';
import { addresses, create, fetchFromGuest, machineManifest, waitForPhase } from '../support/machines.ts';

const skip = missingForHostTests() ?? false;
const deadlineMs = 30_000;

/** Waits for the first match in what a program prints. */
async function firstMatch(child: ChildProcess, pattern: RegExp): Promise<RegExpExecArray> {
  let text = '';
  const { promise, resolve, reject } = Promise.withResolvers<RegExpExecArray>();
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (data: Buffer) => {
      text += data.toString();
      const match = pattern.exec(text);
      if (match !== null) {
        resolve(match);
      }
    });
  }
  child.once('exit', () => reject(new Error(`it ended: ${text}`)));
  return withDeadline(promise, deadlineMs, String(pattern));
}

async function forwarded(child: ChildProcess, page: (text: string) => boolean): Promise<void> {
  try {
    const [, port] = await firstMatch(child, /127\.0\.0\.1:(\d+)/u);
    const text = await (await fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(deadlineMs) })).text();
    assert.ok(page(text), text);
  } finally {
    child.kill('SIGINT');
    await withDeadline(once(child, 'exit'), deadlineMs, 'the end of the port-forward');
  }
}

async function podName(instance: TestInstance): Promise<string> {
  const { out } = await instance.kubectl('get', 'pods', '-o', 'jsonpath={.items[0].metadata.name}');
  return out.trim();
}

test('streams of a launcher Pod', { skip, timeout: 480_000 }, async (t) => {
  const instance = await startInstance(t);
  await create(instance, machineManifest('web'));
  const vmi = await waitForPhase(instance, 'web', 'Running');
  await fetchFromGuest(addresses(vmi)[0] ?? '', '/', 180_000);
  const pod = await podName(instance);
  const env = { ...process.env, KUBECONFIG: instance.kubeconfig };

  await t.test('exec runs as the sandbox user, with nothing more than the sandbox', async () => {
    for (const transport of ['true', 'false']) {
      const child = spawn('kubectl', ['exec', pod, '--', 'cat', '/proc/self/status'], {
        env: { ...env, KUBECTL_REMOTE_COMMAND_WEBSOCKETS: transport },
        timeout: deadlineMs,
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let text = '';
      child.stdout.on('data', (data: Buffer) => (text += data.toString()));
      child.stderr.on('data', (data: Buffer) => (text += data.toString()));
      await once(child, 'close');
      assert.match(text, /^Uid:\s+107\s+107\s+107\s+107$/mu, text);
      assert.match(text, /^Gid:\s+107\s/mu);
      assert.match(text, /^CapEff:\s+0+$/mu);
      assert.match(text, /^CapBnd:\s+0+$/mu);
      assert.match(text, /^NoNewPrivs:\s+1$/mu);
      assert.match(text, /^Seccomp:\s+2$/mu);
    }
  });

  await t.test('exec: exit codes, a missing program, a terminal', async () => {
    const failed = await instance.kubectl('exec', pod, '--', 'sh', '-c', 'echo to-stderr >&2; exit 7');
    assert.equal(failed.code, 7);
    assert.match(failed.err, /to-stderr/u);
    assert.notEqual((await instance.kubectl('exec', pod, '--', '/no/such/program')).code, 0);
  });

  await t.test('exec with a terminal: a shell, its size, its exit code', async () => {
    const query = 'command=sh&stdin=true&stdout=true&tty=true';
    const path = `/api/v1/namespaces/default/pods/${pod}/exec?${query}`;
    const socket = await instance.api.openWebSocket(path, 'v5.channel.k8s.io');
    let [shown, status] = ['', ''];
    socket.on('message', (data: Buffer) => {
      if (data[0] === 1) {
        shown += data.subarray(1).toString();
      } else if (data[0] === 3) {
        status += data.subarray(1).toString();
      }
    });
    const ended = once(socket, 'close');
    socket.resume();
    socket.send(Buffer.concat([Buffer.of(4), Buffer.from('{"Width":101,"Height":33}')]));
    socket.send(Buffer.concat([Buffer.of(0), Buffer.from('[ -t 0 ] && echo $((6 * 7)) terminal; exit 5\n')]));
    await withDeadline(ended, deadlineMs, 'the end of the shell');
    assert.match(shown, /42 terminal\r\n/u);
    assert.match(status, /"reason":"ExitCode","message":"5"/u);
  });

  await t.test('logs', async () => {
    const { code, err } = await instance.kubectl('logs', pod, '--tail=10');
    assert.equal(code, 0, err);
    const previous = await instance.kubectl('logs', pod, '--previous');
    assert.match(previous.err, /previous terminated container/u);
  });

  await t.test('port-forward to the Pod, and to the VM over the API', async () => {
    const isPage = (text: string): boolean => text.includes('vmlet-demo');
    await forwarded(spawn('kubectl', ['port-forward', `pod/${pod}`, ':80'], { env, stdio: 'pipe' }), isPage);
    await forwarded(spawn(executable, ['port-forward', 'web', '0:80'], { env, stdio: 'pipe' }), isPage);
  });
});
