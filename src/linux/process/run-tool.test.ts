import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runTool } from './run-tool.ts';

const options = { doing: 'test', timeoutMs: 5000 } as const;

test('gives what a program writes, and only the environment that is named', async () => {
  let seen = '';
  const text = await runTool('env', [], { ...options, env: { SAID: 'so' }, onStdout: (piece) => (seen += piece) });
  const names = text
    .trim()
    .split('\n')
    .map((line) => line.split('=')[0]);
  assert.deepEqual(new Set(names), new Set(['LC_ALL', 'PATH', 'SAID']));
  assert.equal(seen, text);
});

test('a failing, hanging, endless or missing program is told apart', async () => {
  await assert.rejects(runTool('sh', ['-c', 'echo why >&2; exit 3'], options), { code: 'ToolFailed', message: /why/ });
  await assert.rejects(runTool('sleep', ['60'], { ...options, timeoutMs: 50 }), { code: 'Cancelled' });
  await assert.rejects(runTool('yes', [], options), { code: 'Cancelled', message: /too much/ });
  await assert.rejects(runTool('no-such-tool', [], options), { code: 'Unsupported' });
  const stop = new AbortController();
  const hanging = runTool('sleep', ['60'], { ...options, signal: stop.signal });
  stop.abort();
  await assert.rejects(hanging, { code: 'Cancelled' });
  await assert.rejects(runTool('sleep', ['60'], { ...options, signal: AbortSignal.abort() }), { code: 'Cancelled' });
});
