import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { allCases } from './all-cases.ts';
import { startEmbeddedServer } from './embedded-server.ts';
import type { EmbeddedServer } from './embedded-server.ts';
import { knownDeviations } from './known-deviations.ts';
import { runCases } from './runner.ts';
import type { CaseResult } from './runner.ts';
import { createWorld } from './world.ts';

describe('the embedded API server conforms', () => {
  let server: EmbeddedServer;
  const results = new Map<string, CaseResult>();
  before(async () => {
    server = await startEmbeddedServer();
    const world = await createWorld({ kubeconfig: server.kubeconfig, kubectl: process.env['KUBECTL'] ?? 'kubectl' });
    try {
      for (const result of await runCases(world, allCases, { concurrency: 4 })) {
        results.set(`${result.area}: ${result.name}`, result);
      }
    } finally {
      await world.close();
    }
  });
  after(() => server.close());

  test('there are at least 300 cases, each with a name of its own and a reference', () => {
    assert.ok(allCases.length >= 300, `${allCases.length} cases`);
    assert.equal(new Set(allCases.map(({ area, name }) => `${area}: ${name}`)).size, allCases.length);
    assert.deepEqual(
      allCases.filter(({ reference }) => reference.length < 8),
      [],
    );
  });
  for (const { area, name, reference } of allCases) {
    test(`${area}: ${name}`, (t) => {
      const found = results.get(`${area}: ${name}`);
      assert.ok(found !== undefined, 'the case did not run');
      if (found.result === 'skipped') {
        t.skip(found.detail);
        return;
      }
      const deviation = knownDeviations[`${area}: ${name}`];
      if (deviation !== undefined) {
        assert.equal(found.result, 'failed', 'the server conforms now: take the case off the list of known deviations');
        t.skip(`known deviation: ${deviation}`);
        return;
      }
      assert.equal(found.result, 'passed', `${found.detail} (rule: ${reference})`);
    });
  }
});
