/** Runs the canary in a thread of its own, so that what its neighbours do to the test's own thread is not measured. */
import { parentPort, workerData } from 'node:worker_threads';
import { startCanary } from './canary.ts';
import { createHostileClient } from './client.ts';
import type { ServerAddress } from './server-process.ts';

const client = createHostileClient(workerData as ServerAddress);
const canary = startCanary(client);
parentPort?.once('message', () => {
  void canary.stop().then((report) => {
    // eslint-disable-next-line unicorn/require-post-message-target-origin -- of a thread, not of a window
    parentPort?.postMessage(report);
    client.close();
  });
});
