/** The official Python client (Debian's python3-kubernetes) against the API server: `program.py` says what it does. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { startClientsServer } from './server.ts';
import type { ClientsServer } from './server.ts';

const run = promisify(execFile);
const program = new URL('program.py', import.meta.url).pathname;
/** Debian's own: another one that comes first on the path has not its packages. */
const python = process.env['VMLET_TEST_PYTHON'] ?? '/usr/bin/python3';
const deadlineMs = 60_000;

describe('the official Python client', async () => {
  const found = await run(python, ['-c', 'import kubernetes']).then(
    () => true,
    () => false,
  );
  const skip = found ? false : `${python} has no module kubernetes: apt-get install python3-kubernetes`;
  const steps = [...readFileSync(program, 'utf8').matchAll(/^@step\ndef (\w+)/gmu)].map(([, name = '']) =>
    name.replaceAll('_', ' '),
  );
  const results = new Map<string, string | null>();
  let server: ClientsServer;
  let errors = '';
  before(async () => {
    if (!found) {
      return;
    }
    server = await startClientsServer();
    const { stdout, stderr } = await run(python, ['-I', '-B', program, server.kubeconfig], { timeout: deadlineMs });
    errors = stderr;
    for (const line of stdout.split('\n').filter((text) => text !== '')) {
      const { step, error } = JSON.parse(line) as { step: string; error: string | null };
      results.set(step, error);
    }
  });
  after(() => server?.close());

  for (const step of steps) {
    test(step, { skip }, () => {
      assert.ok(results.has(step), `it did not come so far: ${errors}`);
      assert.equal(results.get(step), null);
    });
  }
});
