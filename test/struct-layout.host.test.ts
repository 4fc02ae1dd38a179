/**
 * Compares every UAPI value that src/linux states with the C headers of this machine: a small C program per folder
 * prints them, generated from our own tables. Structure layouts are found by asking our own encoders and decoders where
 * they put a field, and compared with offsetof.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { structLayouts } from './support/struct-layouts.ts';
import { systemCalls } from '../src/linux/seccomp/syscalls.ts';
import { kvmCapabilities } from '../src/linux/kvm/capability-table.ts';

const root = fileURLToPath(new URL('../src/linux/', import.meta.url));
const compiler = ['cc', 'gcc'].find((name) => spawnSync(name, ['--version'], { timeout: 10_000 }).status === 0);
const skip =
  compiler === undefined
    ? 'no C compiler: install gcc, libc6-dev and linux-libc-dev'
    : process.arch === 'x64' || process.arch === 'arm64'
      ? false
      : `no tables for ${process.arch}`;

/** Headers with the values of a folder's constants.ts. */
const headers: Readonly<Record<string, readonly string[]>> = {
  bpf: ['linux/bpf.h', 'sys/syscall.h'],
  conntrack: ['linux/netfilter/nfnetlink.h', 'linux/netfilter/nfnetlink_conntrack.h'],
  fanotify: ['sys/fanotify.h', 'linux/fanotify.h', 'fcntl.h'],
  kvm: ['linux/kvm.h'],
  modules: ['linux/module.h', 'sys/syscall.h'],
  mount: ['sched.h', 'sys/syscall.h', 'sys/mount.h', 'fcntl.h', 'linux/magic.h'],
  namespace: ['sched.h', 'sys/mount.h', 'sys/syscall.h', 'linux/magic.h', 'linux/nsfs.h', 'fcntl.h'],
  netlink: ['sys/socket.h', 'linux/netlink.h', 'linux/rtnetlink.h'],
  nftables: ['linux/netlink.h', 'linux/netfilter.h', 'linux/netfilter/nfnetlink.h', 'linux/netfilter/nf_tables.h'],
  path: ['fcntl.h', 'stdio.h', 'sys/syscall.h', 'linux/openat2.h'],
  pci: ['linux/pci_regs.h'],
  process: ['linux/pidfd.h', 'sys/syscall.h', 'sched.h', 'sys/resource.h', 'linux/sched.h'],
  reactor: ['sys/epoll.h', 'sys/eventfd.h', 'fcntl.h', 'poll.h', 'linux/aio_abi.h', 'sys/syscall.h'],
  rtnetlink: [
    'sys/socket.h',
    'linux/if.h',
    'linux/rtnetlink.h',
    'linux/if_link.h',
    'linux/if_addr.h',
    'linux/if_bridge.h',
    'linux/neighbour.h',
    'linux/veth.h',
    'linux/fib_rules.h',
    'linux/net_namespace.h',
    'linux/if_tun.h',
    'linux/if_ether.h',
    'linux/lwtunnel.h',
    'linux/if_vlan.h',
  ],
  seccomp: ['linux/seccomp.h', 'linux/filter.h', 'linux/bpf_common.h', 'linux/ptrace.h', 'linux/audit.h'],
  socket: ['sys/socket.h', 'netinet/in.h', 'netinet/icmp6.h'],
  tap: ['sys/ioctl.h', 'linux/if.h', 'linux/if_tun.h', 'linux/mount.h', 'sys/syscall.h', 'sys/stat.h'],
};

/** Names of our own, or of headers that are not for programs; checked elsewhere or not at all. */
const ownNames: ReadonlySet<string> = new Set(
  (
    'BPF_CGROUP_MAX_PROGS CTA_FILTER_F_CTA_IP_DST CTA_FILTER_F_CTA_PROTO_DST_PORT CTA_FILTER_F_CTA_PROTO_NUM DATAGRAM_BYTES_MAX IFREQ_BYTES IORESOURCE_IO IORESOURCE_MEM IORESOURCE_MEM_64 ' +
    'IORESOURCE_PREFETCH MAX_TAP_QUEUES MAX_TREE_DEPTH NLA_TYPE_MASK PCI_CLASS_BRIDGE_HOST PCI_CLASS_BRIDGE_PCI PCI_CLASS_DISPLAY_VGA ' +
    'PCI_CLASS_NETWORK_ETHERNET PCI_CLASS_STORAGE_EXPRESS PCI_IOV_RESOURCES PCI_ROM_RESOURCE PF_EXITING SECCOMP_DATA_ARCH_OFFSET ' +
    'SECCOMP_DATA_ARGS_OFFSET SECCOMP_DATA_BYTES SOCKADDR_IN6_BYTES SOCKADDR_IN_BYTES SOCK_FILTER_BYTES ' +
    'VIRTIO_NET_HDR_BYTES VIRTIO_NET_HDR_MRG_RXBUF_BYTES __O_TMPFILE'
  ).split(' '),
);

/** Values that Linux 6.1 headers lack: the kernel has them later. With newer headers they are compared like all. */
const newerNames: ReadonlySet<string> = new Set(
  'KVM_CAP_GUEST_MEMFD KVM_CAP_MEMORY_ATTRIBUTES KVM_CAP_USER_MEMORY2 KVM_CAP_VM_TYPES NFTA_DEVICE_PREFIX PIDFD_GET_INFO PIDFD_INFO_EXIT PIDFD_INFO_SIZE_VER0 NFT_TABLE_F_PERSIST TUN_F_USO4 TUN_F_USO6'.split(
    ' ',
  ),
);

interface Value {
  readonly name: string;
  readonly value: bigint;
}

/** Every value that a module of constants states, under its C name. */
function collect(module: Readonly<Record<string, unknown>>): Value[] {
  return Object.entries(module).flatMap(([name, exported]) => collectExport(name, exported));
}

function collectExport(name: string, exported: unknown): Value[] {
  if (isInteger(exported)) {
    return isCName(name) ? [{ name, value: BigInt(exported) }] : [];
  }
  if (Array.isArray(exported)) {
    // Pairs of a value and its name.
    return exported.flatMap((pair: unknown) =>
      Array.isArray(pair) && isInteger(pair[0]) && typeof pair[1] === 'string' && isCName(pair[1])
        ? [{ name: pair[1], value: BigInt(pair[0]) }]
        : [],
    );
  }
  if (typeof exported !== 'object' || exported === null) {
    return [];
  }
  const own: unknown = (exported as Readonly<Record<string, unknown>>)[process.arch];
  if (isInteger(own)) {
    return [{ name: name.replace(/_by_arch$/, ''), value: BigInt(own) }];
  }
  if (typeof own === 'object' && own !== null && name.endsWith('CallNumbers')) {
    return Object.entries(own).flatMap(([call, number]) =>
      /^[a-z0-9_]+$/.test(call) && isInteger(number) ? [{ name: `__NR_${call}`, value: BigInt(number) }] : [],
    );
  }
  return Object.entries(exported).flatMap(([key, value]) =>
    isInteger(value) && isCName(key) ? [{ name: key, value: BigInt(value) }] : [],
  );
}

function isInteger(value: unknown): value is number | bigint {
  return typeof value === 'bigint' || (typeof value === 'number' && Number.isInteger(value));
}

function isCName(name: string): boolean {
  return /^(?:_*[A-Z][A-Z0-9]*_[A-Za-z0-9_]+|EPOLLIN|POLLIN|IFNAMSIZ|TUN[A-Z]+|O_[A-Z]+)$/.test(name);
}

/** Compiles and runs a program; gives its output, or the compiler's complaints. */
function build(source: string): { readonly output: string } | { readonly problems: string } {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'vmlet-layout-'));
  try {
    const program = path.join(directory, 'layout');
    const result = spawnSync(compiler ?? 'cc', ['-w', '-fmax-errors=0', '-x', 'c', '-', '-o', program], {
      input: source,
      encoding: 'utf8',
      timeout: 60_000,
      env: { ...process.env, LC_ALL: 'C' },
    });
    if (result.status !== 0) {
      return { problems: result.stderr };
    }
    return { output: execFileSync(program, { encoding: 'utf8', timeout: 10_000 }) };
  } finally {
    fs.rmSync(directory, { recursive: true });
  }
}

function program(includes: readonly string[], lines: readonly string[]): string {
  return [
    '#define _GNU_SOURCE',
    ...includes.map((header) => `#include <${header}>`),
    '#include <stdio.h>',
    '#include <stddef.h>',
    'int main(void) {',
    ...lines,
    'return 0; }',
  ].join('\n');
}

/** Values of C expressions by name; those whose identifiers the headers lack are in `missing`. */
function evaluate(
  includes: readonly string[],
  names: readonly string[],
): { readonly values: ReadonlyMap<string, bigint>; readonly missing: ReadonlySet<string> } {
  const missing = new Set<string>();
  for (let attempt = 0; attempt < 3; attempt += 1) {
    const wanted = names.filter((name) => !missing.has(name));
    const lines = wanted.map((name) => `printf("${name} %lld\\n", (long long)(${name}));`);
    const result = build(program(includes, lines));
    if ('output' in result) {
      const values = result.output
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => line.split(' '));
      return { values: new Map(values.map(([name = '', value = '']) => [name, BigInt(value)])), missing };
    }
    const undeclared = [...result.problems.matchAll(/[‘'](\w+)[’'] undeclared/g)].map((match) => match[1] ?? '');
    assert.ok(undeclared.length > 0, result.problems.slice(0, 2000));
    undeclared.forEach((name) => missing.add(name));
  }
  throw new Error(`the compiler goes on finding undeclared names: ${[...missing].join(' ')}`);
}

function compare(expected: readonly Value[], includes: readonly string[]): { compared: number; missing: string[] } {
  const names = [...new Set(expected.map(({ name }) => name))].filter((name) => !ownNames.has(name));
  const { values, missing } = evaluate(includes, names);
  const wrong = expected.flatMap(({ name, value }) => {
    const theirs = values.get(name);
    // Flags of 64 bits come back signed.
    return theirs === undefined || BigInt.asUintN(64, theirs) === BigInt.asUintN(64, value)
      ? []
      : [`${name} is ${value} here and ${theirs} in the header`];
  });
  assert.deepEqual(wrong, []);
  return { compared: values.size, missing: [...missing] };
}

const files = fs
  .globSync('**/constants.ts', { cwd: root })
  .map((file) => ({ file, folder: file.split(path.sep)[0] ?? '' }))
  .sort((a, b) => a.file.localeCompare(b.file));

for (const { file, folder } of files) {
  void test(`constants of ${file}`, { skip }, async (t) => {
    const includes = headers[folder];
    assert.ok(includes !== undefined, `add the headers of src/linux/${folder} to the table in this test`);
    const module = (await import(pathToFileURL(path.join(root, file)).href)) as Readonly<Record<string, unknown>>;
    const { compared, missing } = compare(collect(module), includes);
    if (compared + missing.length === 0) {
      t.skip('has only values of the kernel itself, which are in no header for programs');
      return;
    }
    assert.deepEqual(
      missing.filter((name) => !newerNames.has(name)),
      [],
      'not in these headers: add the right header, or the name to newerNames or ownNames',
    );
    t.diagnostic(`${compared} values compared${missing.length === 0 ? '' : `, not here: ${missing.join(' ')}`}`);
  });
}

void test('capabilities of KVM', { skip }, (t) => {
  const expected = Object.entries(kvmCapabilities).map(([name, value]) => ({ name, value: BigInt(value) }));
  const { compared, missing } = compare(expected, ['linux/kvm.h']);
  assert.deepEqual(
    missing.filter((name) => !newerNames.has(name)),
    [],
  );
  t.diagnostic(`${compared} values compared`);
});

void test('numbers of system calls', { skip }, (t) => {
  const arch = process.arch === 'arm64' ? 'arm64' : 'x64';
  const expected = [...systemCalls[arch]].map(([name, number]) => ({ name: `__NR_${name}`, value: BigInt(number) }));
  const { compared } = compare(expected, ['sys/syscall.h']);
  assert.ok(compared > 300, `only ${compared} calls were found`);
  // And none that the headers have is left out.
  const text = build(program(['sys/syscall.h'], ['']));
  assert.ok('output' in text);
  const macros = execFileSync(compiler ?? 'cc', ['-E', '-dM', '-include', 'sys/syscall.h', '-x', 'c', '/dev/null'], {
    encoding: 'utf8',
    timeout: 30_000,
  });
  const theirs = [...macros.matchAll(/^#define SYS_(\w+) __NR_\w+$/gm)].map((match) => match[1] ?? '');
  assert.ok(theirs.length > 300);
  const LATEST_KNOWN = 469;
  const numbers = evaluate(
    ['sys/syscall.h'],
    theirs.map((name) => `__NR_${name}`),
  ).values;
  assert.deepEqual(
    theirs.filter((name) => !systemCalls[arch].has(name) && Number(numbers.get(`__NR_${name}`) ?? 0) <= LATEST_KNOWN),
    [],
  );
  t.diagnostic(`${compared} numbers compared`);
});

for (const layout of structLayouts) {
  void test(`layout of ${layout.type}`, { skip }, () => {
    const expressions = [
      ...(layout.bytes === undefined ? [] : [[`sizeof(${layout.type})`, layout.bytes] as const]),
      ...Object.entries(layout.offsets).map(
        ([field, offset]) => [`offsetof(${layout.type}, ${field})`, offset] as const,
      ),
    ];
    assert.ok(expressions.length > 0);
    const lines = expressions.map(([expression]) => `printf("%zu\\n", ${expression});`);
    const result = build(program(layout.headers, lines));
    assert.ok('output' in result, 'problems' in result ? result.problems : '');
    const theirs = result.output.trim().split('\n').map(Number);
    assert.deepEqual(
      expressions.map(([expression, ours]) => `${expression} = ${ours}`),
      expressions.map(([expression], index) => `${expression} = ${theirs[index]}`),
    );
  });
}
