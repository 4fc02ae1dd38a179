/**
 * Runs the conformance suite against any cluster.
 *
 * usage: npm run test:conformance -- [--kubeconfig FILE] [--namespace NS] [--kubectl PATH] [--filter TEXT]
 *                                    [--concurrency N] [-o text|json] [--list]
 *
 * Without --kubeconfig an embedded server is started. Ends with `N passed, N failed, N skipped`; exit code 1 when a case
 * failed, 2 when the suite could not run.
 */
import { parseArgs } from 'node:util';
import { allCases } from './all-cases.ts';
import type { EmbeddedServer } from './embedded-server.ts';
import { runCases } from './runner.ts';
import type { CaseResult } from './runner.ts';
import { createWorld } from './world.ts';

const { values } = parseArgs({
  options: {
    kubeconfig: { type: 'string' },
    namespace: { type: 'string' },
    kubectl: { type: 'string', default: 'kubectl' },
    filter: { type: 'string', default: '' },
    concurrency: { type: 'string', default: '4' },
    output: { type: 'string', short: 'o', default: 'text' },
    list: { type: 'boolean', default: false },
  },
});
const asJson = values.output === 'json';
const wanted = values.filter.toLowerCase();
const cases = allCases.filter(({ area, name }) => `${area}: ${name}`.toLowerCase().includes(wanted));

function show({ area, name, reference, result, detail }: CaseResult): void {
  if (!asJson) {
    const why = detail === undefined ? '' : `\n    ${detail.replaceAll('\n', '\n    ')}\n    rule: ${reference}`;
    process.stdout.write(`${result} ${area}: ${name}${why}\n`);
  }
}

/** Loaded only now: against a cluster none of the server's modules are needed. */
async function startServer(): Promise<EmbeddedServer> {
  return (await import('./embedded-server.ts')).startEmbeddedServer();
}

async function main(): Promise<number> {
  const server = values.kubeconfig === undefined ? await startServer() : undefined;
  try {
    const kubeconfig = values.kubeconfig ?? server?.kubeconfig ?? '';
    const world = await createWorld({ kubeconfig, kubectl: values.kubectl, namespace: values.namespace });
    const stop = (): void => {
      void world.close().finally(() => process.exit(2));
    };
    process.once('SIGINT', stop).once('SIGTERM', stop);
    try {
      const concurrency = Math.max(1, Math.min(64, Number(values.concurrency) || 1));
      const results = await runCases(world, cases, { concurrency, onResult: show });
      const count = (result: CaseResult['result']): number => results.filter((item) => item.result === result).length;
      const [passed, failed, skipped] = [count('passed'), count('failed'), count('skipped')];
      process.stdout.write(
        asJson
          ? `${JSON.stringify({ passed, failed, skipped, cases: results }, undefined, 2)}\n`
          : `${passed} passed, ${failed} failed, ${skipped} skipped\n`,
      );
      return failed === 0 ? 0 : 1;
    } finally {
      process.off('SIGINT', stop).off('SIGTERM', stop);
      await world.close();
    }
  } finally {
    await server?.close();
  }
}

if (values.list) {
  process.stdout.write(cases.map(({ area, name, reference }) => `${area}: ${name} [${reference}]\n`).join(''));
} else {
  try {
    process.exitCode = await main();
  } catch (error) {
    process.stderr.write(`the suite could not run: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 2;
  }
}
