/** The facts of the host that this process runs on. */
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { stateDirectory } from '../../../base/directories.ts';
import { errorCode } from '../../../base/errors.ts';
import { sandboxGid, sandboxUid } from '../../../embedded/sandbox/settings.ts';
import { findDeviceProgramObstacle } from '../../../linux/bpf/probe.ts';
import { check, declare } from '../../../linux/ffi/ffi.ts';
import { probeKvm, type KvmProbeResult } from '../../../linux/kvm/probe.ts';
import { findMountApiObstacle } from '../../../linux/mount/probe.ts';
import { NETLINK_NETFILTER } from '../../../linux/netlink/constants.ts';
import { openNetlink } from '../../../linux/netlink/socket.ts';
import { dumpRuleset } from '../../../linux/nftables/dump.ts';
import { findTapObstacle } from '../../../linux/tap/probe.ts';
import type { DeviceNode, DoctorSettings, Facts, FileSystemSpace, HostFiles, NetworkProbe, Probes } from './facts.ts';
import { probeNetwork } from './network-probe.ts';

const fileBytesMax = 8 * 1024 * 1024;
const toolTimeoutMs = 5_000;
const toolOutputBytesMax = 64 * 1024;

// struct timex is 208 bytes on 64-bit Linux; the kernel fills it and keeps nothing. Does not block.
const cAdjtimex = declare('int adjtimex(void *buffer)');
const timexBytes = 208;
/** linux/timex.h: the clock is not synchronised. */
const TIME_ERROR = 5;
/** asm-generic/fcntl.h and x86, arm64: Node names O_DIRECT, and has no name for an unnamed file. */
const __O_TMPFILE = 0o20000000;

export function hostFacts(): Facts {
  return { files: createHostFiles(''), probes: hostProbes(), settings: hostSettings() };
}

function hostSettings(): DoctorSettings {
  return {
    stateDir: stateDirectory(),
    bridge: 'vmlet0',
    sandboxUid,
    sandboxGid,
    architecture: process.arch,
    isRoot: process.getuid?.() === 0,
  };
}

/** Files below `root`; the host's own when it is empty. */
export function createHostFiles(root: string): HostFiles {
  const bytes = (file: string): Buffer | undefined => whereThere(() => readBounded(`${root}${file}`));
  return {
    read: (file) => bytes(file)?.toString('utf8').trim(),
    bytes,
    list: (directory) => whereThere(() => fs.readdirSync(`${root}${directory}`).toSorted()),
    link: (file) => whereThere(() => fs.readlinkSync(`${root}${file}`)),
    exists: (file) => whereThere(() => fs.statSync(`${root}${file}`)) !== undefined,
  };
}

/** Some hundred small files are read, one after the other. */
const readBuffer = Buffer.alloc(64 * 1024);

/** The size that /proc and /sys give for a file says nothing, so it is read to its end or to the limit. */
function readBounded(file: string): Buffer {
  const fd = fs.openSync(file, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
  try {
    const parts: Buffer[] = [];
    let length = 0;
    for (;;) {
      const count = fs.readSync(fd, readBuffer);
      if (count === 0) {
        return Buffer.concat(parts);
      }
      parts.push(Buffer.from(readBuffer.subarray(0, count)));
      length += count;
      if (length > fileBytesMax) {
        throw Object.assign(new Error(`${file} is larger than ${fileBytesMax} bytes`), { code: 'EFBIG' });
      }
    }
  } finally {
    fs.closeSync(fd);
  }
}

function whereThere<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ENODEV', 'ENXIO'].includes(errorCode(error))) {
      return undefined;
    }
    throw error;
  }
}

function hostProbes(): Probes {
  return {
    kvm: once((): Promise<KvmProbeResult> => probeKvm()),
    device: findDevice,
    tunDevice: () => findTapObstacle(),
    mountApi: findMountApiObstacle,
    devicePrograms: tryDeviceProgram,
    network: once((): NetworkProbe => probeNetwork()),
    ruleset() {
      using socket = openNetlink({ protocol: NETLINK_NETFILTER });
      return dumpRuleset(socket);
    },
    toolVersion,
    space: findSpace,
    directIo: tryDirectIo,
    clockSynchronised() {
      return check(cAdjtimex(Buffer.alloc(timexBytes)), 'adjtimex', 'the clock') !== TIME_ERROR;
    },
  };
}

/** Asked by several checks, answered once: with the same value, or the same error. */
function once<T>(ask: () => T): () => T {
  let answer: (() => T) | undefined;
  return () => {
    if (answer === undefined) {
      try {
        const value = ask();
        answer = () => value;
      } catch (error) {
        answer = () => {
          throw error;
        };
      }
    }
    return answer();
  };
}

function findDevice(file: string): DeviceNode | undefined {
  return whereThere(() => {
    const { rdev, mode } = fs.statSync(file);
    const kind = mode & fs.constants.S_IFMT;
    return {
      type: kind === fs.constants.S_IFCHR ? 'char' : kind === fs.constants.S_IFBLK ? 'block' : 'other',
      // glibc's makedev: 12 bits of major and 20 of minor, the low 8 of minor first.
      major: (rdev >>> 8) & 0xfff,
      minor: (rdev & 0xff) | ((rdev >>> 12) & 0xfff00),
      mode: mode & 0o7777,
    };
  });
}

async function toolVersion(name: string, argument: string): Promise<string | undefined> {
  try {
    const { stdout, stderr } = await promisify(execFile)(name, argument.split(' '), {
      timeout: toolTimeoutMs,
      killSignal: 'SIGKILL',
      maxBuffer: toolOutputBytesMax,
      env: { PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`, LC_ALL: 'C' },
    });
    return `${stdout}\n${stderr}`;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') {
      return undefined;
    }
    throw error;
  }
}

function findSpace(directory: string): FileSystemSpace {
  const there = whereThere(() => fs.statfsSync(directory));
  if (there === undefined && directory !== '/') {
    return findSpace(path.dirname(directory));
  }
  const { bsize, blocks, bavail, files, ffree } = there ?? fs.statfsSync('/');
  return {
    path: directory,
    totalBytes: blocks * bsize,
    freeBytes: bavail * bsize,
    totalInodes: files,
    freeInodes: ffree,
  };
}

/** In a cgroup that is made for it and empty, so that the program decides for nobody. */
function tryDeviceProgram(top: string): string | undefined {
  const directory = path.join(top, `vmlet-doctor-${process.pid}`);
  fs.mkdirSync(directory);
  try {
    return findDeviceProgramObstacle(directory);
  } finally {
    fs.rmdirSync(directory);
  }
}

/** With a file that has no name and is gone when it is closed. */
function tryDirectIo(directory: string): boolean | undefined {
  const unnamed = fs.constants.O_RDWR | fs.constants.O_DIRECTORY | __O_TMPFILE;
  try {
    fs.closeSync(fs.openSync(directory, unnamed, 0o600));
  } catch (error) {
    if (['EOPNOTSUPP', 'ENOTSUP', 'EISDIR'].includes(errorCode(error))) {
      return undefined;
    }
    throw error;
  }
  try {
    fs.closeSync(fs.openSync(directory, unnamed | fs.constants.O_DIRECT, 0o600));
    return true;
  } catch (error) {
    if (errorCode(error) === 'EINVAL') {
      return false;
    }
    throw error;
  }
}
