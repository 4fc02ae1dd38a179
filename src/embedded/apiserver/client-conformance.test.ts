import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '../../base/logger.ts';
import { connectEndpoint } from '../../client/https-client.ts';
import { describeKubeClient } from '../../client/kube-client-conformance.ts';
import { openLmdbStore } from '../store/lmdb-backend.ts';
import { createCertificates } from './pki.ts';
import { createApiServer } from './server.ts';
import { startTestServer } from './test-server.ts';

describeKubeClient('in process', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'vmlet-api-'));
  const store = openLmdbStore({ path: join(directory, 'store.mdb') });
  const { server: tls } = await createCertificates({ directory: join(directory, 'pki') });
  const server = await createApiServer({ store, logger: silentLogger, tls });
  return {
    client: server.client,
    async close() {
      await server.close();
      await store.close();
      rmSync(directory, { recursive: true });
    },
  };
});

describeKubeClient('over HTTPS', async () => {
  const server = await startTestServer();
  const stopping = new AbortController();
  const { ca, client: own } = server.certificates;
  const { client } = connectEndpoint(
    {
      server: `https://127.0.0.1:${server.port}`,
      ca: Buffer.from(ca.cert),
      cert: Buffer.from(own.cert),
      key: Buffer.from(own.key),
      token: undefined,
      insecure: false,
      serverName: undefined,
      defaultNamespace: 'default',
    },
    { signal: stopping.signal },
  );
  return {
    client,
    async close() {
      stopping.abort();
      await server.close();
    },
  };
});
