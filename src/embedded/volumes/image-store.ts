/**
 * OCI images as plain directories, stored once per manifest digest and shared read-only by all VMs.
 *
 *   <dir>/content/<hex>        unpacked files; appears by rename, so it is always complete
 *   <dir>/references/<hash>    which digest a reference meant when last pulled
 *   <dir>/staging/<random>     a pull in progress; emptied at start
 *
 * The directory is root's alone (0700): sandboxes get a bind mount of one content directory and nothing else.
 */
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readFile, readdir, rename, rm, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { ToolError, VmletError, errorCode } from '../../base/errors.ts';
import { runTool } from '../../linux/process/run-tool.ts';
import { accessArguments, checkLocal, withCredentials } from './image-access.ts';
import { effectivePullPolicy, parseImageReference, skopeoSource } from './image-reference.ts';
import type { ImageReference, PullPolicy } from './image-reference.ts';
import { parseImageManifest } from './image-manifest.ts';
import {
  parseStoredReference,
  readReference,
  referenceKey,
  touchReference,
  writeReference,
} from './stored-references.ts';
import { defaultUnpackLimits, unpackLayers } from './unpack.ts';
import type { UnpackLimits } from './unpack.ts';

export interface ImageStoreSettings {
  /** `<state>/images`. */
  readonly dir: string;
  /** The store's own, on a tmpfs: credential files live here for the time of one call. Emptied when the store opens. */
  readonly runDir: string;
  /** References by path (docker-archive: and such) must lie below one of these. */
  readonly localImageDirs: readonly string[];
  /** Registries (`host[:port]`) spoken to without TLS verification, besides those on loopback. */
  readonly insecureRegistries: readonly string[];
  readonly limits?: UnpackLimits;
}

export interface ImageRequest {
  readonly reference: string;
  readonly pullPolicy?: PullPolicy | undefined;
  /** A `.dockerconfigjson` document; undefined means anonymous. */
  readonly credentials?: string | undefined;
  /** Progress lines for people. */
  readonly onProgress?: ((line: string) => void) | undefined;
}

export interface StoredImage {
  /** `sha256:<hex>` of the manifest. */
  readonly digest: string;
  /** Host directory with the image's files. Treat what is inside as hostile. */
  readonly dir: string;
  /** False when it was here already. */
  readonly pulled: boolean;
}

export interface ImageStore {
  /** Throws VmletError with code InvalidImageName, ErrImageNeverPull, ErrImagePull or DiskFull, cause and remedy in words. */
  ensure(request: ImageRequest): Promise<StoredImage>;
  /** The image if `ensure` would need no network and no unpacking for it. */
  find(request: Pick<ImageRequest, 'reference' | 'pullPolicy'>): Promise<StoredImage | undefined>;
  /** Removes images that no Pod uses: those idle longer than `keepMs`, all of them when the disk is over 85 % full. */
  collect(inUse: ReadonlySet<string>, keepMs: number): Promise<string[]>;
  contentDir(digest: string): string;
}

const manifestTimeoutMs = 60_000;
const copyTimeoutMs = 3_600_000;
const concurrentPulls = 3;
const fullDiskShare = 0.85;

/** Opens the store; throws away what an earlier process left half-made. */
export async function openImageStore(settings: ImageStoreSettings): Promise<ImageStore> {
  const { dir, runDir } = settings;
  await mkdir(dir, { recursive: true, mode: 0o700 });
  // Credential files of pulls that were cut off.
  await rm(runDir, { recursive: true, force: true });
  await mkdir(runDir, { recursive: true, mode: 0o700 });
  await rm(join(dir, 'staging'), { recursive: true, force: true });
  for (const name of ['content', 'references', 'staging']) {
    await mkdir(join(dir, name), { recursive: true, mode: 0o700 });
  }
  const pulls = new Map<string, Promise<StoredImage>>();
  const unpacks = new Map<string, Promise<boolean>>();
  const gate = createGate(concurrentPulls);
  const contentDir = (digest: string) => join(dir, 'content', digest.slice('sha256:'.length));

  async function find(request: Pick<ImageRequest, 'reference' | 'pullPolicy'>): Promise<StoredImage | undefined> {
    const reference = parseImageReference(request.reference);
    const policy = effectivePullPolicy(reference, request.pullPolicy);
    const pinned = reference.kind === 'registry' ? reference.digest : undefined;
    if (policy === 'Always' && pinned === undefined) {
      return undefined;
    }
    const digest = pinned ?? (await readReference(dir, await referenceKey(reference)));
    if (digest === undefined || !(await isDirectory(contentDir(digest)))) {
      return undefined;
    }
    return { digest, dir: contentDir(digest), pulled: false };
  }

  async function pull(request: ImageRequest, reference: ImageReference): Promise<StoredImage> {
    if (reference.kind === 'local') {
      await checkLocal(reference, settings.localImageDirs);
    }
    // Taken before the image is read: a change meanwhile only means one more look next time.
    const key = await referenceKey(reference);
    const digest = await withCredentials(runDir, request.credentials, async (credentials) => {
      const access = accessArguments(reference, settings.insecureRegistries, credentials);
      const raw = await runTool(
        'skopeo',
        ['--insecure-policy', 'inspect', '--raw', ...access.inspect, skopeoSource(reference)],
        { doing: `look up image ${request.reference}`, timeoutMs: manifestTimeoutMs, env: process.env },
      );
      const found = `sha256:${createHash('sha256').update(raw).digest('hex')}`;
      if (!(await isDirectory(contentDir(found)))) {
        let unpack = unpacks.get(found);
        if (unpack === undefined) {
          unpack = gate(() => fetchContent(request, reference, found, access.copy)).finally(() =>
            unpacks.delete(found),
          );
          unpacks.set(found, unpack);
        }
        await unpack;
      }
      return found;
    });
    await writeReference(dir, key, digest);
    return { digest, dir: contentDir(digest), pulled: true };
  }

  async function fetchContent(
    request: ImageRequest,
    reference: ImageReference,
    digest: string,
    access: readonly string[],
  ): Promise<boolean> {
    const staging = await mkdtemp(join(dir, 'staging', 'pull-'));
    try {
      const blobs = join(staging, 'blobs');
      const source = skopeoSource(reference, digest);
      let rest = '';
      await runTool('skopeo', ['--insecure-policy', 'copy', ...access, source, `dir:${blobs}`], {
        doing: `pull image ${request.reference}`,
        timeoutMs: copyTimeoutMs,
        onStdout: (text) => {
          const lines = (rest + text).split(/[\r\n]+/u);
          rest = (lines.pop() ?? '').slice(-1000);
          lines.filter((line) => line !== '').forEach((line) => request.onProgress?.(line));
        },
        env: { ...process.env, TMPDIR: staging },
      });
      const manifest = parseImageManifest(await readFile(join(blobs, 'manifest.json')));
      const files = join(staging, 'files');
      await mkdir(files, { mode: 0o755 });
      request.onProgress?.(`Unpacking ${manifest.layers.length} layers`);
      await unpackLayers(
        manifest.layers.map((layer) => join(blobs, layer.slice('sha256:'.length))),
        files,
        settings.limits ?? defaultUnpackLimits,
      );
      // A rename that survives a power cut must not lead to files that did not.
      await runTool('sync', ['-f', files], {
        doing: `write image ${request.reference} to disk`,
        timeoutMs: copyTimeoutMs,
      });
      await rename(files, contentDir(digest)).catch((error: unknown) => {
        if (errorCode(error) !== 'ENOTEMPTY' && errorCode(error) !== 'EEXIST') {
          throw error;
        }
      });
      return true;
    } finally {
      await rm(staging, { recursive: true, force: true });
    }
  }

  return {
    contentDir,
    find,
    async ensure(request) {
      const reference = parseImageReference(request.reference);
      const there = await find(request);
      if (there !== undefined) {
        await touchReference(dir, await referenceKey(reference));
        return there;
      }
      if (effectivePullPolicy(reference, request.pullPolicy) === 'Never') {
        throw new VmletError(
          'ErrImageNeverPull',
          `image ${request.reference} is not on this node and its pull policy is Never: pull it once with another policy, or allow pulling`,
        );
      }
      const credentialsHash = createHash('sha256')
        .update(request.credentials ?? '')
        .digest('hex');
      const key = `${request.reference}\0${credentialsHash}`;
      let running = pulls.get(key);
      if (running === undefined) {
        running = pull(request, reference)
          .catch((error: unknown) => {
            throw explain(error, request.reference, dir);
          })
          .finally(() => pulls.delete(key));
        pulls.set(key, running);
      }
      return running;
    },
    async collect(inUse, keepMs) {
      const { blocks, bavail } = await statfs(dir);
      const isFull = 1 - bavail / blocks > fullDiskShare;
      return collectUnused({
        dir,
        inUse: new Set([...inUse, ...unpacks.keys()]),
        keepMs: isFull ? 0 : keepMs,
        contentDir,
      });
    },
  };
}

async function collectUnused(options: {
  readonly dir: string;
  readonly inUse: ReadonlySet<string>;
  readonly keepMs: number;
  readonly contentDir: (digest: string) => string;
}): Promise<string[]> {
  const usedAtMs = new Map<string, number>();
  const references = join(options.dir, 'references');
  for (const name of await readdir(references)) {
    const digest = parseStoredReference(await readFile(join(references, name), 'utf8'))?.digest;
    if (digest !== undefined) {
      const { mtimeMs } = await stat(join(references, name));
      usedAtMs.set(digest, Math.max(mtimeMs, usedAtMs.get(digest) ?? 0));
    }
  }
  const removed: string[] = [];
  for (const hex of await readdir(join(options.dir, 'content'))) {
    const digest = `sha256:${hex}`;
    const idleMs = Date.now() - (usedAtMs.get(digest) ?? 0);
    if (!options.inUse.has(digest) && idleMs >= options.keepMs) {
      // Out of sight first: a crash half-way must not leave part of an image under its name.
      const grave = join(options.dir, 'staging', `removed-${randomUUID()}`);
      await rename(options.contentDir(digest), grave);
      await rm(grave, { recursive: true, force: true });
      removed.push(digest);
    }
  }
  for (const name of await readdir(references)) {
    const digest = parseStoredReference(await readFile(join(references, name), 'utf8'))?.digest;
    if (digest === undefined || removed.includes(digest)) {
      await rm(join(references, name), { force: true });
    }
  }
  return removed;
}

function explain(error: unknown, reference: string, dir: string): VmletError {
  const words = error instanceof Error ? error.message : String(error);
  if (errorCode(error) === 'ENOSPC' || /no space left on device/iu.test(words)) {
    return new VmletError(
      'DiskFull',
      `image ${reference}: no space left in ${dir}; free some or move the state directory`,
      {
        cause: error,
      },
    );
  }
  if (error instanceof VmletError && !(error instanceof ToolError)) {
    return error.code === 'Decode'
      ? new VmletError('ErrImagePull', `image ${reference} is refused: ${words}`, { cause: error })
      : error;
  }
  return new VmletError('ErrImagePull', `${remedy(words)}image ${reference}: ${words.slice(-600)}`, { cause: error });
}

/** For people only; nothing depends on the match. */
function remedy(words: string): string {
  if (/unauthorized|authentication required|denied/iu.test(words)) {
    return 'the registry refused access (add an imagePullSecret, or check the name): ';
  }
  if (/manifest unknown|not found|name unknown/iu.test(words)) {
    return 'the registry has no such image (check name and tag): ';
  }
  return /connection refused|no such host|timeout|no route/iu.test(words) ? 'the registry cannot be reached: ' : '';
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    if (errorCode(error) === 'ENOENT') {
      return false;
    }
    throw error;
  }
}

/** At most `limit` bodies at once; the others wait in order. */
function createGate(limit: number): <T>(body: () => Promise<T>) => Promise<T> {
  let free = limit;
  const waiting: (() => void)[] = [];
  return async (body) => {
    if (free > 0) {
      free -= 1;
    } else {
      await new Promise<void>((resolve) => waiting.push(resolve));
    }
    try {
      return await body();
    } finally {
      const next = waiting.shift();
      if (next === undefined) {
        free += 1;
      } else {
        next();
      }
    }
  };
}
