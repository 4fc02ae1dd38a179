/** Log, exec and connections of the Pods on this node. */
import { existsSync } from 'node:fs';
import { connect as connectTo } from 'node:net';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import type { Pod } from '../../apimachinery/core.ts';
import { badRequest, internalError } from '../../apimachinery/status.ts';
import { errorCode, errorMessage } from '../../base/errors.ts';
import type { PodStreamBackend } from '../apiserver/pod-streams/backend.ts';
import { bundleDir, type SandboxSettings } from '../sandbox/settings.ts';
import { podDir } from '../volumes/pod-volumes.ts';
import { execInSandbox } from './container-exec.ts';
import { readLog } from './container-log.ts';

const connectTimeoutMs = 10_000;

export function createPodStreamBackend(settings: {
  readonly kubeletDir: string;
  readonly sandbox: SandboxSettings;
}): PodStreamBackend {
  return {
    async openLog(pod, request) {
      const uid = uidOf(pod);
      try {
        const path = join(podDir(settings.kubeletDir, uid), 'launcher.log');
        return await readLog(path, request, () => existsSync(bundleDir(settings.sandbox, uid)));
      } catch (error) {
        if (errorCode(error) !== 'ENOENT') {
          throw error;
        }
        const { name } = pod.metadata;
        const hasEnded = pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
        throw badRequest(
          hasEnded
            ? `pod ${JSON.stringify(name)} has ended and its log went with its sandbox: its status has the last words`
            : `container in pod ${JSON.stringify(name)} is waiting to start`,
        );
      }
    },
    async exec(pod, request) {
      requireRunning(pod);
      return execInSandbox(settings.sandbox, uidOf(pod), request);
    },
    async connect(pod, port) {
      requireRunning(pod);
      const address = pod.status?.podIP;
      if (address === undefined) {
        throw badRequest(`pod ${JSON.stringify(pod.metadata.name)} has no address`);
      }
      return dial(address, port);
    },
  };
}

function uidOf({ metadata }: Pod): string {
  const { uid = '' } = metadata;
  if (!/^[0-9a-zA-Z-]{1,64}$/u.test(uid)) {
    throw internalError(`pod ${JSON.stringify(metadata.name)} has no usable uid`);
  }
  return uid;
}

function requireRunning({ metadata, status }: Pod): void {
  if (status?.phase !== 'Running') {
    throw badRequest(`pod ${JSON.stringify(metadata.name)} is ${status?.phase ?? 'Pending'}, not Running`);
  }
}

async function dial(host: string, port: number): Promise<Duplex> {
  const socket = connectTo({ host, port, allowHalfOpen: true, noDelay: true });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  socket.setTimeout(connectTimeoutMs, () => reject(new Error(`no answer within ${connectTimeoutMs / 1000} s`)));
  socket.once('connect', resolve).once('error', reject);
  try {
    await promise;
  } catch (error) {
    socket.destroy();
    throw badRequest(`port ${port} of ${host}: ${errorMessage(error)}`);
  }
  socket.setTimeout(0);
  socket.off('error', reject);
  socket.on('error', () => socket.destroy());
  return socket;
}
