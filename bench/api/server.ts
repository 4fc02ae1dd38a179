/**
 * The embedded API server alone, with the VM kinds and their admission, as a process of its own for `api.ts`.
 *
 *   node bench/api/server.ts DIRECTORY      one JSON line when it listens: {"port":N}; SIGTERM ends it
 */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { silentLogger } from '../../src/base/logger.ts';
import { ensureCustomResourceDefinitions } from '../../src/embedded/apiserver/crd/ensure.ts';
import { createCertificates } from '../../src/embedded/apiserver/pki.ts';
import { createApiServer } from '../../src/embedded/apiserver/server.ts';
import { openLmdbStore } from '../../src/embedded/store/lmdb-backend.ts';
import { createKindAdmission } from '../../src/vm/kinds/admission.ts';
import { buildCrds } from '../../src/vm/kinds/crds.ts';

const directory = process.argv[2] ?? '.';
const certificates = await createCertificates({ directory: join(directory, 'pki') });
const store = openLmdbStore({ path: join(directory, 'store.mdb') });
const server = await createApiServer({
  store,
  logger: silentLogger,
  tls: certificates.server,
  auth: { clientCa: certificates.ca.cert },
  admission: createKindAdmission({
    architecture: 'amd64',
    newUuid: randomUUID,
    now: () => new Date(),
    isOwnIdentity: () => false,
  }),
});
await ensureCustomResourceDefinitions(server.client, buildCrds());
const { port } = await server.listen({ port: 0 });
process.stdout.write(`${JSON.stringify({ port })}\n`);
process.once('SIGTERM', () => {
  void (async () => {
    await server.close();
    await store.close();
  })();
});
