import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { parse } from 'yaml';
import { withDeadline } from '../../src/base/deadline.ts';
import { version } from '../../src/base/version.ts';
import { writeKubeconfig } from '../../src/embedded/apiserver/kubeconfig.ts';
import { createCertificates } from '../../src/embedded/apiserver/pki.ts';
import { executable, run, startCliServer, vmlet, type CliServer } from './server.ts';

const nobody = 65_534;
const asRoot = process.getuid?.() === 0;

describe('without a server', () => {
  test('--help teaches: groups, first steps, and every command', async () => {
    const help = await vmlet(['--help']);
    assert.equal(help.code, 0);
    assert.equal(help.err, '');
    for (const part of [
      'This host:',
      'VMs:',
      'General:',
      'First steps, as root:',
      'kubectl apply -f examples/vm.yaml',
    ]) {
      assert.ok(help.out.includes(part), part);
    }
    assert.equal((await vmlet([])).out, help.out);
    assert.equal((await vmlet(['help'])).out, help.out);
  });

  test('the help of each command has a summary, examples that name it, and lines that fit', async () => {
    const { out } = await vmlet(['--help']);
    const names = [...out.matchAll(/^ {2}([a-z]+)(?: [<[][a-z]+[>\]])? {2,}[A-Z]/gm)].map((match) => match[1] ?? '');
    assert.ok(names.length >= 14, names.join());
    for (const name of names.filter((each) => each !== 'help')) {
      const help = await vmlet([name, '--help']);
      assert.equal(help.code, 0, name);
      assert.match(help.out, new RegExp(`^Usage: vmlet ${name}`), name);
      assert.match(help.out.split('Examples:')[1] ?? '', new RegExp(`vmlet ${name}`), name);
      assert.equal((await vmlet(['help', name])).out, help.out, name);
      for (const line of help.out.split('\n')) {
        assert.ok(line.length <= 120, line);
      }
    }
  });

  const mistakes: readonly (readonly [words: readonly string[], complaint: RegExp])[] = [
    [['lsit'], /^vmlet: unknown command 'lsit'\n\(Did you mean list\?\)\n\(`vmlet --help` shows all commands\)\n$/],
    [
      ['list', '--ouput=json'],
      /^vmlet: unknown option '--ouput=json'\n(.*\n)*\(`vmlet list --help` shows how it is used\)\n$/,
    ],
    [['--bogus'], /^vmlet: unknown option '--bogus'/],
    [['list', '-o', 'xml'], /argument 'xml' is invalid. Allowed choices are wide, json, yaml, name/],
    [['start'], /^vmlet: missing required argument 'name'/],
    [['start', 'a', 'b'], /too many arguments/],
    [['stop', 'web', '--grace-period', 'soon'], /^vmlet: --grace-period takes whole seconds, not "soon"\n$/],
    [['stop', 'web', '--force', '--grace-period', '5'], /^vmlet: --force leaves the guest no time/],
    [['console', 'web', '--timeout', 'x'], /^vmlet: --timeout takes seconds, not "x"\n$/],
    [['completion', 'tcsh'], /Allowed choices are bash, zsh, fish/],
  ];
  for (const [words, complaint] of mistakes) {
    test(`vmlet ${words.join(' ')} is refused with a hint`, async () => {
      const { code, out, err } = await vmlet(words);
      assert.equal(code, 2);
      assert.equal(out, '');
      assert.match(err, complaint);
    });
  }

  test('version, without asking anybody', async () => {
    assert.equal((await vmlet(['--version'])).out, `${version()}\n`);
    assert.equal(
      (await vmlet(['version', '--client'])).out,
      `Client: vmlet ${version()} (Node.js ${process.version})\n`,
    );
    const json = await vmlet(['version', '--client', '-o', 'json']);
    assert.deepEqual(JSON.parse(json.out), { client: { version: version(), node: process.version } });
  });

  test('nobody answers, or the kubeconfig is gone: one line', async (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'vmlet-cli-'));
    t.after(() => rmSync(directory, { recursive: true }));
    const kubeconfig = join(directory, 'kubeconfig');
    const environment = { KUBECONFIG: kubeconfig };
    const missing = await vmlet(['list'], { environment });
    assert.equal(missing.code, 1);
    assert.equal(missing.err, `vmlet: kubeconfig ${kubeconfig} cannot be read (ENOENT)\n`);

    const closed = createServer().listen(0, '127.0.0.1');
    await once(closed, 'listening');
    const server = `https://127.0.0.1:${(closed.address() as AddressInfo).port}`;
    closed.close();
    await once(closed, 'close');
    const { ca, client } = await createCertificates({ directory });
    writeKubeconfig(kubeconfig, { server, ca: ca.cert, ...client });
    const refused = await vmlet(['list'], { environment });
    assert.equal(refused.code, 1);
    assert.equal(
      refused.err,
      `vmlet: no answer from ${server}: connection refused. Is vmlet running? Start it with \`vmlet up\`\n`,
    );
    const version = await vmlet(['version'], { environment });
    assert.equal(version.code, 1);
    assert.match(version.out, /^Client: /);
    assert.equal(version.err, refused.err);
  });

  test('a state directory without a kubeconfig: one line', { skip: !asRoot && 'needs root' }, async () => {
    const { code, err } = await vmlet(['list'], { environment: { VMLET_STATE_DIR: '/nonexistent' } });
    assert.equal(code, 1);
    assert.match(err, /^vmlet: no kubeconfig found \(.*\): start vmlet with `vmlet up`\n$/);
  });

  test(
    'without root, each command says so in one line',
    { skip: !asRoot && 'needs root to become another' },
    async () => {
      for (const words of [['up'], ['down'], ['install'], ['demo'], ['list'], ['console', 'web'], ['start', 'web']]) {
        const { code, out, err } = await vmlet(words, {
          uid: nobody,
          environment: { VMLET_STATE_DIR: '/root/nowhere' },
        });
        assert.equal(code, 1, words[0]);
        assert.equal(out, '', words[0]);
        assert.match(err, /^vmlet: .*(root|sudo).*\n$/, words[0]);
        assert.equal(err.split('\n').length, 2, err);
      }
    },
  );
});

describe('the code cache', () => {
  test('is kept in a directory of the user, never in /tmp', { skip: !asRoot && 'needs root' }, async (t) => {
    const home = mkdtempSync(join(tmpdir(), 'vmlet-home-'));
    t.after(() => rmSync(home, { recursive: true }));
    chmodSync(home, 0o777);
    const scratch = join(home, 'tmp');
    const environment = { XDG_CACHE_HOME: join(home, 'cache'), TMPDIR: scratch };
    mkdirSync(scratch);
    chmodSync(scratch, 0o777);
    assert.equal((await vmlet(['--version'], { uid: nobody, environment })).code, 0);
    const cache = join(home, 'cache/vmlet/code');
    assert.equal(statSync(cache).uid, nobody);
    assert.equal(statSync(cache).mode & 0o777, 0o700);
    assert.equal(readdirSync(cache).length, 1);
    assert.deepEqual(readdirSync(scratch), []);
  });

  test('one that others could write is not used', { skip: !asRoot && 'needs root' }, async (t) => {
    const home = mkdtempSync(join(tmpdir(), 'vmlet-home-'));
    t.after(() => rmSync(home, { recursive: true }));
    chmodSync(home, 0o755);
    const cache = join(home, 'vmlet/code');
    mkdirSync(cache, { recursive: true });
    chmodSync(cache, 0o777);
    const outcome = await vmlet(['--version'], { uid: nobody, environment: { XDG_CACHE_HOME: home } });
    assert.equal(outcome.out, `${version()}\n`);
    assert.deepEqual(readdirSync(cache), []);
  });

  test('without any place for it the command works', async () => {
    assert.equal((await run('/usr/bin/env', ['-i', executable, '--version'])).out, `${version()}\n`);
  });
});

describe('against an API server', () => {
  let server: CliServer;
  before(async () => {
    server = await startCliServer();
  });
  after(() => server.close());

  test('list: a table, each VM once, sorted', async () => {
    const { code, out, err } = await server.vmlet('list');
    assert.equal(err, '');
    assert.equal(code, 0);
    const lines = out
      .trimEnd()
      .split('\n')
      .map((line) =>
        line
          .replace(/ +\d+s$/, ' AGE')
          .split(/ +/)
          .join(' '),
      );
    assert.deepEqual(lines, [
      'NAME KIND STATUS READY IP NODE AGE',
      'lonely VMI Running True 10.1.2.3 node-1 AGE',
      'web VM <none> True 10.1.2.3 node-1 AGE',
      'worker VM <none> False <none> <none> AGE',
    ]);
  });

  test('list in every other format, and in all namespaces', async () => {
    const wide = await server.vmlet('list', '-o', 'wide');
    assert.match(wide.out, /^NAME .*IPS +PAUSED +ACCELERATION$/m);
    assert.match(wide.out, /^lonely .*10\.1\.2\.3,fd00::3 +False +emulated$/m);
    assert.match((await server.vmlet('list', '-A')).out, /^NAMESPACE .*\ndefault +lonely/);
    assert.equal(
      (await server.vmlet('list', '-o', 'name')).out,
      'virtualmachineinstance.kubevirt.io/lonely\nvirtualmachine.kubevirt.io/web\nvirtualmachine.kubevirt.io/worker\n',
    );
    const json = JSON.parse((await server.vmlet('list', '-o', 'json')).out) as { items: { kind: string }[] };
    assert.deepEqual(
      json.items.map((item) => item.kind),
      ['VirtualMachineInstance', 'VirtualMachine', 'VirtualMachine'],
    );
    assert.deepEqual(parse((await server.vmlet('list', '-o', 'yaml')).out), json);
  });

  test('an empty namespace is said on standard error', async () => {
    const empty = await server.vmlet('list', '-n', 'kube-public');
    assert.deepEqual(
      { ...empty, signal: null },
      {
        code: 0,
        signal: null,
        out: '',
        err: 'No VMs found in namespace kube-public.\n',
      },
    );
    assert.deepEqual(
      (JSON.parse((await server.vmlet('list', '-n', 'kube-public', '-o', 'json')).out) as { items: [] }).items,
      [],
    );
  });

  test('start, stop, restart, pause and unpause put what they are asked to', async () => {
    const from = server.requests.length;
    const said: string[] = [];
    for (const words of [
      ['start', 'web', '--paused'],
      ['stop', 'web', '--grace-period', '7'],
      ['stop', 'web', '--force', '--dry-run'],
      ['restart', 'web'],
      ['pause', 'web'],
      ['unpause', 'web'],
    ]) {
      const { code, out, err } = await server.vmlet(...words);
      assert.equal(code, 0, err);
      said.push(out);
    }
    assert.deepEqual(server.requests.slice(from), [
      'PUT virtualmachines/web/start {"paused":true}',
      'PUT virtualmachines/web/stop {"gracePeriod":7}',
      'PUT virtualmachines/web/stop {"gracePeriod":0,"dryRun":["All"]}',
      'PUT virtualmachines/web/restart {}',
      'PUT virtualmachineinstances/web/pause {}',
      'PUT virtualmachineinstances/web/unpause {}',
    ]);
    assert.equal(said[0], 'virtualmachine.kubevirt.io/web start requested\n');
    assert.equal(said[2], 'virtualmachine.kubevirt.io/web stop requested (dry run)\n');
    assert.equal(said[4], 'virtualmachineinstance.kubevirt.io/web paused\n');
  });

  test('what the API refuses is one line and exit code 1', async () => {
    const refused = async (...words: string[]): Promise<string> => {
      const { code, out, err } = await server.vmlet(...words);
      assert.equal(code, 1);
      assert.equal(out, '');
      return err;
    };
    assert.equal(await refused('start', 'gone'), 'vmlet: virtualmachines.kubevirt.io "gone" not found\n');
    assert.equal(
      await refused('start', 'worker'),
      'vmlet: Operation cannot be fulfilled on virtualmachines.kubevirt.io "worker": VM is already running\n',
    );
    assert.equal(await refused('console', 'gone'), 'vmlet: virtualmachineinstances.kubevirt.io "gone" not found\n');
    assert.equal(await refused('console', 'lonely'), 'vmlet: No serial consoles are present.\n');
    assert.match(await refused('list', '--context', 'elsewhere'), /has no "elsewhere" under contexts\n$/);
  });

  test('logs and version', async () => {
    assert.equal((await server.vmlet('logs', 'web')).out, 'guest ready\n');
    assert.equal((await server.vmlet('logs', 'web', '--qemu')).out, 'qemu started\n');
    assert.match((await server.vmlet('version')).out, /^Client: vmlet .*\nServer: v\d.*\n$/);
    assert.ok((JSON.parse((await server.vmlet('version', '-o', 'json')).out) as { server?: object }).server);
  });

  test('of several files in KUBECONFIG, the first that exists counts', async () => {
    const environment = { KUBECONFIG: `/nonexistent/config:${server.kubeconfig}` };
    assert.equal((await vmlet(['list', '-o', 'name'], { environment })).code, 0);
  });

  test('a kubeconfig that somebody else may not read', { skip: !asRoot && 'needs root' }, async () => {
    const denied = await vmlet(['list'], { uid: nobody, environment: { KUBECONFIG: server.kubeconfig } });
    assert.equal(denied.code, 1);
    assert.match(denied.err, /^vmlet: kubeconfig .* cannot be read \(EACCES\): run as root.*\n$/);
    const allowed = await vmlet(['list'], { uid: nobody, environment: { KUBECONFIG: server.sharedKubeconfig } });
    assert.equal(allowed.code, 0, allowed.err);
  });

  test('`vmlet list | head -1` ends quietly', async () => {
    const script = `set -o pipefail; { '${executable}' list -o yaml; echo "code $?" >&2; } | head -1`;
    const { out, err } = await run('/bin/bash', ['-c', script], { environment: { KUBECONFIG: server.kubeconfig } });
    assert.equal(out, 'apiVersion: v1\n');
    assert.equal(err, 'code 0\n');
    // Nobody reads from the beginning: every write is refused.
    const child = spawn(executable, ['list', '-o', 'yaml'], {
      env: { KUBECONFIG: server.kubeconfig },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child.stdout.destroy();
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
    assert.deepEqual(await withDeadline(once(child, 'close'), 10_000, 'the end'), [0, null]);
    assert.equal(said, '');
  });

  test('no colour leaves the program when its output is no terminal', async () => {
    for (const words of [['--help'], ['list']]) {
      // eslint-disable-next-line no-control-regex -- an escape sequence is what must not be there
      assert.doesNotMatch((await server.vmlet(...words)).out, /\u001b/);
    }
  });
});

test('Ctrl-C while the API server is silent: 130, and 143 for SIGTERM', async (t) => {
  const server = await startCliServer();
  t.after(() => server.close());
  const connected: (() => void)[] = [];
  const silent = createServer(() => connected.shift()?.());
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  t.after(() => silent.close());
  const { port } = silent.address() as AddressInfo;
  const kubeconfig = join(server.api.directory, 'silent');
  const { ca, client } = server.api.certificates;
  writeKubeconfig(kubeconfig, { server: `https://127.0.0.1:${port}`, ca: ca.cert, ...client });
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    const waiting = new Promise<void>((resolve) => connected.push(resolve));
    const child = spawn(executable, ['list'], { env: { KUBECONFIG: kubeconfig }, stdio: ['ignore', 'pipe', 'pipe'] });
    let printed = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => (printed += chunk.toString()));
    }
    const closed = once(child, 'close');
    await withDeadline(waiting, 10_000, 'the connection');
    child.kill(signal);
    assert.deepEqual(await withDeadline(closed, 10_000, 'the end'), [code, null]);
    assert.equal(printed, '');
  }
});

test('bin/vmlet names what is missing in a clone that is not set up', async (t) => {
  const root = mkdtempSync(join(tmpdir(), 'vmlet-clone-'));
  t.after(() => rmSync(root, { recursive: true }));
  await run('/bin/cp', ['-rT', join(executable, '..'), join(root, 'bin')]);
  assert.ok(existsSync(join(root, 'bin/vmlet')));
  const { code, err } = await run(join(root, 'bin/vmlet'), ['list']);
  assert.equal(code, 1);
  assert.equal(err, `vmlet: ${root} is not set up: run scripts/setup.sh there as root\n`);
});
