/**
 * Stream connections to unix sockets that stand in a directory which a sandbox can write: the file is found beneath a
 * directory descriptor without following links, and connected through /proc/self/fd, which also lifts the 108-byte
 * limit of sun_path.
 */
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { CancelledError } from '../../base/errors.ts';
import { kernelError } from '../errno/errno.ts';
import { Fd } from '../fd/fd.ts';
import { check, declare, errno } from '../ffi/ffi.ts';
import { fdPath, openDirectory, openPathBeneath } from '../path/openat2.ts';
import { AF_UNIX, SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_STREAM, SOL_SOCKET, SO_PEERCRED } from './constants.ts';

// The socket is non-blocking, so connect returns at once. Buffers are lent for the call.
const cSocket = declare('int socket(int family, int type, int protocol)');
const cConnect = declare('int connect(int fd, const void *address, unsigned int bytes)');
const cGetsockopt = declare('int getsockopt(int fd, int level, int option, void *value, void *bytes)');

const SUN_PATH_BYTES = 108;
const RETRY_MS = 5;

/** struct ucred: who called listen(2) on the other side, as seen from our pid and user namespaces. */
export interface PeerCredentials {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

export interface UnixConnection {
  readonly socket: net.Socket;
  readonly peer: PeerCredentials;
}

/** Credentials of the other end of a connected unix socket (SO_PEERCRED, unix(7)). */
export function readPeerCredentials(fd: Fd): PeerCredentials {
  const UCRED_BYTES = 12;
  const value = Buffer.alloc(UCRED_BYTES);
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(UCRED_BYTES);
  check(cGetsockopt(fd.value, SOL_SOCKET, SO_PEERCRED, value, bytes), 'getsockopt SO_PEERCRED', fd.label);
  return { pid: value.readInt32LE(0), uid: value.readUInt32LE(4), gid: value.readUInt32LE(8) };
}

/**
 * Connects to the socket file at `path`, relative to and beneath `directory`: a trusted absolute path or a descriptor.
 * Symbolic links, leaving the directory, and files that are no sockets are refused (ELOOP, EXDEV, ECONNREFUSED).
 * A full backlog is waited out until `timeoutMs`, then CancelledError. ECONNREFUSED: nobody listens any more.
 */
export async function connectUnixBeneath(
  directory: Fd | string,
  path: string,
  options: { readonly timeoutMs?: number; readonly signal?: AbortSignal } = {},
): Promise<UnixConnection> {
  using opened = new DisposableStack();
  const root = typeof directory === 'string' ? opened.use(openDirectory(directory)) : directory;
  const file = opened.use(openPathBeneath(root, path));
  const fd = opened.use(
    new Fd(check(cSocket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), 'socket', file.label), file.label),
  );
  const endMs = Date.now() + (options.timeoutMs ?? 5000);
  while (!tryConnect(fd, file)) {
    options.signal?.throwIfAborted();
    if (Date.now() >= endMs) {
      throw new CancelledError(`connect ${file.label}: backlog still full after ${options.timeoutMs ?? 5000} ms`);
    }
    await sleep(RETRY_MS);
  }
  const peer = readPeerCredentials(fd);
  return { socket: new net.Socket({ fd: fd.release(), readable: true, writable: true }), peer };
}

/** The same for an absolute path: its directory is trusted (links there are followed), its last part is not. */
export async function connectUnix(
  path: string,
  options: { readonly timeoutMs?: number; readonly signal?: AbortSignal } = {},
): Promise<UnixConnection> {
  const slash = path.lastIndexOf('/');
  return connectUnixBeneath(slash <= 0 ? '/' : path.slice(0, slash), path.slice(slash + 1), options);
}

function tryConnect(fd: Fd, file: Fd): boolean {
  const address = encodeUnixAddress(fdPath(file));
  if (cConnect(fd.value, address, address.length) === 0) {
    return true;
  }
  const error = kernelError({ op: 'connect', target: file.label, errno: errno() });
  if (error.code === 'EAGAIN' || error.code === 'EINTR') {
    return false;
  }
  throw error;
}

function encodeUnixAddress(path: string): Buffer {
  const bytes = Buffer.from(`${path}\0`);
  if (bytes.length > SUN_PATH_BYTES) {
    throw new RangeError(`unix socket path of ${bytes.length} bytes`);
  }
  const address = Buffer.alloc(2 + bytes.length);
  address.writeUInt16LE(AF_UNIX, 0);
  bytes.copy(address, 2);
  return address;
}
