import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { after, before, test, type TestContext } from 'node:test';
import { pollUntil, withDeadline } from '../../src/base/deadline.ts';
import { executable, startCliServer, vmlet, type CliServer } from './server.ts';

const deadlineMs = 20_000;
let server: CliServer;
before(async () => {
  server = await startCliServer();
});
after(() => server.close());

/** `vmlet console web` on a pseudo-terminal, between two looks at the terminal's settings. */
function openTerminal(t: TestContext) {
  const line = `stty -g; '${executable}' console web; echo "code $?"; stty -g`;
  const child = spawn('/usr/bin/script', ['-qfec', line, '/dev/null'], {
    env: { PATH: '/usr/bin:/bin', SHELL: '/bin/sh', TERM: 'xterm', KUBECONFIG: server.kubeconfig },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  let shown = '';
  child.stdout.on('data', (chunk: Buffer) => (shown += chunk.toString('latin1')));
  const ended = once(child, 'close');
  return {
    type: (bytes: string) => child.stdin.write(Buffer.from(bytes, 'latin1')),
    see: (text: string) =>
      pollUntil(() => shown.includes(text) || undefined, { timeoutMs: deadlineMs, doing: `seeing ${text}` }),
    async end(): Promise<string[]> {
      await withDeadline(ended, deadlineMs, 'the end');
      return shown.split(/\r*\n/).filter((each) => each !== '');
    },
  };
}

function assertRestored(lines: readonly string[], code: number): void {
  assert.equal(lines.at(-2), `code ${code}`);
  assert.match(lines.at(-1) ?? '', /^[0-9a-f:]+$/);
  assert.equal(lines.at(-1), lines[0], 'the settings of the terminal');
}

const options = { skip: !existsSync('/usr/bin/script') && 'needs script(1)' };

test('raw bytes pass both ways, Ctrl-C among them; ^] leaves and the terminal is as before', options, async (t) => {
  const terminal = openTerminal(t);
  await terminal.see('^] leaves.');
  await terminal.see('hello from the guest');
  terminal.type('\u0003');
  await terminal.see('<03>');
  terminal.type('\u0004');
  await terminal.see('<04>');
  terminal.type('\r');
  await terminal.see('<0d>');
  terminal.type('\u00ff');
  await terminal.see('<ff>');
  terminal.type('\u001d');
  assertRestored(await terminal.end(), 0);
});

test('when the guest ends the console, the terminal is as before', options, async (t) => {
  const terminal = openTerminal(t);
  await terminal.see('hello from the guest');
  terminal.type('bye');
  assertRestored(await terminal.end(), 0);
});

test('input from a pipe is sent, and the answer shown', async () => {
  const { code, out, err } = await vmlet(['console', 'web'], {
    environment: { KUBECONFIG: server.kubeconfig },
    input: 'ls\n',
  });
  assert.equal(err, '');
  assert.equal(code, 0);
  assert.equal(out, 'hello from the guest\r\n<6c730a>');
});
