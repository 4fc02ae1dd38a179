/** Opens a connection as a byte stream. A UDP socket is one too: a chunk is a datagram. */
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { Duplex } from 'node:stream';
import { CancelledError } from '../../../base/errors.ts';

export type ForwardedProtocol = 'tcp' | 'udp';

const connectTimeoutMs = 10_000;
/** Datagrams that wait for a slow client; more are lost, as on any network. */
const waitingDatagramsMax = 256;

/** Rejects with the system's error, or CancelledError when nobody answered in time. */
export function dial(target: {
  readonly address: string;
  readonly port: number;
  readonly protocol: ForwardedProtocol;
}): Promise<Duplex> {
  return target.protocol === 'tcp' ? dialTcp(target.address, target.port) : dialUdp(target.address, target.port);
}

async function dialTcp(host: string, port: number): Promise<Duplex> {
  // Half-open: what the guest still says after the client's last byte arrives.
  const socket = connect({ host, port, allowHalfOpen: true, noDelay: true });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  socket.setTimeout(connectTimeoutMs, () =>
    reject(new CancelledError(`no answer from ${host} within ${connectTimeoutMs / 1000} s`)),
  );
  socket.once('connect', resolve).once('error', reject);
  try {
    await promise;
  } catch (error) {
    socket.destroy();
    throw error;
  }
  socket.setTimeout(0);
  socket.off('error', reject);
  return socket;
}

async function dialUdp(address: string, port: number): Promise<Duplex> {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  socket.once('error', reject);
  socket.connect(port, address, resolve);
  try {
    await promise;
  } catch (error) {
    socket.close();
    throw error;
  }
  socket.off('error', reject);
  const stream = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      // A refused datagram is no end of the conversation.
      socket.send(chunk, () => done());
    },
    destroy(error, done) {
      socket.close(() => done(error));
    },
    final: (done) => done(),
    readableHighWaterMark: waitingDatagramsMax,
    readableObjectMode: true,
  });
  socket.on('message', (datagram) => {
    if (stream.readableLength < waitingDatagramsMax) {
      stream.push(datagram);
    }
  });
  socket.on('error', () => {});
  return stream;
}
