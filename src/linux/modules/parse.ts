/** Texts of /proc/modules, modules.dep, modules.builtin and modules.alias (depmod(8), modules.dep(5)). Pure. */
import path from 'node:path';
import { DecodeError } from '../../base/errors.ts';

export type ModuleState = 'live' | 'loading' | 'unloading';

export interface LoadedModule {
  /** With underscores, as the kernel names it. */
  readonly name: string;
  readonly bytes: number;
  /** Undefined for a module that the kernel does not count (built without unloading). */
  readonly users: number | undefined;
  /** Modules that use it. */
  readonly usedBy: readonly string[];
  readonly state: ModuleState;
  /** Taint letters of this module: `OE` for one from outside the tree and unsigned. Empty for none. */
  readonly taints: string;
}

/** Kernel names have underscores; files and users may write a hyphen. */
export function moduleName(fileOrName: string): string {
  return path
    .basename(fileOrName)
    .replace(/\.ko(\.(gz|xz|zst))?$/, '')
    .replaceAll('-', '_');
}

/** A name that is safe to look up: letters, digits, `_` and `-`. */
export function isModuleName(name: string): boolean {
  return /^[A-Za-z0-9_-]{1,64}$/.test(name);
}

const STATES: Readonly<Record<string, ModuleState>> = { Live: 'live', Loading: 'loading', Unloading: 'unloading' };

/** /proc/modules: `vfio_pci 16384 1 vfio_pci_core,vfio, Live 0xffffffffc0a00000 (E)`. Throws DecodeError. */
export function parseLoadedModules(text: string): LoadedModule[] {
  return lines(text).map((line) => {
    const match =
      /^(\S{1,64}) (\d{1,15}) (-|\d{1,9}) (\S+) (Live|Loading|Unloading) 0x[0-9a-f]+(?: \((\S*)\))?\s*$/.exec(line);
    const state = STATES[match?.[5] ?? ''];
    if (match?.[1] === undefined || match[4] === undefined || state === undefined) {
      throw new DecodeError(`not a line of /proc/modules: ${JSON.stringify(line.slice(0, 200))}`);
    }
    return {
      name: match[1],
      bytes: Number(match[2]),
      users: match[3] === '-' ? undefined : Number(match[3]),
      // "[permanent]" stands among the users of one that cannot go.
      usedBy: match[4] === '-' ? [] : match[4].split(',').filter((name) => name !== '' && !name.startsWith('[')),
      state,
      taints: match[6] ?? '',
    };
  });
}

export interface ModuleFile {
  readonly name: string;
  /** Relative to the directory of the kernel release, or absolute. */
  readonly file: string;
  /** Files it needs, in the order of modules.dep: the last is loaded first. */
  readonly dependencies: readonly string[];
}

/** modules.dep: `kernel/a.ko.xz: kernel/b.ko.xz kernel/c.ko.xz`. Throws DecodeError. */
export function parseModuleDependencies(text: string): ReadonlyMap<string, ModuleFile> {
  const modules = new Map<string, ModuleFile>();
  for (const line of lines(text)) {
    const match = /^(\S+\.ko(?:\.[a-z]+)?):\s*(.*)$/.exec(line);
    if (match?.[1] === undefined) {
      throw new DecodeError(`not a line of modules.dep: ${JSON.stringify(line.slice(0, 200))}`);
    }
    const name = moduleName(match[1]);
    const dependencies = (match[2] ?? '').split(/\s+/).filter((file) => file !== '');
    modules.set(name, { name, file: match[1], dependencies });
  }
  return modules;
}

/** modules.builtin: one path per line. */
export function parseBuiltinModules(text: string): ReadonlySet<string> {
  return new Set(lines(text).map(moduleName));
}

/** Files to load for `name`, dependencies first, itself last; those in `present` left out. Undefined when unknown. */
export function planLoad(
  name: string,
  modules: ReadonlyMap<string, ModuleFile>,
  present: ReadonlySet<string>,
): string[] | undefined {
  const module = modules.get(moduleName(name));
  if (module === undefined) {
    return undefined;
  }
  // modules.dep lists all indirect dependencies already, each after those that need it.
  const order = [...module.dependencies].reverse();
  return [...new Set([...order, module.file])].filter((file) => !present.has(moduleName(file)));
}

const LINES_MAX = 100_000;

function lines(text: string): string[] {
  const all = text.split('\n').filter((line) => line !== '');
  if (all.length > LINES_MAX) {
    throw new DecodeError(`${all.length} lines, more than ${LINES_MAX}`);
  }
  return all;
}
