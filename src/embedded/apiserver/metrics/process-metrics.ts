/** The process itself: the names that Prometheus clients agree on, and Node's event loop by the names of its usual client. */
import { readdirSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { MetricFamily, MetricSource } from './exposition.ts';

const loopResolutionMs = 20;

export function createProcessMetrics(): MetricSource {
  // From the first scrape on: where nobody looks, the timer need not run.
  let loop: ReturnType<typeof monitorEventLoopDelay> | undefined;
  return () => {
    const { rss, heapUsed } = process.memoryUsage();
    const { user, system } = process.cpuUsage();
    const families = [
      single('process_resident_memory_bytes', 'gauge', 'Resident memory.', rss),
      single(
        'process_heap_bytes',
        'gauge',
        'Memory of live JavaScript values, and of dead ones not yet collected.',
        heapUsed,
      ),
      single('process_cpu_seconds_total', 'counter', 'CPU time used.', (user + system) / 1e6),
      single(
        'process_start_time_seconds',
        'gauge',
        'When the process started, seconds since 1970.',
        performance.timeOrigin / 1000,
      ),
      single('process_open_fds', 'gauge', 'Open file descriptors.', readdirSync('/proc/self/fd').length),
    ];
    if (loop === undefined) {
      loop = monitorEventLoopDelay({ resolution: loopResolutionMs });
      loop.enable();
      return families;
    }
    const lag = [
      single(
        'nodejs_eventloop_lag_mean_seconds',
        'gauge',
        'Mean lag of the event loop since the last scrape.',
        seconds(loop.mean),
      ),
      single(
        'nodejs_eventloop_lag_p99_seconds',
        'gauge',
        '99th percentile of the lag since the last scrape.',
        seconds(loop.percentile(99)),
      ),
      single('nodejs_eventloop_lag_max_seconds', 'gauge', 'Longest lag since the last scrape.', seconds(loop.max)),
    ];
    loop.reset();
    return [...families, ...lag];
  };
}

/** The histogram counts whole intervals, in nanoseconds. */
function seconds(nanoseconds: number): number {
  return Number.isFinite(nanoseconds) ? Math.max(0, nanoseconds / 1e9 - loopResolutionMs / 1000) : 0;
}

export function single(name: string, type: MetricFamily['type'], help: string, value: number): MetricFamily {
  return { name, type, help, samples: [{ value }] };
}
