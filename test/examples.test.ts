/** Every manifest of examples/ is accepted as it stands: schema, defaults and validation, nothing unknown in it. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseAllDocuments } from 'yaml';
import type { KubeObject } from '../src/apimachinery/object.ts';
import { silentLogger } from '../src/base/logger.ts';
import { connectEndpoint } from '../src/client/https-client.ts';
import { ensureCustomResourceDefinitions } from '../src/embedded/apiserver/crd/ensure.ts';
import { createCertificates } from '../src/embedded/apiserver/pki.ts';
import { createApiServer } from '../src/embedded/apiserver/server.ts';
import { createMemoryStore } from '../src/embedded/store/memory-backend.ts';
import { createKindAdmission, isOwnIdentity } from '../src/vm/kinds/admission.ts';
import { buildCrds } from '../src/vm/kinds/crds.ts';
import { repository } from './support/instance.ts';

test('examples are accepted by strict validation', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'examples-'));
  const store = createMemoryStore();
  const certificates = await createCertificates({ directory });
  const server = await createApiServer({
    store,
    logger: silentLogger,
    tls: certificates.server,
    auth: { clientCa: certificates.ca.cert },
    admission: createKindAdmission({
      architecture: 'amd64',
      newUuid: randomUUID,
      now: () => new Date(),
      isOwnIdentity,
    }),
  });
  t.after(async () => {
    await server.close();
    await store.close();
    rmSync(directory, { recursive: true });
  });
  await ensureCustomResourceDefinitions(server.client, buildCrds());
  const { port } = await server.listen({ port: 0 });
  const api = connectEndpoint({
    server: `https://127.0.0.1:${port}`,
    ca: Buffer.from(certificates.ca.cert),
    cert: Buffer.from(certificates.client.cert),
    key: Buffer.from(certificates.client.key),
    token: undefined,
    insecure: false,
    serverName: undefined,
    defaultNamespace: 'default',
  });
  const files = readdirSync(join(repository, 'examples')).filter((name) => name.endsWith('.yaml'));
  assert.ok(files.length >= 2);
  for (const file of files) {
    await t.test(file, async () => {
      const documents = parseAllDocuments(readFileSync(join(repository, 'examples', file), 'utf8'));
      for (const document of documents) {
        const object = document.toJS() as KubeObject;
        const resource = `${object.kind.toLowerCase()}s`;
        const path = `/apis/${object.apiVersion}/namespaces/default/${resource}?dryRun=All&fieldValidation=Strict`;
        const created = (await api.request('POST', path, object)) as KubeObject;
        assert.equal(created.metadata.name, object.metadata.name);
      }
    });
  }
});
