/**
 * Our constants and structure layouts against the C headers of this machine, by small programs that print them. Of the folders
 * about processes, files and namespaces.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';

interface Folder {
  readonly name: string;
  /** One program for each list: some headers cannot stand together. */
  readonly headers: readonly (readonly string[])[];
  /** Names that are enumerators, so the preprocessor does not know them. */
  readonly enumerators?: readonly string[];
  /** Ours alone, or newer than the headers of the oldest system. */
  readonly unknown?: readonly string[];
  /** C expressions and what our codecs take them to be. */
  readonly layout?: Readonly<Record<string, number>>;
}

const folders: readonly Folder[] = [
  {
    name: 'process',
    headers: [
      ['sys/syscall.h', 'sys/resource.h', 'linux/sched.h', 'linux/sched/types.h'],
      ['sys/resource.h', 'sched.h'],
    ],
    layout: {
      'sizeof(struct rlimit)': 16,
      'offsetof(struct rlimit, rlim_max)': 8,
      SCHED_ATTR_SIZE_VER0: 48,
      'offsetof(struct sched_attr, sched_policy)': 4,
      'offsetof(struct sched_attr, sched_flags)': 8,
      'offsetof(struct sched_attr, sched_nice)': 16,
      'offsetof(struct sched_attr, sched_priority)': 20,
    },
    unknown: ['PF_EXITING', 'PIDFD_GET_INFO', 'PIDFD_INFO_EXIT', 'PIDFD_INFO_SIZE_VER0'],
  },
  {
    name: 'mount',
    headers: [
      ['sys/syscall.h', 'fcntl.h', 'linux/mount.h', 'linux/sched.h'],
      ['sys/mount.h', 'fcntl.h'],
    ],
    enumerators: [
      'FSCONFIG_SET_FLAG',
      'FSCONFIG_SET_STRING',
      'FSCONFIG_SET_FD',
      'FSCONFIG_CMD_CREATE',
      'FSCONFIG_CMD_RECONFIGURE',
    ],
    layout: {
      'sizeof(struct mount_attr)': 32,
      'offsetof(struct mount_attr, attr_clr)': 8,
      'offsetof(struct mount_attr, propagation)': 16,
      'offsetof(struct mount_attr, userns_fd)': 24,
    },
  },
  {
    name: 'path',
    headers: [['sys/syscall.h', 'linux/fcntl.h', 'linux/openat2.h']],
    unknown: ['MAX_TREE_DEPTH'],
    layout: { 'sizeof(struct open_how)': 24, 'offsetof(struct open_how, resolve)': 16 },
  },
  {
    name: 'namespace',
    headers: [['linux/nsfs.h', 'linux/sched.h', 'linux/magic.h', 'linux/mount.h'], ['sys/mount.h']],
  },
  {
    name: 'fanotify',
    headers: [['linux/fanotify.h']],
    layout: {
      'sizeof(struct fanotify_event_metadata)': 24,
      'offsetof(struct fanotify_event_metadata, mask)': 8,
      'offsetof(struct fanotify_event_metadata, fd)': 16,
      'offsetof(struct fanotify_event_metadata, pid)': 20,
      'sizeof(struct fanotify_event_info_header)': 4,
      'offsetof(struct fanotify_event_info_fid, handle)': 12,
    },
  },
  {
    name: 'socket',
    headers: [['sys/socket.h', 'netinet/in.h', 'netinet/icmp6.h', 'asm/socket.h', 'sys/un.h'], ['linux/in6.h']],
    unknown: ['DATAGRAM_BYTES_MAX', 'SOCKADDR_IN6_BYTES', 'SOCKADDR_IN_BYTES'],
    layout: {
      'sizeof(struct sockaddr_in)': 16,
      'sizeof(struct sockaddr_in6)': 28,
      'offsetof(struct sockaddr_in6, sin6_scope_id)': 24,
      'sizeof(struct ucred)': 12,
      'sizeof(struct msghdr)': 56,
      'offsetof(struct msghdr, msg_controllen)': 40,
      'offsetof(struct msghdr, msg_flags)': 48,
      'sizeof(struct cmsghdr)': 16,
    },
  },
];

/** Compiles and runs a program that prints each name that it knows. */
function ask(
  directory: string,
  headers: readonly string[],
  names: readonly string[],
  folder: Folder,
): Map<string, bigint> {
  const source = [
    '#define _GNU_SOURCE',
    '#include <stddef.h>',
    '#include <stdio.h>',
    ...headers.map((header) => `#include <${header}>`),
    'int main(void) {',
    ...names.flatMap((name) => {
      const print = `printf("%s %lld\\n", ${JSON.stringify(name)}, (long long)(${name}));`;
      const isMacro = /^\w+$/.test(name) && folder.enumerators?.includes(name) !== true;
      return isMacro ? [`#ifdef ${name}`, print, '#endif'] : [print];
    }),
    'return 0;',
    '}',
  ].join('\n');
  const program = path.join(directory, 'ask');
  fs.writeFileSync(`${program}.c`, source);
  execFileSync('cc', ['-o', program, `${program}.c`], { timeout: 30_000, stdio: ['ignore', 'ignore', 'pipe'] });
  const lines = execFileSync(program, { encoding: 'utf8', timeout: 5000 }).trim().split('\n');
  return new Map(
    lines
      .filter((line) => line !== '')
      .map((line) => [line.slice(0, line.lastIndexOf(' ')), BigInt(line.slice(line.lastIndexOf(' ') + 1))]),
  );
}

/** Numbers by UAPI name: exported ones, and those in exported tables. */
async function ourConstants(folder: string): Promise<Map<string, bigint>> {
  const url = pathToFileURL(path.resolve(import.meta.dirname, '..', folder, 'constants.ts')).href;
  const found = new Map<string, bigint>();
  const note = (name: string, value: unknown): void => {
    if (typeof value === 'number' || typeof value === 'bigint') {
      found.set(name, BigInt(value));
    }
  };
  for (const [name, value] of Object.entries((await import(url)) as Record<string, unknown>)) {
    note(name, value);
    if (/^[a-z]/.test(name) && Array.isArray(value)) {
      for (const [number, text] of value as [bigint, string][]) {
        note(text, number);
      }
    } else if (name === 'schedulingPolicies' || name === 'resources') {
      for (const [text, number] of Object.entries(value as Record<string, number>)) {
        note(text, number);
      }
    }
  }
  return found;
}

const hasCompiler = spawnSync('cc', ['--version'], { timeout: 5000 }).status === 0;

for (const folder of folders) {
  void test(`constants and layouts of ${folder.name} are those of the C headers`, async (t) => {
    if (!hasCompiler) {
      t.skip('no C compiler here');
      return;
    }
    using cleanup = new DisposableStack();
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'vmlet-headers-'));
    cleanup.defer(() => fs.rmSync(directory, { recursive: true }));
    const ours = await ourConstants(folder.name);
    const theirs = new Map<string, bigint>();
    folder.headers.forEach((headers, index) => {
      // Structures and enumerators are in the headers of the first program.
      const names = [...ours.keys()].filter((name) => index === 0 || folder.enumerators?.includes(name) !== true);
      const layout = index === 0 ? Object.keys(folder.layout ?? {}) : [];
      for (const [name, value] of ask(directory, headers, [...names, ...layout], folder)) {
        theirs.set(name, value);
      }
    });
    const unknown = [...ours.keys()].filter((name) => !theirs.has(name));
    assert.deepEqual(unknown, folder.unknown ?? [], 'names that no header knows');
    for (const [name, value] of ours) {
      const expected = theirs.get(name);
      if (expected !== undefined) {
        assert.equal(BigInt.asIntN(64, value), expected, name);
      }
    }
    for (const [expression, value] of Object.entries(folder.layout ?? {})) {
      assert.equal(theirs.get(expression), BigInt(value), expression);
    }
  });
}
