/**
 * Pulls that Pods wait for. They run beside the reconciler, which only asks how far they are; a failed one is tried
 * again after 10 s, doubling up to 5 min (kubelet's numbers), so a mended cause resolves by itself.
 */
import { CancelledError, VmletError, errorCode, errorMessage } from '../../base/errors.ts';
import type { ImageStore, StoredImage } from '../volumes/image-store.ts';
import type { PullPolicy } from '../volumes/image-reference.ts';

export type PullState =
  | { readonly kind: 'pulling'; readonly progress: string }
  | { readonly kind: 'ready'; readonly image: StoredImage }
  | {
      readonly kind: 'failed';
      /** ErrImagePull at first, ImagePullBackOff from the second time on; or InvalidImageName, ErrImageNeverPull. */
      readonly reason: string;
      readonly message: string;
      readonly retryInMs: number;
    };

export interface PullRequest {
  readonly podUid: string;
  readonly volume: string;
  readonly reference: string;
  readonly pullPolicy: PullPolicy | undefined;
  /** Asked only when a pull really starts. */
  readonly credentials: () => Promise<string | undefined>;
  readonly onEvent: (event: PullEvent) => void;
  /** Something about this pull has changed. */
  readonly onSettled: () => void;
}

export interface PullEvent {
  readonly type: 'Normal' | 'Warning';
  readonly reason: 'Pulling' | 'Pulled' | 'Failed' | 'BackOff';
  readonly message: string;
}

export interface ImagePulls {
  /** Starts what is due and says where this image is. */
  check(request: PullRequest): Promise<PullState>;
  forget(podUid: string): void;
  /** Digests that Pods hold at this moment. */
  held(): Set<string>;
}

interface Entry {
  running: boolean;
  progress: string;
  image: StoredImage | undefined;
  failures: number;
  reason: string;
  message: string;
  retryAtMs: number;
}

const backoffBaseMs = 10_000;
const backoffLimitMs = 300_000;
const ownReasons = new Set(['InvalidImageName', 'ErrImageNeverPull']);

export function createImagePulls(images: ImageStore, now: () => number = Date.now): ImagePulls {
  const entries = new Map<string, Map<string, Entry>>();

  async function run(request: PullRequest, entry: Entry): Promise<void> {
    const { reference, pullPolicy } = request;
    const startedMs = now();
    try {
      request.onEvent({ type: 'Normal', reason: 'Pulling', message: `Pulling image "${reference}"` });
      entry.image = await images.ensure({
        reference,
        pullPolicy,
        credentials: await request.credentials(),
        onProgress: (line) => {
          entry.progress = line.slice(0, 200);
        },
      });
      entry.failures = 0;
      const message = entry.image.pulled
        ? `Successfully pulled image "${reference}" (${entry.image.digest}) in ${now() - startedMs} ms`
        : `Container image "${reference}" already present on machine`;
      request.onEvent({ type: 'Normal', reason: 'Pulled', message });
    } catch (error) {
      entry.failures += 1;
      const delayMs = Math.min(backoffLimitMs, backoffBaseMs * 2 ** (entry.failures - 1));
      entry.retryAtMs = now() + delayMs;
      const code = errorCode(error);
      entry.reason = ownReasons.has(code) ? code : entry.failures === 1 ? 'ErrImagePull' : 'ImagePullBackOff';
      entry.message = errorMessage(error);
      request.onEvent({
        type: 'Warning',
        reason: 'Failed',
        message: `Failed to pull image "${reference}": ${entry.message}`,
      });
      request.onEvent({
        type: 'Normal',
        reason: 'BackOff',
        message: `Back-off pulling image "${reference}": next try in ${Math.round(delayMs / 1000)} s`,
      });
    } finally {
      entry.running = false;
      request.onSettled();
    }
  }

  return {
    async check(request) {
      let pod = entries.get(request.podUid);
      if (pod === undefined) {
        pod = new Map();
        entries.set(request.podUid, pod);
      }
      let entry = pod.get(request.volume);
      if (entry === undefined) {
        entry = { running: false, progress: '', image: undefined, failures: 0, reason: '', message: '', retryAtMs: 0 };
        pod.set(request.volume, entry);
        entry.image = await images.find(request).catch((error: unknown) => {
          if (error instanceof VmletError && !(error instanceof CancelledError)) {
            return undefined;
          }
          throw error;
        });
      }
      if (entry.image !== undefined) {
        return { kind: 'ready', image: entry.image };
      }
      if (!entry.running && now() >= entry.retryAtMs) {
        entry.running = true;
        void run(request, entry);
      }
      if (entry.failures > 0) {
        return {
          kind: 'failed',
          reason: entry.reason,
          message: entry.message,
          retryInMs: entry.running ? 0 : Math.max(0, entry.retryAtMs - now()),
        };
      }
      return { kind: 'pulling', progress: entry.progress };
    },
    forget: (podUid) => {
      entries.delete(podUid);
    },
    held: () => {
      const digests = [...entries.values()].flatMap((pod) =>
        [...pod.values()].flatMap(({ image }) => image?.digest ?? []),
      );
      return new Set(digests);
    },
  };
}
