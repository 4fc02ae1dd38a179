/** A host made of a directory tree and of given answers, for the tests of the checks. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Facts, Probes, DoctorSettings } from '../facts.ts';
import { createHostFiles } from '../host-facts.ts';

/** What a file holds, or where a symbolic link leads. */
export type Entry = string | Buffer | { readonly link: string };

export interface HostState {
  /** undefined takes away what the base has. */
  readonly files: Readonly<Record<string, Entry | undefined>>;
  readonly probes: Partial<Probes>;
  readonly settings: Partial<DoctorSettings>;
}

export function combine(base: HostState, change: Partial<HostState>): HostState {
  return {
    files: { ...base.files, ...change.files },
    probes: { ...base.probes, ...change.probes },
    settings: { ...base.settings, ...change.settings },
  };
}

/** Takes the tree away when the test is over. A probe without an answer throws. */
export function prepareHost(t: { after(clean: () => void): void }, state: HostState): Facts {
  const root = mkdtempSync(join(tmpdir(), 'vmlet-host-'));
  t.after(() => rmSync(root, { recursive: true }));
  for (const [path, entry] of Object.entries(state.files)) {
    if (entry !== undefined) {
      write(`${root}${path}`, entry);
    }
  }
  const unanswered = (): never => {
    throw new Error('this host has no answer prepared');
  };
  return {
    files: createHostFiles(root),
    probes: {
      kvm: unanswered,
      device: unanswered,
      tunDevice: unanswered,
      mountApi: unanswered,
      devicePrograms: unanswered,
      network: unanswered,
      ruleset: unanswered,
      toolVersion: unanswered,
      space: unanswered,
      directIo: unanswered,
      clockSynchronised: unanswered,
      ...state.probes,
    },
    settings: {
      stateDir: '/var/lib/vmlet',
      bridge: 'vmlet0',
      sandboxUid: 107,
      sandboxGid: 107,
      architecture: 'x64',
      isRoot: true,
      ...state.settings,
    },
  };
}

function write(path: string, entry: Entry): void {
  mkdirSync(dirname(path), { recursive: true });
  if (typeof entry === 'string' || Buffer.isBuffer(entry)) {
    writeFileSync(path, entry);
  } else {
    symlinkSync(entry.link, path);
  }
}
