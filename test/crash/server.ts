/**
 * An API server over a store of its own, to be killed. Loads its code, then waits for a line on standard input before it
 * touches the store: a spare can stand by while another serves.
 *
 *   node test/crash/server.ts DIRECTORY [FAULT]      prints "loaded", then after the line {"port":N}
 */
import { once } from 'node:events';
import { join } from 'node:path';
import { silentLogger } from '../../src/base/logger.ts';
import { storeCipher } from '../../src/embedded/apiserver/encryption/store-cipher.ts';
import { createCertificates } from '../../src/embedded/apiserver/pki.ts';
import { createApiServer } from '../../src/embedded/apiserver/server.ts';
import { openLmdbStore } from '../../src/embedded/store/lmdb-backend.ts';
import { tryLock } from '../../src/linux/lock/lock.ts';
import { withFault } from './faulty-store.ts';

const [directory = '', fault = ''] = process.argv.slice(2);
await import('../../src/embedded/apiserver/builtins/schemas.ts');
// With the one who started it: a run that is interrupted leaves no server behind.
process.stdin.once('end', () => process.exit(0));
process.stdout.write('loaded\n');
await once(process.stdin, 'data');
process.stdin.resume();
const lock = tryLock(join(directory, 'lock'));
if (lock === undefined) {
  throw new Error(`another server runs on ${directory}`);
}
const certificates = await createCertificates({ directory: join(directory, 'pki') });
const store = openLmdbStore({
  path: join(directory, 'store/data.mdb'),
  cipher: storeCipher(join(directory, 'pki/encryption.key')),
});
const server = await createApiServer({
  store: withFault(store, fault),
  logger: silentLogger,
  tls: certificates.server,
  auth: { clientCa: certificates.ca.cert },
});
const { port } = await server.listen({ port: 0 });
process.stdout.write(`${JSON.stringify({ port })}\n`);
