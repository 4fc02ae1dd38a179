/**
 * Work in another mount namespace, from a thread of its own: a threaded process cannot enter one otherwise (setns(2)),
 * and a path there may stand on a file system that never answers. One request at a time, each with a deadline.
 */
import { Worker } from 'node:worker_threads';
import { withDeadline } from '../../base/deadline.ts';
import { CancelledError, VmletError } from '../../base/errors.ts';
import { kernelError } from '../errno/errno.ts';
import { Fd } from '../fd/fd.ts';
import { parseMountinfo } from './mountinfo.ts';
import type { MountEntry } from './mountinfo.ts';
import type { MountRequest, MountWorkerAnswer, MountWorkerRequest, MountWorkerValue } from './mount-requests.ts';

export interface MountWorkerOptions {
  /** For each request; 5 s by default. */
  readonly timeoutMs?: number;
}

/** All paths are absolute, in the namespace's own root, and links in them are refused with ELOOP. */
export interface MountWorker {
  /** The table of mounts as a process at the namespace's root sees it. */
  mountinfo(namespace: Fd): Promise<MountEntry[]>;
  /** A detached copy of what is seen there: it can be attached in any namespace. The caller closes it. */
  cloneTree(namespace: Fd, source: string, options?: { readonly recursive?: boolean }): Promise<Fd>;
  /** Puts a detached mount of whichever origin onto `target`. */
  attachTree(namespace: Fd, tree: Fd, target: string): Promise<void>;
  /** False when nothing is mounted there. */
  unmount(namespace: Fd, target: string): Promise<boolean>;
  setReadOnly(namespace: Fd, target: string, readOnly: boolean): Promise<void>;
  /** An O_PATH descriptor, for the calls of `src/linux/path` and for bind mounts. The caller closes it. */
  openPath(namespace: Fd, path: string): Promise<Fd>;
  close(): Promise<void>;
}

const TIMEOUT_MS = 5000;
const QUEUE_MAX = 256;

export function createMountWorker(options: MountWorkerOptions = {}): MountWorker {
  const timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
  const waiting = new Map<number, PromiseWithResolvers<MountWorkerValue>>();
  let worker: Worker | undefined;
  let closed = false;
  let lastId = 0;
  let queue: Promise<unknown> = Promise.resolve();

  function start(): Worker {
    const started = new Worker(new URL('./mount-thread.ts', import.meta.url));
    started.unref();
    started.on('message', (answer: MountWorkerAnswer) => settle(answer));
    started.on('error', (error) => abandon(started, error));
    started.on('exit', () => abandon(started, new CancelledError('the mount thread has ended')));
    return started;
  }

  /**
   * A thread that hangs or died is left alone; the next request gets a new one. What it answers after all is taken in,
   * since it may be a descriptor, and then it ends.
   */
  function abandon(which: Worker, error: unknown): void {
    if (worker !== which) {
      return;
    }
    worker = undefined;
    which.unref();
    which.once('message', () => void which.terminate());
    for (const { reject } of waiting.values()) {
      reject(error);
    }
    waiting.clear();
  }

  function settle(answer: MountWorkerAnswer): void {
    const pending = waiting.get(answer.id);
    waiting.delete(answer.id);
    if (pending === undefined) {
      if ('value' in answer && typeof answer.value === 'number') {
        new Fd(answer.value, 'late answer of a mount thread').close();
      }
      return;
    }
    if ('value' in answer) {
      pending.resolve(answer.value);
      return;
    }
    const { message, op, target, errno } = answer.error;
    pending.reject(
      op === undefined || target === undefined || errno === undefined
        ? new VmletError('MountWorker', message)
        : kernelError({ op, target, errno }),
    );
  }

  async function exchange(namespace: Fd, request: MountRequest): Promise<MountWorkerValue> {
    if (closed) {
      throw new CancelledError(`${request.kind} in ${namespace.label}: the mount worker is closed`);
    }
    const current = (worker ??= start());
    lastId += 1;
    const pending = Promise.withResolvers<MountWorkerValue>();
    waiting.set(lastId, pending);
    current.ref();
    const message: MountWorkerRequest = {
      id: lastId,
      namespace: namespace.value,
      namespaceLabel: namespace.label,
      request,
    };
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread's port, not a window
    current.postMessage(message);
    try {
      return await withDeadline(pending.promise, timeoutMs, `${request.kind} in ${namespace.label}`);
    } catch (error) {
      if (error instanceof CancelledError) {
        abandon(current, error);
      }
      throw error;
    } finally {
      current.unref();
    }
  }

  let queued = 0;
  async function ask(namespace: Fd, request: MountRequest): Promise<MountWorkerValue> {
    if (queued >= QUEUE_MAX) {
      throw new CancelledError(`${request.kind} in ${namespace.label}: ${QUEUE_MAX} requests wait already`);
    }
    queued += 1;
    const turn = queue.then(() => exchange(namespace, request));
    queue = turn.catch(() => undefined);
    try {
      return await turn;
    } finally {
      queued -= 1;
    }
  }

  return {
    async mountinfo(namespace) {
      return parseMountinfo(String(await ask(namespace, { kind: 'mountinfo' })));
    },
    async cloneTree(namespace, source, { recursive = false } = {}) {
      const fd = await ask(namespace, { kind: 'clone', source, recursive });
      return new Fd(Number(fd), `detached mount of "${source}" in ${namespace.label}`);
    },
    async attachTree(namespace, tree, target) {
      await ask(namespace, { kind: 'attach', tree: tree.value, label: tree.label, target });
    },
    async unmount(namespace, target) {
      return (await ask(namespace, { kind: 'unmount', target })) === true;
    },
    async setReadOnly(namespace, target, readOnly) {
      await ask(namespace, { kind: 'setReadOnly', target, readOnly });
    },
    async openPath(namespace, path) {
      const fd = await ask(namespace, { kind: 'openPath', path });
      return new Fd(Number(fd), `"${path}" in ${namespace.label}`);
    },
    async close() {
      closed = true;
      const current = worker;
      worker = undefined;
      await current?.terminate();
      for (const { reject } of waiting.values()) {
        reject(new CancelledError('the mount worker was closed'));
      }
      waiting.clear();
    },
  };
}
