/**
 * The agent's hold on one running sandbox: the libvirt connection and, by the kernel's word on who is at its other end,
 * the sandbox's network namespace, root directory and processes. Works alike for vmlet's own pod runtime and a kubelet,
 * because all it starts from is the Pod's emptyDir on the node.
 */
import { readFileSync } from 'node:fs';
import { VmletError } from '../../base/errors.ts';
import type { LibvirtConnection } from '../../libvirt/connection/connection.ts';
import { connectLibvirt } from '../../libvirt/connection/connect.ts';
import type { Fd } from '../../linux/fd/fd.ts';
import { openNamespace } from '../../linux/namespace/namespace.ts';
import { fdPath, openDirectory } from '../../linux/path/openat2.ts';
import { parseProcessCgroups } from '../../linux/process/parse.ts';
import { connectUnixBeneath, type UnixConnection } from '../../linux/socket/unix.ts';

export interface SandboxLink {
  readonly connection: LibvirtConnection;
  /** PID 1 of the sandbox, as the host counts. */
  readonly initPid: number;
  readonly daemonPid: number;
  readonly netns: Fd;
  /** `/` of the sandbox: paths beneath it are those that libvirt and QEMU see. */
  readonly root: Fd;
  close(): Promise<void>;
}

/** Monolithic libvirtd (Debian 12), then modular virtqemud. */
const socketNames = ['libvirt-sock', 'virtqemud-sock'] as const;
const callTimeoutMs = 10_000;

/** `<kubelet>/pods/<uid>/volumes/kubernetes.io~empty-dir/<volume>`: a kubelet's layout, kept by our own runtime. */
export function emptyDirPath(kubeletDir: string, podUid: string, volume: string): string {
  return `${kubeletDir}/pods/${podUid}/volumes/kubernetes.io~empty-dir/${volume}`;
}

/**
 * Connects to the libvirt daemon of a Pod. Throws an error with code ENOENT or ECONNREFUSED while it is not up yet.
 * `sandboxUid` is who must be at the other end: a socket that somebody else serves is refused.
 */
export async function openSandboxLink(options: {
  readonly kubeletDir: string;
  readonly podUid: string;
  readonly sandboxUid: number;
  readonly signal: AbortSignal;
}): Promise<SandboxLink> {
  using directory = openDirectory(emptyDirPath(options.kubeletDir, options.podUid, 'libvirt-runtime'));
  const { socket, peer } = await connectAny(directory);
  using owned = new DisposableStack();
  try {
    if (peer.uid !== options.sandboxUid || peer.pid <= 1) {
      throw new VmletError(
        'WrongPeer',
        `the libvirt socket of Pod ${options.podUid} is served by uid ${peer.uid} pid ${peer.pid}, not by uid ${options.sandboxUid}`,
      );
    }
    // A descriptor of the process's own directory: whatever is read through it is of one process, or fails.
    using daemon = openDirectory(`/proc/${peer.pid}`);
    checkCgroup(daemon, options.podUid);
    const netns = owned.use(openNamespace(`${fdPath(daemon)}/ns/net`, 'net'));
    const root = owned.use(openDirectory(`${fdPath(daemon)}/root`));
    const initPid = parentPid(daemon);
    const connection = await connectLibvirt(socket, {
      uri: 'qemu:///session',
      signal: options.signal,
      timeoutMs: callTimeoutMs,
    });
    owned.move();
    return {
      connection,
      initPid,
      daemonPid: peer.pid,
      netns,
      root,
      close: async () => {
        netns.close();
        root.close();
        await connection.close();
      },
    };
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

async function connectAny(directory: Fd): Promise<UnixConnection> {
  let missing: unknown;
  for (const name of socketNames) {
    try {
      return await connectUnixBeneath(directory, name, { timeoutMs: callTimeoutMs });
    } catch (error) {
      missing ??= error;
    }
  }
  throw missing;
}

/**
 * The kernel tells who called listen(2), not who answers: a process of the sandbox can pass the socket on and end, and
 * its pid can become anybody's, root on the host included. A process does not choose its cgroup, and a Pod's is named
 * after its uid, by kubelet's systemd driver with `_` for `-`.
 */
function checkCgroup(daemon: Fd, podUid: string): void {
  const names = [podUid, podUid.replaceAll('-', '_')];
  const cgroups = parseProcessCgroups(readFileSync(`${fdPath(daemon)}/cgroup`, 'utf8'));
  if (!cgroups.some(({ path }) => path.split('/').some((part) => names.some((name) => part.includes(`pod${name}`))))) {
    throw new VmletError(
      'WrongPeer',
      `the libvirt socket of Pod ${podUid} is served by a process outside of its cgroup`,
    );
  }
}

function parentPid(daemon: Fd): number {
  const line = /^PPid:\t(\d+)$/m.exec(readFileSync(`${fdPath(daemon)}/status`, 'utf8'));
  return Number(line?.[1] ?? 0);
}
