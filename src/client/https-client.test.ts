import { join } from 'node:path';
import { systemMasters } from '../embedded/apiserver/types.ts';
import { writeKubeconfig } from '../embedded/apiserver/kubeconfig.ts';
import { startTestServer } from '../embedded/apiserver/test-server.ts';
import { connectEndpoint, connectKubeconfig } from './https-client.ts';
import { describeKubeClient } from './kube-client-conformance.ts';

describeKubeClient('HTTPS with a client certificate', async () => {
  const server = await startTestServer();
  const file = join(server.directory, 'kubeconfig');
  const { ca, client } = server.certificates;
  writeKubeconfig(file, { server: `https://127.0.0.1:${server.port}`, ca: ca.cert, ...client });
  const stop = new AbortController();
  const connection = await connectKubeconfig({ file, signal: stop.signal });
  return {
    client: connection.client,
    async close() {
      stop.abort();
      await server.close();
    },
  };
});

describeKubeClient('HTTPS with a token', async () => {
  const server = await startTestServer({
    auth: { tokens: [{ token: 'open-sesame', user: { name: 'ann', groups: [systemMasters] } }] },
  });
  const connection = connectEndpoint({
    server: `https://localhost:${server.port}`,
    ca: Buffer.from(server.certificates.ca.cert),
    cert: undefined,
    key: undefined,
    token: 'open-sesame',
    insecure: false,
    serverName: undefined,
    defaultNamespace: 'default',
  });
  return { client: connection.client, close: () => server.close() };
});
