import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '../../base/logger.ts';
import { describeKubeClient } from '../../client/kube-client-conformance.ts';
import { openLmdbStore } from '../store/lmdb-backend.ts';
import { createCertificates } from './pki.ts';
import { createApiServer } from './server.ts';

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
