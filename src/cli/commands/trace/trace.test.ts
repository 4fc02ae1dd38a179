import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { parse } from 'yaml';
import { vmlet, type Outcome } from '../../../../test/cli/server.ts';
import { conflict, notFound } from '../../../apimachinery/status.ts';
import { writeKubeconfig } from '../../../embedded/apiserver/kubeconfig.ts';
import { startTestServer, type TestServer } from '../../../embedded/apiserver/test-server.ts';
import type { DelegatedRequest } from '../../../embedded/apiserver/types.ts';
import { markNames, type StartTrace } from '../../../vm/trace/trace.ts';
import { traceIdOf } from '../../../vm/trace/traceparent.ts';
import { layOutTrace } from '../../../vm/trace/waterfall.ts';

const subject = { group: 'kubevirt.io', resource: 'virtualmachineinstances' };
const good: StartTrace = {
  vmi: { namespace: 'default', name: 'web', uid: 'u' },
  node: 'host1',
  traceId: traceIdOf('u'),
  marks: markNames.map((name, index) => ({ name, atMs: 1_700_000_000_000 + index })),
};
let api: TestServer;
let kubeconfig: string;

/** A node that traced the start of `web`, did not see that of `old`, and is of another kind for `odd`. */
before(async () => {
  api = await startTestServer({
    delegated: [
      {
        group: 'subresources.kubevirt.io',
        versions: ['v1'],
        resources: [],
        handle: async ({ name, subresource, method }: DelegatedRequest) => {
          assert.deepEqual([method, subresource], ['GET', 'trace']);
          switch (name) {
            case 'web':
              return { code: 200, body: good };
            case 'odd':
              return { code: 200, body: { kind: 'Something' } };
            case 'old':
              throw conflict(subject, name, 'its start was not seen');
            default:
              throw notFound(subject, name ?? '');
          }
        },
      },
    ],
  });
  kubeconfig = join(api.directory, 'kubeconfig');
  const { ca, client } = api.certificates;
  writeKubeconfig(kubeconfig, { server: `https://127.0.0.1:${api.port}`, ca: ca.cert, ...client });
});
after(() => api.close());

function trace(...words: string[]): Promise<Outcome> {
  return vmlet(['trace', ...words], { environment: { KUBECONFIG: kubeconfig } });
}

test('bars, with or without the word vm', async () => {
  const { code, out, err } = await trace('vm', 'web');
  assert.equal(err, '');
  assert.equal(code, 0);
  assert.match(out, /^web in default on node host1: Running after 9 ms\n/);
  assert.match(out, /\n {2}sandbox +1 ms of +80 ms +#+\n/);
  assert.ok(!out.includes('\u001b'));
  assert.equal((await trace('web')).out, out);
});

test('JSON and YAML hold the marks and the steps', async () => {
  const wanted = JSON.parse(JSON.stringify({ ...good, ...layOutTrace(good) })) as unknown;
  assert.deepEqual(JSON.parse((await trace('web', '-o', 'json')).out), wanted);
  assert.deepEqual(parse((await trace('vm', 'web', '-o', 'yaml')).out), wanted);
});

test('what cannot be shown is one line and exit code 1; a wrong command line is 2', async () => {
  assert.match((await trace('vm', 'old')).err, /^vmlet: .*its start was not seen\n$/);
  assert.match((await trace('odd')).err, /^vmlet: the API server keeps no trace of "odd"/);
  const missing = await trace('vm', 'nobody');
  assert.equal(missing.code, 1);
  assert.match(missing.err, /"nobody" not found/);
  for (const words of [[], ['disk', 'web'], ['vm', 'web', 'more'], ['web', '-o', 'xml']]) {
    assert.equal((await trace(...words)).code, 2, words.join(' '));
  }
  assert.match((await trace('--help')).out, /Examples:\n {2}vmlet trace vm web/);
});
