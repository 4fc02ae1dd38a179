import { version } from '../../../base/version.ts';
import type { Invocation } from '../../command.ts';
import { printable } from '../../output/printable.ts';

export async function run(invocation: Invocation): Promise<number> {
  const { io, options } = invocation;
  const client = { version: version(), node: process.version };
  const text = options['output'] === undefined;
  if (text) {
    // Before the server is asked: it is of use even when nobody answers.
    io.out(`Client: vmlet ${client.version} (Node.js ${client.node})\n`);
  }
  const server = options['client'] === true ? undefined : await serverVersion(invocation);
  if (text) {
    if (server !== undefined) {
      io.out(`Server: ${printable(server.gitVersion)}\n`);
    }
    return 0;
  }
  const found = server === undefined ? { client } : { client, server };
  if (options['output'] === 'json') {
    io.out(`${JSON.stringify(found, undefined, 2)}\n`);
  } else {
    const { stringify } = await import('yaml');
    io.out(stringify(found));
  }
  return 0;
}

async function serverVersion(invocation: Invocation): Promise<{ readonly gitVersion: string }> {
  const { openSession } = await import('../../session.ts');
  const answer = await (await openSession(invocation)).request('GET', '/version');
  const known = typeof answer === 'object' && answer !== null && 'gitVersion' in answer;
  return known ? { ...answer, gitVersion: String(answer.gitVersion) } : { gitVersion: 'unknown' };
}
