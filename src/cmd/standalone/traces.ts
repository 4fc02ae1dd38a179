/** The recorder of VM starts, and where its traces go: files of this instance, and a collector when one is configured. */
import { createTraceExporter, readOtlpSettings } from '../../agent/trace/exporter.ts';
import { createTraceRecorder, type TraceRecorder } from '../../agent/trace/recorder.ts';
import { openTraceStore } from '../../agent/trace/store.ts';
import type { Pod } from '../../apimachinery/core.ts';
import type { Logger } from '../../base/logger.ts';
import { version } from '../../base/version.ts';
import type { Informer } from '../../client/informer.ts';
import type { VirtualMachineInstance } from '../../vm/kinds/virtualmachineinstance/types.ts';

export function startTraces(options: {
  readonly stateDir: string;
  readonly nodeName: string;
  readonly vmis: Informer<VirtualMachineInstance>;
  readonly pods: Informer<Pod>;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}): TraceRecorder {
  const { logger, signal, nodeName } = options;
  const otlp = readOtlpSettings(process.env, (why) => logger.warn(why));
  const exporter = otlp && createTraceExporter(otlp, { version: version(), logger, signal });
  const recorder = createTraceRecorder({
    nodeName,
    store: openTraceStore(`${options.stateDir}/traces`),
    logger,
    send: exporter && ((trace, only) => exporter.send(trace, only)),
  });
  recorder.watch(options);
  return recorder;
}
