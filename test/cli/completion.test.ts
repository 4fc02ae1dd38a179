import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { after, before, test } from 'node:test';
import { executable, run, startCliServer, vmlet, type CliServer } from './server.ts';

let server: CliServer;
before(async () => {
  server = await startCliServer();
});
after(() => server.close());

/** What bash offers for a line whose last word is being completed. */
async function complete(...words: string[]): Promise<string[]> {
  const program = `
    source <(vmlet completion bash) || exit 9
    complete -p vmlet >/dev/null || exit 8
    COMP_WORDS=("$@"); COMP_CWORD=$(( $# - 1 ))
    _vmlet
    printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { code, out, err } = await run('/bin/bash', ['-c', program, 'bash', 'vmlet', ...words], {
    environment: { PATH: `${dirname(executable)}:/usr/bin:/bin`, KUBECONFIG: server.kubeconfig },
  });
  assert.equal(code, 0, err);
  assert.equal(err, '');
  return out.split('\n').filter((line) => line !== '');
}

test('commands', async () => {
  assert.deepEqual(await complete('st'), ['store', 'start', 'stop']);
  assert.deepEqual(await complete('--v'), ['--version']);
  assert.ok((await complete('')).includes('console'));
  assert.deepEqual(await complete('help', 'rest'), ['restore', 'restart']);
  assert.deepEqual(await complete('nonsense', ''), []);
});

test('options and their values', async () => {
  assert.deepEqual(await complete('list', '--a'), ['--all-namespaces']);
  assert.deepEqual(await complete('list', '-o', ''), ['wide', 'json', 'yaml', 'name']);
  assert.deepEqual(await complete('list', '--output', '=', 'js'), ['json']);
  assert.deepEqual(await complete('completion', ''), ['bash', 'zsh', 'fish']);
  assert.deepEqual(await complete('list', '--kubeconfig', ''), [], 'files, which bash completes itself');
});

test('names from the API server', async () => {
  assert.deepEqual(await complete('start', ''), ['web', 'worker']);
  assert.deepEqual(await complete('start', 'wo'), ['worker']);
  assert.deepEqual(await complete('console', ''), ['lonely', 'web']);
  assert.deepEqual(await complete('start', 'web', ''), [], 'one name is enough');
  assert.deepEqual(await complete('expose', 'w'), ['web', 'worker']);
  assert.deepEqual(await complete('expose', 'vmi', ''), ['lonely', 'web']);
  assert.deepEqual(await complete('expose', 'web', '--type', 'N'), ['NodePort']);
  assert.deepEqual(await complete('start', '-n', 'kube-system', ''), []);
  assert.deepEqual(await complete('list', '-n', 'kube-p'), ['kube-public']);
});

test('no server is silence', async () => {
  const outcome = await vmlet(['__complete', 'start', ''], { environment: { KUBECONFIG: '/nonexistent' } });
  assert.deepEqual(outcome, { code: 0, signal: null, out: '', err: '' });
});

for (const [shell, check] of [
  ['bash', ['-n']],
  ['zsh', ['-n']],
  ['fish', ['--no-execute']],
] as const) {
  test(`${shell} can read its script`, async (t) => {
    const path = ['/bin', '/usr/bin'].map((directory) => `${directory}/${shell}`).find((each) => existsSync(each));
    if (path === undefined) {
      t.skip(`needs ${shell}`);
      return;
    }
    const { out } = await vmlet(['completion', shell]);
    const read = await run(path, check, { input: out });
    assert.equal(read.code, 0, read.err);
  });
}
