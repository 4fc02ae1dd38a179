/** The embedded API server as a cluster to run the suite against: with what a cluster's controller manager does for it. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { badRequest } from '../../src/apimachinery/status.ts';
import { silentLogger } from '../../src/base/logger.ts';
import { writeKubeconfig } from '../../src/embedded/apiserver/kubeconfig.ts';
import type { PodStreamBackend } from '../../src/embedded/apiserver/pod-streams/backend.ts';
import { startTestServer } from '../../src/embedded/apiserver/test-server.ts';
import { openLmdbStore } from '../../src/embedded/store/lmdb-backend.ts';
import type { Store } from '../../src/embedded/store/store.ts';
import { startGarbageCollector } from '../../src/embedded/garbage/garbage-collector.ts';

export interface EmbeddedServer {
  readonly kubeconfig: string;
  close(): Promise<void>;
}

/** Pods are only stored here. */
const noStreams: PodStreamBackend = {
  openLog: () => Promise.reject(badRequest('no node runs this Pod')),
  exec: () => Promise.reject(badRequest('no node runs this Pod')),
  connect: () => Promise.reject(badRequest('no node runs this Pod')),
};

/** Few, so that there are revisions that are no longer kept; more than the cases write while one of them runs. */
const historyEvents = 1000;

export async function startEmbeddedServer(): Promise<EmbeddedServer> {
  const directory = mkdtempSync(join(tmpdir(), 'vmlet-conformance-'));
  const store = openLmdbStore({ path: join(directory, 'store.mdb'), historyEvents });
  await outdateFirstRevision(store);
  const server = await startTestServer({ store, podStreams: noStreams });
  const { ca, client } = server.certificates;
  const kubeconfig = join(server.directory, 'kubeconfig');
  writeKubeconfig(kubeconfig, { server: `https://127.0.0.1:${server.port}`, ca: ca.cert, ...client });
  const stopping = new AbortController();
  const collector = startGarbageCollector({
    client: server.client,
    logger: silentLogger,
    signal: stopping.signal,
    kinds: server.kinds,
  });
  return {
    kubeconfig,
    async close() {
      stopping.abort();
      await collector.closed;
      await server.close();
      rmSync(directory, { recursive: true });
    },
  };
}

/** As time does to a cluster. */
async function outdateFirstRevision(store: Store): Promise<void> {
  const bytes = Buffer.from('{}');
  for (let written = 0; store.compactedRevision < 2; written += 100) {
    assert.ok(written <= 3 * historyEvents, 'the store does not compact');
    const keys = Array.from({ length: 50 }, (_, index) => `/filling/${written + index}`);
    const made = await Promise.all(keys.map((key) => store.create(key, () => bytes)));
    await Promise.all(made.map(({ key, revision }) => store.delete(key, () => bytes, revision)));
  }
}
