/**
 * The link of one VM's agent to its sandbox: opened when it is asked for, lost when the daemon goes away, and how long
 * libvirt has not been answering by now.
 */
import { VmletError, errorCode } from '../../base/errors.ts';
import type { Logger } from '../../base/logger.ts';
import type { AgentContext } from '../context.ts';
import { openSandboxLink, type SandboxLink } from './sandbox-link.ts';

export interface MachineLink {
  readonly current: SandboxLink | undefined;
  /** Opens it where it is not open; undefined while nobody is there to answer. */
  open(): Promise<SandboxLink | undefined>;
  /** Throws VmletError `SandboxUnreachable` where it is not open. */
  require(): SandboxLink;
  /** How long libvirt has not been answering by now; 0 while it does. */
  unreachableForMs(): number;
  /** The last reason for not answering, for a person. */
  readonly unreachableWhy: string;
  setUnreachable(why: string): void;
  setReachable(): void;
  close(): Promise<void>;
}

export interface MachineLinkOptions {
  readonly context: AgentContext;
  readonly podUid: string;
  readonly logger: Logger;
  /** Something happened to the domain, or the link is gone. */
  readonly onChange: () => void;
  /** Before `onChange`, when the daemon went away; its init starts it again and QEMU runs on. */
  readonly onLost: () => void;
}

/** Nobody listens, or who did has just ended. */
const absentCodes: ReadonlySet<string> = new Set(['ENOENT', 'ECONNREFUSED', 'ConnectionClosed', 'ECONNRESET']);

export function createMachineLink({ context, podUid, logger, onChange, onLost }: MachineLinkOptions): MachineLink {
  let link: SandboxLink | undefined;
  let opening: Promise<SandboxLink | undefined> | undefined;
  let isClosed = false;
  let unreachableSinceMs: number | undefined;
  let unreachableWhy = '';

  function setUnreachable(why: string): void {
    unreachableSinceMs ??= performance.now();
    unreachableWhy = why;
  }

  function lose(lost: SandboxLink): void {
    if (link !== lost) {
      return;
    }
    link = undefined;
    onLost();
    // The address servers' sockets and the console stay: they belong to the network namespace and to QEMU.
    lost.netns.close();
    lost.root.close();
    onChange();
  }

  async function openAnew(): Promise<SandboxLink | undefined> {
    let opened: SandboxLink | undefined;
    try {
      const fresh = await openSandboxLink({
        kubeletDir: context.kubeletDir,
        podUid,
        sandboxUid: context.sandboxUid,
        signal: context.signal,
      });
      opened = fresh;
      fresh.connection.onClose(() => lose(fresh));
      await fresh.connection.onDomainEvent({ kinds: ['lifecycle', 'ioErrorReason', 'reboot'] }, (event) => {
        // Not louder: how many there are is the guest's choice.
        logger.debug(
          { event: event.kind, ...('event' in event ? { what: event.event, detail: event.detail } : {}) },
          'domain event',
        );
        onChange();
      });
      if (isClosed) {
        await fresh.close();
        return undefined;
      }
      link = fresh;
      return fresh;
    } catch (error) {
      await opened?.close();
      if (absentCodes.has(errorCode(error) ?? '')) {
        setUnreachable('it is not up, or was ended and is being started again');
        return undefined;
      }
      throw error;
    }
  }

  return {
    get current() {
      return link;
    },
    async open() {
      if (link !== undefined) {
        return link;
      }
      opening ??= openAnew().finally(() => {
        opening = undefined;
      });
      return opening;
    },
    require() {
      if (link === undefined) {
        throw new VmletError('SandboxUnreachable', 'libvirt in the sandbox does not answer');
      }
      return link;
    },
    unreachableForMs: () => (unreachableSinceMs === undefined ? 0 : performance.now() - unreachableSinceMs),
    get unreachableWhy() {
      return unreachableWhy;
    },
    setUnreachable,
    setReachable() {
      unreachableSinceMs = undefined;
    },
    async close() {
      isClosed = true;
      const open = link;
      link = undefined;
      await open?.close();
    },
  };
}
