import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { createWebSocketStream } from 'ws';
import { errorMessage } from '../../../base/errors.ts';
import { vmiType } from '../../../vm/kinds/virtualmachineinstance/resource.ts';
import type { Invocation } from '../../command.ts';
import { openSession, type ApiSession } from '../../session.ts';
import { subresourcePath } from '../../subresource.ts';
import { parsePorts } from './ports.ts';

/** Connections at a time; a program that opens more waits. */
const connectionsMax = 256;

export async function run(invocation: Invocation): Promise<number> {
  const { io } = invocation;
  const [name = '', text = ''] = invocation.arguments;
  const ports = parsePorts(text);
  const host = String(invocation.options['address']);
  const session = await openSession(invocation);
  // A wrong name is told before anybody connects.
  await session.client.get(vmiType, { namespace: session.namespace, name });
  await using servers = new AsyncDisposableStack();
  for (const { local, remote } of ports) {
    const open = new Set<Socket>();
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      open.add(socket);
      socket.once('close', () => open.delete(socket));
      socket.on('error', () => socket.destroy());
      void carry(session, { name, remote, socket }, invocation);
    });
    server.maxConnections = connectionsMax;
    server.listen({ host, port: local });
    await once(server, 'listening');
    servers.defer(async () => {
      open.forEach((socket) => socket.destroy());
      server.close();
      await once(server, 'close');
    });
    const { address, port } = server.address() as AddressInfo;
    const shown = address.includes(':') ? `[${address}]` : address;
    io.out(`Forwarding from ${shown}:${port} to port ${remote} of ${name}\n`);
  }
  if (!io.signal.aborted) {
    await once(io.signal, 'abort');
  }
  return 0;
}

async function carry(
  session: ApiSession,
  target: { readonly name: string; readonly remote: number; readonly socket: Socket },
  { io }: Invocation,
): Promise<void> {
  const { name, remote, socket } = target;
  try {
    const path = `${subresourcePath(session, 'virtualmachineinstances', name, 'portforward')}/${remote}/tcp`;
    const stream = createWebSocketStream(await session.openWebSocket(path, 'plain.kubevirt.io'));
    stream.on('error', () => socket.destroy());
    stream.on('close', () => socket.end());
    socket.on('close', () => stream.destroy());
    socket.pipe(stream, { end: false });
    stream.pipe(socket);
    // A WebSocket has no half-close: the client's end is the end, once the guest has had the time to answer.
    socket.on('end', () => setTimeout(() => stream.end(), lingerMs).unref());
  } catch (error) {
    io.err(`port ${remote} of ${name}: ${errorMessage(error)}\n`);
    socket.destroy();
  }
}

const lingerMs = 1000;
