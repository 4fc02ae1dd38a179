/** Runs the server until the parent lets go of it. */
import { limits } from '../../src/embedded/apiserver/limits.ts';
import { startTestServer } from '../../src/embedded/apiserver/test-server.ts';

// A slow request is cut after a minute; the test should not take as long.
Object.assign(limits, { requestTimeoutMs: 3000 });
const server = await startTestServer();
const { ca, client } = server.certificates;
process.send?.({ port: server.port, ca: ca.cert, cert: client.cert, key: client.key });
process.once('disconnect', () => {
  void server.close();
});
