/** The embedded API server as a cluster to run the suite against: with what a cluster's controller manager does for it. */
import { join } from 'node:path';
import { configMapType, secretType } from '../../src/apimachinery/core.ts';
import { silentLogger } from '../../src/base/logger.ts';
import { writeKubeconfig } from '../../src/embedded/apiserver/kubeconfig.ts';
import { startTestServer } from '../../src/embedded/apiserver/test-server.ts';
import { startGarbageCollector } from '../../src/embedded/garbage/garbage-collector.ts';

export interface EmbeddedServer {
  readonly kubeconfig: string;
  close(): Promise<void>;
}

export async function startEmbeddedServer(): Promise<EmbeddedServer> {
  const server = await startTestServer();
  const { ca, client } = server.certificates;
  const kubeconfig = join(server.directory, 'kubeconfig');
  writeKubeconfig(kubeconfig, { server: `https://127.0.0.1:${server.port}`, ca: ca.cert, ...client });
  const stopping = new AbortController();
  const collector = startGarbageCollector({
    client: server.client,
    logger: silentLogger,
    signal: stopping.signal,
    types: [configMapType, secretType],
  });
  return {
    kubeconfig,
    async close() {
      stopping.abort();
      await collector.closed;
      await server.close();
    },
  };
}
