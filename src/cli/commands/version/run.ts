import { version } from '../../../base/version.ts';
import type { Invocation } from '../../command.ts';
import { openSession } from '../../session.ts';

export async function run(invocation: Invocation): Promise<number> {
  const { io, options } = invocation;
  const found: Record<string, unknown> = { client: { version: version(), node: process.version } };
  if (options['client'] !== true) {
    const session = await openSession(invocation);
    found['server'] = await session.request('GET', '/version');
  }
  if (options['output'] === 'json') {
    io.out(`${JSON.stringify(found, undefined, 2)}\n`);
  } else if (options['output'] === 'yaml') {
    const { stringify } = await import('yaml');
    io.out(stringify(found));
  } else {
    io.out(`Client: vmlet ${version()} (Node.js ${process.version})\n`);
    const server = found['server'];
    if (typeof server === 'object' && server !== null && 'gitVersion' in server) {
      io.out(`Server: ${String(server.gitVersion)}\n`);
    }
  }
  return 0;
}
