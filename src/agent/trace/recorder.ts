/**
 * Notes when a VM's start came to each of its steps: from the agent's own steps, and from what the API shows of the VMI
 * and its Pod. Nothing here takes part in a start: marks are kept in memory and written and sent behind it.
 */
import type { Pod } from '../../apimachinery/core.ts';
import { errorMessage } from '../../base/errors.ts';
import type { Logger } from '../../base/logger.ts';
import type { Informer } from '../../client/informer.ts';
import { vmiType } from '../../vm/kinds/virtualmachineinstance/resource.ts';
import type { VirtualMachineInstance } from '../../vm/kinds/virtualmachineinstance/types.ts';
import { isMarkName, withMark, type MarkName, type StartTrace } from '../../vm/trace/trace.ts';
import { parseTraceparent, traceIdOf, traceparentAnnotation } from '../../vm/trace/traceparent.ts';
import type { TraceStore } from './store.ts';

/** Marks that every attempt of the agent makes anew; of the others the first counts. */
const repeatable: readonly MarkName[] = [
  'start begun',
  'network up',
  'disks ready',
  'domain defined',
  'domain started',
];
/** A creationTimestamp is cut to whole seconds: a VMI that is not older than this was seen as it was made. */
const freshMs = 1500;
const writeDelayMs = 250;
/** Far more VMs than a node runs: what is beyond is not traced. */
const tracesMax = 10_000;

export interface TraceRecorder {
  /** A step of the agent; those that are no part of a start are passed over. */
  step(vmi: VirtualMachineInstance, step: string): void;
  /** Follows VMIs and launcher Pods: those that are made, and those that go. */
  watch(sources: { readonly vmis: Informer<VirtualMachineInstance>; readonly pods: Informer<Pod> }): void;
  /** undefined when the start was not seen. */
  find(vmiUid: string): StartTrace | undefined;
  /** Writes what was not written yet. */
  close(): Promise<void>;
}

export interface TraceRecorderOptions {
  readonly nodeName: string;
  readonly store: TraceStore;
  readonly logger: Logger;
  /** Is given every trace whose VM runs, and again with `only` for a step that ended later. Must not throw or block. */
  readonly send?: ((trace: StartTrace, only?: string) => void) | undefined;
  /** Milliseconds since the epoch, with a fraction. */
  readonly nowMs?: () => number;
}

export function createTraceRecorder(options: TraceRecorderOptions): TraceRecorder {
  const { store, nodeName, logger } = options;
  const nowMs = options.nowMs ?? (() => performance.timeOrigin + performance.now());
  const traces = new Map(store.load().map((trace) => [trace.vmi.uid, trace]));
  const unsampled = new Set<string>();
  const dirty = new Map<string, NodeJS.Timeout>();
  /** By uid: one file is written by one write at a time. */
  const writing = new Map<string, Promise<void>>();

  function begin(vmi: VirtualMachineInstance): void {
    const { uid = '', namespace = '', name, annotations, creationTimestamp } = vmi.metadata;
    // A VM that runs already was started by a vmlet that kept no trace.
    if (uid === '' || traces.has(uid) || traces.size >= tracesMax || vmi.status?.phase === 'Running') {
      return;
    }
    const parent = parseTraceparent(annotations?.[traceparentAnnotation]);
    if (parent?.sampled === false) {
      unsampled.add(uid);
    }
    const seenMs = nowMs();
    const createdMs = Date.parse(creationTimestamp ?? '');
    const atMs = Number.isNaN(createdMs) || seenMs - createdMs < freshMs ? seenMs : createdMs;
    traces.set(uid, {
      vmi: { namespace, name, uid },
      node: nodeName,
      traceId: parent?.traceId ?? traceIdOf(uid),
      ...(parent === undefined ? {} : { parentSpanId: parent.parentSpanId }),
      marks: [{ name: 'VMI created', atMs }],
    });
    writeLater(uid);
  }

  function mark(uid: string, name: MarkName): void {
    const trace = traces.get(uid);
    const isThere = (wanted: MarkName): boolean => trace?.marks.some((one) => one.name === wanted) === true;
    if (trace === undefined || (isThere(name) && !repeatable.includes(name))) {
      return;
    }
    // A guest that runs has been started; what comes later is no part of its start.
    if (isThere('Running') && name !== 'guest addressed') {
      return;
    }
    const marked = { ...trace, marks: withMark(trace.marks, { name, atMs: nowMs() }) };
    traces.set(uid, marked);
    writeLater(uid);
    if (unsampled.has(uid)) {
      return;
    }
    if (name === 'Running') {
      options.send?.(marked);
    } else if (name === 'guest addressed' && isThere('Running')) {
      options.send?.(marked, 'guest');
    }
  }

  function forget(uid: string): void {
    traces.delete(uid);
    unsampled.delete(uid);
    clearTimeout(dirty.get(uid));
    dirty.delete(uid);
    enqueue(uid, () => store.remove(uid));
  }

  function writeLater(uid: string): void {
    if (!dirty.has(uid)) {
      const timer = setTimeout(() => {
        dirty.delete(uid);
        enqueue(uid, async () => {
          const trace = traces.get(uid);
          await (trace === undefined ? undefined : store.write(trace));
        });
      }, writeDelayMs);
      dirty.set(uid, timer.unref());
    }
  }

  function enqueue(uid: string, work: () => Promise<void>): void {
    const done = (writing.get(uid) ?? Promise.resolve())
      .then(work)
      .catch((error: unknown) => logger.warn({ uid, error: errorMessage(error) }, 'a start trace was not written'))
      .finally(() => {
        if (writing.get(uid) === done) {
          writing.delete(uid);
        }
      });
    writing.set(uid, done);
  }

  return {
    step(vmi, step) {
      if (isMarkName(step)) {
        mark(vmi.metadata.uid ?? '', step);
      }
    },
    watch({ vmis, pods }) {
      vmis.onChange(({ object, previous }) => {
        const goneUid = object?.metadata.uid === previous?.metadata.uid ? undefined : previous?.metadata.uid;
        if (goneUid !== undefined) {
          forget(goneUid);
        }
        if (object !== undefined) {
          begin(object);
          if (object.status?.phase === 'Running') {
            mark(object.metadata.uid ?? '', 'Running');
          }
        }
      });
      pods.onChange(({ object }) => {
        const uid = object?.metadata.ownerReferences?.find(
          ({ kind, controller }) => kind === vmiType.kind && controller === true,
        )?.uid;
        if (object === undefined || uid === undefined) {
          return;
        }
        mark(uid, 'Pod created');
        if (object.spec.nodeName !== undefined) {
          mark(uid, 'Pod bound');
        }
        if (object.status?.containerStatuses?.[0]?.state.running !== undefined) {
          mark(uid, 'sandbox running');
        }
      });
      vmis.ready.then(
        () => {
          const present = new Set(vmis.list().map(({ metadata }) => metadata.uid));
          [...traces.keys()].filter((uid) => !present.has(uid)).forEach(forget);
        },
        // Stopped before it was ready: what is stale goes at the next start.
        () => undefined,
      );
    },
    find: (uid) => traces.get(uid),
    async close() {
      await Promise.all(writing.values());
      for (const [uid, timer] of dirty) {
        clearTimeout(timer);
        const trace = traces.get(uid);
        if (trace !== undefined) {
          store.writeNow(trace);
        }
      }
      dirty.clear();
    },
  };
}
