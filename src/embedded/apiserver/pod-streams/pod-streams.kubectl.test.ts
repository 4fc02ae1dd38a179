/** A real kubectl against the streams of Pods, by WebSocket and by SPDY; the node is a stand-in on this host. */
import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { type Pod, podType } from '../../../apimachinery/core.ts';
import { badRequest } from '../../../apimachinery/status.ts';
import { withDeadline } from '../../../base/deadline.ts';
import { writeKubeconfig } from '../kubeconfig.ts';
import { startTestServer, type TestServer } from '../test-server.ts';
import type { LogRequest, PodStreamBackend } from './backend.ts';

const runFile = promisify(execFile);
const deadlineMs = 20_000;
const bigBytes = 3_000_000;

const transports = {
  WebSocket: {},
  SPDY: { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: 'false', KUBECTL_PORT_FORWARD_WEBSOCKETS: 'false' },
} as const;

interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

describe('streams of Pods with a real kubectl', async () => {
  const version = await runFile('kubectl', ['version', '--client']).catch(() => undefined);
  const skip = version === undefined ? 'kubectl is not installed' : false;
  const asked: { logs: LogRequest[]; sizes: object[]; running: Set<ChildProcess> } = {
    logs: [],
    sizes: [],
    running: new Set(),
  };
  let server: TestServer;
  let echo: Server;

  const backend: PodStreamBackend = {
    async openLog(_pod, request) {
      asked.logs.push(request);
      return Readable.from(['one\n', 'two\n']);
    },
    async exec(_pod, request) {
      const [program = '', ...args] = request.command;
      if (program === 'missing') {
        throw badRequest('no such program');
      }
      const child = spawn(program, args, { stdio: [request.stdin ? 'pipe' : 'ignore', 'pipe', 'pipe'] });
      asked.running.add(child);
      const { stderr, stdin, stdout } = child;
      assert.ok(stdout && stderr);
      return {
        stdin: stdin ?? undefined,
        stdout,
        stderr: request.tty ? undefined : stderr,
        resize(size) {
          asked.sizes.push(size);
        },
        exitCode: once(child, 'exit').then(([code]) => {
          asked.running.delete(child);
          return (code as number | null) ?? 137;
        }),
        kill() {
          child.kill('SIGKILL');
        },
      };
    },
    async connect(_pod, port) {
      if (port !== 80) {
        throw badRequest(`nobody listens on ${port}`);
      }
      const socket = connect({ port: (echo.address() as { port: number }).port, host: '127.0.0.1' });
      await once(socket, 'connect');
      return socket;
    },
  };

  before(async () => {
    echo = createServer((socket) => {
      socket.on('error', () => {});
      socket.pipe(socket);
    }).listen(0, '127.0.0.1');
    await once(echo, 'listening');
    server = await startTestServer({ podStreams: backend });
    const { ca, client } = server.certificates;
    const address = `https://127.0.0.1:${server.port}`;
    writeKubeconfig(join(server.directory, 'kubeconfig'), { server: address, ca: ca.cert, ...client });
    const pod: Pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'web', namespace: 'default' },
      spec: { containers: [{ name: 'compute', image: 'x' }] },
    };
    const made = await server.client.create(podType, pod);
    const status = { ...made.status, phase: 'Running' as const };
    await server.client.update(podType, { ...made, status }, { subresource: 'status' });
  });

  after(async () => {
    await server.close();
    echo.close();
  });

  function start(args: readonly string[], env: object): ChildProcess {
    const { directory } = server;
    return spawn('kubectl', args, {
      env: { ...process.env, ...env, KUBECONFIG: join(directory, 'kubeconfig'), HOME: directory },
      timeout: deadlineMs,
      stdio: 'pipe',
    });
  }

  async function kubectl(args: readonly string[], env: object = {}, input = ''): Promise<Ran> {
    const child = start(args, env);
    let [out, err] = ['', ''];
    child.stdout?.on('data', (data: Buffer) => (out += data.toString('latin1')));
    child.stderr?.on('data', (data: Buffer) => (err += data.toString()));
    child.stdin?.on('error', () => {});
    child.stdin?.end(input);
    const [code] = (await once(child, 'close')) as [number | null];
    return { code, out, err };
  }

  test('logs, and what their options ask of the node', { skip }, async () => {
    assert.deepEqual(await kubectl(['logs', 'web']), { code: 0, out: 'one\ntwo\n', err: '' });
    await kubectl(['logs', 'web', '--tail=5', '-f', '--limit-bytes=100']);
    const { follow, limitBytes, tailLines } = asked.logs.at(-1) ?? {};
    assert.deepEqual({ follow, limitBytes, tailLines }, { follow: true, limitBytes: 100, tailLines: 5 });
    const previous = await kubectl(['logs', 'web', '--previous']);
    assert.match(previous.err, /previous terminated container "compute" in pod "web" not found/u);
    assert.match((await kubectl(['logs', 'web', '--timestamps'])).err, /carry no times/u);
    assert.match((await kubectl(['logs', 'nobody'])).err, /pods "nobody" not found/u);
  });

  for (const [name, env] of Object.entries(transports)) {
    test(`exec by ${name}: output, errors, exit code, input to its end`, { skip }, async () => {
      const both = await kubectl(['exec', 'web', '--', 'sh', '-c', 'echo out; echo err >&2; exit 3'], env);
      assert.equal(both.out, 'out\n');
      assert.match(both.err, /^err\n/u);
      assert.equal(both.code, 3);
      const input = 'x'.repeat(100_000);
      const counted = await kubectl(['exec', '-i', 'web', '--', 'wc', '-c'], env, input);
      assert.deepEqual([counted.out.trim(), counted.code], [String(input.length), 0]);
      const failed = await kubectl(['exec', 'web', '--', 'missing'], env);
      assert.match(failed.err, /no such program/u);
      assert.equal((await kubectl(['exec', 'web', '-c', 'other', '--', 'true'], env)).code, 1);
    });

    test(`exec by ${name}: much output arrives whole; a client that is gone ends the process`, { skip }, async () => {
      const big = await kubectl(['exec', 'web', '--', 'head', '-c', String(bigBytes), '/dev/zero'], env);
      assert.equal(big.out.length, bigBytes);
      const child = start(['exec', 'web', '--', 'sh', '-c', 'echo ready; exec sleep 1000'], env);
      await withDeadline(once(child.stdout ?? child, 'data'), deadlineMs, 'the process');
      const [running] = asked.running;
      assert.ok(running);
      child.kill('SIGKILL');
      await withDeadline(once(running, 'exit'), deadlineMs, 'the end of the process');
    });

    test(`port-forward by ${name}: bytes both ways, several connections, a port that refuses`, { skip }, async () => {
      const child = start(['port-forward', 'pod/web', ':80', ':81'], env);
      try {
        let text = '';
        const { promise, resolve } = Promise.withResolvers<void>();
        child.stdout?.on('data', (data: Buffer) => {
          text += data.toString();
          if (/127\.0\.0\.1:\d+ -> 81/u.test(text)) {
            resolve();
          }
        });
        await withDeadline(promise, deadlineMs, `kubectl port-forward: ${text}`);
        const portOf = (remote: number): number =>
          Number(new RegExp(`127\\.0\\.0\\.1:(\\d+) -> ${remote}`, 'u').exec(text)?.[1]);
        const talk = async (message: string): Promise<string> => {
          const socket = connect({ port: portOf(80), host: '127.0.0.1' });
          let got = '';
          const all = Promise.withResolvers<void>();
          socket.on('data', (data: Buffer) => {
            got += data.toString();
            if (got.length >= message.length) {
              all.resolve();
            }
          });
          socket.write(message);
          await withDeadline(all.promise, deadlineMs, 'the echo');
          socket.destroy();
          return got;
        };
        const messages = ['hello', 'y'.repeat(500_000), 'again'];
        assert.deepEqual(await Promise.all(messages.map(talk)), messages);
        const refused = connect({ port: portOf(81), host: '127.0.0.1' });
        refused.on('error', () => {});
        let err = '';
        const told = Promise.withResolvers<void>();
        child.stderr?.on('data', (data: Buffer) => {
          err += data.toString();
          if (err.includes('nobody listens on 81')) {
            told.resolve();
          }
        });
        await withDeadline(told.promise, deadlineMs, `the refusal: ${err}`);
        refused.destroy();
      } finally {
        child.kill('SIGKILL');
      }
    });
  }

  test('attach shows what comes from now on', { skip }, async () => {
    const { out } = await kubectl(['attach', 'web']);
    assert.equal(out, 'one\ntwo\n');
    assert.equal(asked.logs.at(-1)?.tailLines, 0);
  });

  test('a plain request for exec and an anonymous one are refused', async () => {
    const path = '/api/v1/namespaces/default/pods/web/exec?command=id&stdout=true';
    assert.equal((await server.call('POST', path)).code, 400);
    assert.equal((await server.call('POST', path, { anonymous: true })).code, 401);
    assert.equal((await server.call('GET', '/api/v1/namespaces/default/pods/web/log?tailLines=-1')).code, 400);
  });
});
