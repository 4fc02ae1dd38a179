/** Kernel modules: what is loaded or built in, parameters, and loading by init_module(2) and finit_module(2). */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import zlib from 'node:zlib';
import { UnsupportedError, VmletError, errorCode, errorMessage } from '../../base/errors.ts';
import { Fd } from '../fd/fd.ts';
import { check, declare } from '../ffi/ffi.ts';
import { LIST_BYTES_MAX, findAttribute, listEntries } from '../sysfs/attribute.ts';
import type { KernelRoots } from '../sysfs/roots.ts';
import { MODULE_INIT_COMPRESSED_FILE, SYS_finit_module_by_arch, SYS_init_module_by_arch } from './constants.ts';
import type { LoadedModule } from './parse.ts';
import {
  isModuleName,
  moduleName,
  parseBuiltinModules,
  parseLoadedModules,
  parseModuleDependencies,
  planLoad,
} from './parse.ts';

// Both block while the kernel links and starts the module: some milliseconds, seconds for one that probes hardware.
// The image is lent for the call; the kernel copies it.
const cFinitModule = declare('long syscall(long number, int fd, const char *parameters, int flags)');
const cInitModule = declare('long syscall(long number, void *image, unsigned long bytes, const char *parameters)');

/** modules.dep of a distribution kernel is below 1 MiB; a module below 64 MiB, unpacked. */
const INDEX_BYTES_MAX = 16 * 1024 * 1024;
const IMAGE_BYTES_MAX = 256 * 1024 * 1024;
const XZ_TIMEOUT_MS = 20_000;

/** Loaded modules; empty for a kernel without loadable modules. */
export function readLoadedModules(roots: KernelRoots): LoadedModule[] {
  return parseLoadedModules(findAttribute(`${roots.procfs}/modules`, LIST_BYTES_MAX) ?? '');
}

/** Names of modules that are part of the kernel image; empty when the release has no directory of modules. */
export function readBuiltinModules(roots: KernelRoots, release = os.release()): ReadonlySet<string> {
  return parseBuiltinModules(findAttribute(`${roots.modules}/${release}/modules.builtin`, INDEX_BYTES_MAX) ?? '');
}

/**
 * Where the code of a module is: loaded, in the kernel image, on disk, or nowhere. A built-in module of a kernel whose
 * modules.builtin is missing is still known by its directory in /sys/module when it has parameters.
 */
export function findModule(
  roots: KernelRoots,
  name: string,
  release = os.release(),
): 'loaded' | 'builtin' | 'available' | 'absent' {
  const wanted = moduleName(name);
  if (readLoadedModules(roots).some((module) => module.name === wanted && module.state === 'live')) {
    return 'loaded';
  }
  if (readBuiltinModules(roots, release).has(wanted) || fs.existsSync(`${roots.sysfs}/module/${wanted}`)) {
    return 'builtin';
  }
  return readIndex(roots, release).has(wanted) ? 'available' : 'absent';
}

/** Current parameters of a loaded or built-in module. Those that only root may read are left out for others. */
export function readModuleParameters(roots: KernelRoots, name: string): Readonly<Record<string, string>> {
  const directory = `${roots.sysfs}/module/${moduleName(name)}/parameters`;
  return Object.fromEntries(
    listEntries(directory).flatMap((parameter) => {
      const value = findModuleParameter(roots, name, parameter);
      return value === undefined ? [] : [[parameter, value]];
    }),
  );
}

/** One parameter; undefined when module or parameter is not there or may not be read. */
export function findModuleParameter(roots: KernelRoots, name: string, parameter: string): string | undefined {
  try {
    return findAttribute(`${roots.sysfs}/module/${moduleName(name)}/parameters/${parameter}`)?.trim();
  } catch (error) {
    if (errorCode(error) === 'EACCES' || errorCode(error) === 'EPERM') {
      return undefined;
    }
    throw error;
  }
}

export interface LoadOptions {
  /** `key=value` pairs, given to the module itself and not to its dependencies. */
  readonly parameters?: Readonly<Record<string, string>>;
  readonly release?: string;
}

/**
 * Loads a module with what it needs; gives the names that were loaded, none when it was there already. Neither
 * modprobe(8) nor its configuration is used: aliases, blacklists and options of /etc/modprobe.d do not count.
 * Throws UnsupportedError when the module or a way to unpack it is missing, KernelError when the kernel refuses it
 * (EPERM: lockdown or no CAP_SYS_MODULE; ENOEXEC: of another kernel; ENOKEY: unsigned). What was loaded on the way stays.
 */
export function loadModule(roots: KernelRoots, name: string, options: LoadOptions = {}): string[] {
  const release = options.release ?? os.release();
  if (!isModuleName(name)) {
    throw new VmletError('InvalidModuleName', `${JSON.stringify(name)} is not the name of a module`);
  }
  const parameters = formatParameters(options.parameters ?? {});
  const state = findModule(roots, name, release);
  if (state === 'loaded' || state === 'builtin') {
    return [];
  }
  const present = new Set([
    ...readLoadedModules(roots).map((module) => module.name),
    ...readBuiltinModules(roots, release),
  ]);
  const files = planLoad(name, readIndex(roots, release), present);
  if (files === undefined) {
    throw new UnsupportedError(
      `the kernel module ${name} is not in ${roots.modules}/${release}: install the modules package of kernel ${release}, ` +
        'or boot a kernel that has it',
    );
  }
  for (const file of files) {
    const own = file === files.at(-1);
    insertModule(roots, path.resolve(`${roots.modules}/${release}`, file), own ? parameters : '');
  }
  return files.map(moduleName);
}

/** `key=value key="with space"`. A value with a quote or control character is refused: the kernel has no escape. */
export function formatParameters(parameters: Readonly<Record<string, string>>): string {
  return Object.entries(parameters)
    .map(([key, value]) => {
      if (!isModuleName(key) || !/^[ !#-~]*$/.test(value)) {
        throw new VmletError('InvalidModuleParameter', `${key}=${JSON.stringify(value)} is not a module parameter`);
      }
      return value.includes(' ') ? `${key}="${value}"` : `${key}=${value}`;
    })
    .join(' ');
}

function insertModule(roots: KernelRoots, file: string, parameters: string): void {
  const target = `module ${file}`;
  const byKernel = file.endsWith('.ko') || isUnpackedByKernel(roots, file);
  const result = byKernel ? insertFile(file, parameters) : insertImage(unpack(file), parameters);
  try {
    check(result, byKernel ? 'finit_module' : 'init_module', target);
  } catch (error) {
    // Another process was faster.
    if (errorCode(error) !== 'EEXIST') {
      throw error;
    }
  }
}

/** A kernel with CONFIG_MODULE_DECOMPRESS (5.17) names the one form of compression that it was built to unpack. */
function isUnpackedByKernel(roots: KernelRoots, file: string): boolean {
  const own = findAttribute(`${roots.sysfs}/module/compression`)?.trim();
  return own !== undefined && own === compressionOf[path.extname(file)];
}

function insertFile(file: string, parameters: string): number {
  using fd = new Fd(fs.openSync(file, fs.constants.O_RDONLY), file);
  const flags = file.endsWith('.ko') ? 0 : MODULE_INIT_COMPRESSED_FILE;
  return cFinitModule(systemCall(SYS_finit_module_by_arch), fd.value, parameters, flags);
}

function insertImage(image: Buffer, parameters: string): number {
  return cInitModule(systemCall(SYS_init_module_by_arch), image, image.length, parameters);
}

/** In the words of /sys/module/compression. */
const compressionOf: Readonly<Record<string, string>> = { '.gz': 'gzip', '.xz': 'xz', '.zst': 'zstd' };

/**
 * Unpacks a compressed module in memory: .gz and .zst by node:zlib, .xz by the host's xz(1), which node:zlib has no code
 * for. Throws UnsupportedError for another form, a damaged file and a missing xz(1).
 */
export function unpack(file: string): Buffer {
  const extension = path.extname(file);
  const unpacker = unpackers[extension];
  if (unpacker === undefined) {
    throw new UnsupportedError(
      `${file} is compressed with ${extension.slice(1)}, which vmlet cannot unpack: run "modprobe ${moduleName(file)}"`,
    );
  }
  try {
    return unpacker(file);
  } catch (error) {
    throw new UnsupportedError(
      extension === '.xz' && errorCode(error) === 'ENOENT' && fs.existsSync(file)
        ? `${file} needs xz, which is not installed: install xz-utils, or run "modprobe ${moduleName(file)}"`
        : `${file} cannot be unpacked (${errorMessage(error)}): reinstall the kernel's package`,
      { cause: error },
    );
  }
}

const unpackers: Readonly<Record<string, (file: string) => Buffer>> = {
  '.gz': (file) => zlib.gunzipSync(fs.readFileSync(file), { maxOutputLength: IMAGE_BYTES_MAX }),
  '.zst': (file) => zlib.zstdDecompressSync(fs.readFileSync(file), { maxOutputLength: IMAGE_BYTES_MAX }),
  // Blocks for some tens of milliseconds, as giving the module to the kernel does after it.
  '.xz': (file) =>
    execFileSync('xz', ['--decompress', '--stdout', '--', file], {
      maxBuffer: IMAGE_BYTES_MAX,
      timeout: XZ_TIMEOUT_MS,
      killSignal: 'SIGKILL',
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' },
    }),
};

function readIndex(roots: KernelRoots, release: string): ReturnType<typeof parseModuleDependencies> {
  return parseModuleDependencies(findAttribute(`${roots.modules}/${release}/modules.dep`, INDEX_BYTES_MAX) ?? '');
}

function systemCall(numbers: Readonly<Record<string, number>>): number {
  const number = numbers[process.arch];
  if (number === undefined) {
    throw new UnsupportedError(`modules cannot be loaded on ${process.arch}: use modprobe`);
  }
  return number;
}
