/** Everything of a host that sandboxes share, made ready once and kept right when packages are updated meanwhile. */
import { existsSync, statSync } from 'node:fs';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from '../../base/errors.ts';
import { emulators, ensureCapabilitiesCache } from './capabilities-cache.ts';
import { findLibvirtDaemon, hasSwapAccounting, libvirtDaemons, rlimitCeilings } from './host-facts.ts';
import type { SandboxDevice, SandboxHostFacts } from './oci-spec.ts';
import type { OciSpec } from './oci-types.ts';
import type { SandboxSettings } from './settings.ts';
import { ensureSkeleton, libraryCache, removeOldSkeletons } from './skeleton.ts';

export interface SandboxHostOptions {
  /** The KVM device node when this host's KVM is usable. */
  readonly kvm: SandboxDevice | undefined;
  /** Lines for the operator; the first start after a boot takes a second or so. */
  readonly onProgress?: (message: string) => void;
}

/** Facts for one sandbox, with (`kvm`) or without the KVM device. Takes long only after an update of QEMU or libvirt. */
export type SandboxHost = (kvm: boolean) => Promise<SandboxHostFacts>;

/**
 * Call once at start, before any sandbox is made. The probes start at once, beside whatever else the caller does; the
 * first sandbox waits for them, and gets their failure.
 */
export function prepareSandboxHost(settings: SandboxSettings, options: SandboxHostOptions): SandboxHost {
  const running = new Map<boolean, Promise<SandboxHostFacts>>();
  const known = new Map<boolean, { readonly facts: SandboxHostFacts; readonly files: string }>();

  async function look(kvm: boolean): Promise<SandboxHostFacts> {
    const [rootDir, swapAccounting, ceilings, daemonPath] = await Promise.all([
      ensureSkeleton(settings),
      hasSwapAccounting(),
      rlimitCeilings(),
      findLibvirtDaemon(),
    ]);
    const capabilitiesDir = await ensureCapabilitiesCache(settings, {
      kvm: kvm ? options.kvm : undefined,
      ...(options.onProgress === undefined ? {} : { onProgress: options.onProgress }),
    });
    return { rootDir, arch: process.arch, swapAccounting, rlimitCeilings: ceilings, capabilitiesDir, daemonPath };
  }

  /** Starts at the same moment share one look, and with it one probe; nothing is looked at again until a file has changed. */
  async function facts(kvm: boolean): Promise<SandboxHostFacts> {
    const files = hostFilesNow();
    const last = known.get(kvm);
    if (last?.files === files && existsSync(last.facts.rootDir) && existsSync(last.facts.capabilitiesDir ?? '')) {
      return last.facts;
    }
    const current = running.get(kvm) ?? look(kvm).finally(() => running.delete(kvm));
    running.set(kvm, current);
    const found = await current;
    known.set(kvm, { facts: found, files });
    return found;
  }

  const warmed = facts(false).then(async ({ rootDir }) => {
    await removeOldSkeletons(settings, new Set([rootDir, ...(await rootsInUse(settings))]));
    return options.kvm === undefined ? undefined : facts(true);
  });
  // Whoever starts a sandbox hears of it, as the look is taken again then.
  warmed.catch(() => undefined);
  return facts;
}

/** Changes when a file does that the facts come from: a few stat(2). */
function hostFilesNow(): string {
  return [...libvirtDaemons, emulators[process.arch] ?? '', libraryCache]
    .map((path) => statSync(path, { bigint: true, throwIfNoEntry: false }))
    .map((found) => (found === undefined ? 'none' : `${found.dev} ${found.ino} ${found.ctimeNs}`))
    .join(',');
}

async function rootsInUse(settings: SandboxSettings): Promise<string[]> {
  const bundles = join(settings.runDir, 'bundles');
  const roots: string[] = [];
  for (const id of await readdir(bundles).catch(emptyWhenMissing)) {
    const text = await readFile(join(bundles, id, 'config.json'), 'utf8').catch(() => '');
    if (text !== '') {
      roots.push((JSON.parse(text) as OciSpec).root.path);
    }
  }
  return roots;
}

function emptyWhenMissing(error: unknown): string[] {
  if (errorCode(error) === 'ENOENT') {
    return [];
  }
  throw error;
}
