/** A private libvirtd for host tests: session mode, own user, own directories, own socket. */
import { spawn } from 'node:child_process';
import {
  accessSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pollUntil, withDeadline } from '../../base/deadline.ts';
import { connectLibvirt } from '../connection/connect.ts';
import type { LibvirtConnection } from '../connection/connection.ts';

export interface SessionDaemon {
  /** Root of its private directories, owned by the daemon's user. */
  readonly directory: string;
  readonly socketPath: string;
  /** For `virsh -c`. */
  readonly virshUri: string;
  readonly pid: number;
  open(): Promise<LibvirtConnection>;
  /** Destroys what still runs, stops the daemon, removes the directories. */
  close(): Promise<void>;
}

const daemonPath = '/usr/sbin/libvirtd';
const QEMU_PATH = '/usr/bin/qemu-system-x86_64';

/** A TUN node of our own over the host's, whose permissions stay as they are. Arguments: path of the node, uid. */
const tunScript = `mknod -m 0666 "$1" c 10 200 && mount --bind "$1" /dev/net/tun &&
exec setpriv --reuid="$2" --regid="$2" --clear-groups ${daemonPath}`;

/** Why host tests cannot run here; undefined when they can. */
export function missingForSessionDaemon(): string | undefined {
  if (process.getuid?.() !== 0) {
    return 'needs root, to start libvirtd as another user';
  }
  for (const path of [daemonPath, QEMU_PATH]) {
    try {
      accessSync(path);
    } catch {
      return `${path} is not installed`;
    }
  }
  return undefined;
}

export async function connectSocket(path: string): Promise<Socket> {
  const socket = connect(path);
  const opened = Promise.withResolvers<void>();
  socket.once('connect', () => opened.resolve());
  socket.once('error', (error) => opened.reject(error));
  await withDeadline(opened.promise, 5_000, `connect ${path}`);
  return socket;
}

/** `uid` is the user it runs as; libvirt wants an entry for it in /etc/passwd before it starts a domain (65534 is nobody). */
export async function startSessionDaemon(options: {
  readonly uid: number;
  /** Gives the daemon a /dev/net/tun that its user may open, in a mount namespace of its own. */
  readonly withTun?: boolean;
}): Promise<SessionDaemon> {
  const directory = mkdtempSync(join(tmpdir(), 'vmlet-libvirtd-'));
  const makeDirectory = (name: string): string => {
    const path = join(directory, name);
    mkdirSync(path, { recursive: true, mode: 0o700 });
    chownSync(path, options.uid, options.uid);
    return path;
  };
  chownSync(directory, options.uid, options.uid);
  const runtime = makeDirectory('run');
  const config = makeDirectory('config');
  const libvirtConfig = makeDirectory('config/libvirt');
  // `file`: without it the daemon would leave a virtlogd of its own behind.
  writeFileSync(join(libvirtConfig, 'qemu.conf'), 'stdio_handler = "file"\n');
  const environment = {
    PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
    HOME: makeDirectory('home'),
    XDG_RUNTIME_DIR: runtime,
    XDG_CONFIG_HOME: config,
    XDG_CACHE_HOME: makeDirectory('cache'),
  };
  const io = { cwd: directory, env: environment, stdio: ['ignore', 'ignore', 'pipe'] as ['ignore', 'ignore', 'pipe'] };
  const daemon =
    options.withTun === true
      ? spawn('unshare', ['--mount', 'sh', '-c', tunScript, 'sh', join(directory, 'tun'), String(options.uid)], io)
      : spawn(daemonPath, [], { ...io, uid: options.uid, gid: options.uid });
  let stderr = '';
  daemon.stderr.on('data', (chunk: Buffer) => {
    stderr = (stderr + chunk.toString()).slice(-4096);
  });
  const exited = new Promise<void>((resolve) => {
    daemon.once('exit', () => resolve());
  });
  const socketPath = join(runtime, 'libvirt', 'libvirt-sock');

  async function stop(): Promise<void> {
    if (daemon.exitCode === null && daemon.signalCode === null) {
      daemon.kill('SIGTERM');
      await withDeadline(exited, 5_000, 'stop libvirtd').catch(() => daemon.kill('SIGKILL'));
      await exited;
    }
    killLeftGuests(join(runtime, 'libvirt', 'qemu', 'run'));
    rmSync(directory, { recursive: true, force: true });
  }

  const open = async (): Promise<LibvirtConnection> =>
    connectLibvirt(await connectSocket(socketPath), { uri: 'qemu:///session', timeoutMs: 60_000 });

  try {
    await pollUntil(
      async () => {
        if (daemon.exitCode !== null) {
          throw new Error(`libvirtd exited with ${daemon.exitCode}: ${stderr}`);
        }
        try {
          (await connectSocket(socketPath)).destroy();
          return true;
        } catch {
          return undefined;
        }
      },
      { timeoutMs: 30_000, doing: `start libvirtd (${stderr})` },
    );
  } catch (error) {
    await stop();
    throw error;
  }

  return {
    directory,
    socketPath,
    virshUri: `qemu:///session?socket=${socketPath}`,
    pid: daemon.pid ?? 0,
    open,
    async close() {
      try {
        await using connection = await open();
        for (const domain of await connection.listAllDomains(1)) {
          await connection.destroyDomain(domain).catch(() => undefined);
        }
      } catch {
        // The daemon is gone already; its guests are killed by their pid files below.
      }
      await stop();
    },
  };
}

function killLeftGuests(runDirectory: string): void {
  let names: string[];
  try {
    names = readdirSync(runDirectory).filter((name) => name.endsWith('.pid') && name !== 'driver.pid');
  } catch {
    return;
  }
  for (const name of names) {
    const pid = Number(readFileSync(join(runDirectory, name), 'utf8').trim());
    try {
      if (pid > 1 && readFileSync(`/proc/${pid}/cmdline`, 'utf8').startsWith(QEMU_PATH)) {
        process.kill(pid, 'SIGKILL');
      }
    } catch {
      // Gone in the meantime.
    }
  }
}
