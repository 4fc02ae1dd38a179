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
import { openDirectory } from '../../linux/path/openat2.ts';
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
    const netns = owned.use(openNamespace(`/proc/${peer.pid}/ns/net`, 'net'));
    const root = owned.use(openDirectory(`/proc/${peer.pid}/root`));
    const initPid = parentPid(peer.pid);
    const connection = await connectLibvirt(socket, {
      uri: 'qemu:///session',
      signal: options.signal,
      timeoutMs: callTimeoutMs,
    });
    // It answered after the namespaces were opened, so the pid named this very daemon when they were.
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

function parentPid(pid: number): number {
  const line = /^PPid:\t(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(line?.[1] ?? 0);
}
