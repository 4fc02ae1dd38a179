/** A well-behaved client that goes on during everything else: it makes, reads, changes and deletes, and watches itself do so. */
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import type { HostileClient } from './client.ts';
import type { ServerAddress } from './server-process.ts';

/** The canary in a thread of its own. */
export function startCanaryThread(address: ServerAddress): Canary {
  const worker = new Worker(new URL('canary-worker.ts', import.meta.url), { workerData: address });
  return {
    stop() {
      const report = new Promise<CanaryReport>((resolve, reject) => {
        worker.once('message', resolve);
        worker.once('error', reject);
      });
      // eslint-disable-next-line unicorn/require-post-message-target-origin -- of a thread, not of a window
      worker.postMessage('stop');
      return report;
    },
  };
}

export interface Canary {
  stop(): Promise<CanaryReport>;
}

export interface CanaryReport {
  readonly requests: number;
  readonly failures: readonly string[];
  /** Of all requests, in milliseconds. */
  readonly p99Ms: number;
}

const pauseMs = 5;
const maps = '/api/v1/namespaces/default/configmaps';

export function startCanary(client: HostileClient): Canary {
  const latencies: number[] = [];
  const failures: string[] = [];
  const stopping = new AbortController();

  async function ask(method: string, path: string, code: number, body?: object): Promise<void> {
    const start = performance.now();
    try {
      const answer = await client.call({ method, path, ...(body && { body }) });
      if (answer.code !== code) {
        failures.push(`${method} ${path}: ${answer.code} ${answer.text.slice(0, 200)}`);
      }
    } catch (error) {
      failures.push(`${method} ${path}: ${String(error)}`);
    }
    latencies.push(performance.now() - start);
  }

  const running = (async () => {
    for (let round = 0; !stopping.signal.aborted; round += 1) {
      const metadata = { name: `canary-${round}` };
      await ask('POST', maps, 201, { metadata, data: { round: String(round) } });
      await ask('GET', `${maps}/canary-${round}`, 200);
      await ask('PUT', `${maps}/canary-${round}`, 200, { metadata, data: { round: 'changed' } });
      await ask('GET', `${maps}?limit=5`, 200);
      await ask('DELETE', `${maps}/canary-${round}`, 200);
      await delay(pauseMs);
    }
  })();

  return {
    async stop() {
      stopping.abort();
      await running;
      const sorted = latencies.toSorted((left, right) => left - right);
      return { requests: sorted.length, failures, p99Ms: sorted[Math.floor(sorted.length * 0.99)] ?? 0 };
    },
  };
}
