/** Helper of sysctl.kernel.test.ts: reads a setting in a worker thread, at home and inside a namespace bracket. */
import { parentPort, workerData } from 'node:worker_threads';
import { inNetworkNamespace, openNamespace } from '../namespace/namespace.ts';
import { readSysctl } from './sysctl.ts';

const { file, key } = workerData as { readonly file: string; readonly key: string };
using ns = openNamespace(file, 'net');
const before = readSysctl(key);
const inside = inNetworkNamespace(ns, () => readSysctl(key));
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread's port, not a window
parentPort?.postMessage({ before, inside });
