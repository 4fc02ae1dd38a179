import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import readline from 'node:readline';
import { test } from 'node:test';
import {
  attachProgram,
  createMap,
  loadProgram,
  openProgram,
  queryPrograms,
  readMapInfo,
  readProgramInfo,
  updateMap,
} from '../../bpf/bpf.ts';
import { exit, load, move } from '../../bpf/build.ts';
import * as uapi from '../../bpf/constants.ts';
import { encodeInstructions } from '../../bpf/instruction.ts';
import type { Instruction } from '../../bpf/types.ts';
import { findDeviceProgramObstacle } from '../../bpf/probe.ts';
import { openFds, type Fd } from '../../fd/fd.ts';
import { openDirectory } from '../../path/openat2.ts';
import { readLayout } from '../layout.ts';
import type { CgroupDeviceRule } from '../types.ts';
import { formatDeviceRule, parseDeviceRules } from '../values.ts';
import { assembleDeviceProgram } from './assemble.ts';
import {
  DEVICE_PROGRAM_NAME,
  detachDevicePrograms,
  loadDeviceProgram,
  readDevicePrograms,
  replaceDevicePrograms,
} from './devices.ts';
import { systemdProgram } from './testing.ts';

const top = readLayout().hierarchies.find(({ kind }) => kind === 'v2')?.mountPoint;

function findObstacle(): string | false {
  if (process.getuid?.() !== 0) {
    return 'needs root';
  }
  return top === undefined ? 'no cgroup v2 hierarchy' : (findDeviceProgramObstacle() ?? false);
}

const skip = findObstacle();
let made = 0;

function ownCgroup(cleanup: AsyncDisposableStack): string {
  made += 1;
  const directory = `${top}/vmlet-test-devices-${process.pid}-${made}`;
  fs.mkdirSync(directory);
  cleanup.defer(() => fs.rmdirSync(directory));
  return directory;
}

interface Prisoner {
  /** Tries to open a node; what the shell says. */
  open(node: string, mode?: 'r' | 'w'): Promise<string>;
  mknod(name: string, major: number, minor: number): Promise<string>;
}

/** A shell in the cgroup, with device nodes in a tmpfs of its own. */
async function startPrisoner(cleanup: AsyncDisposableStack, directory: string): Promise<Prisoner> {
  const script = `mount -t tmpfs none /mnt && cd /mnt && mknod null c 1 3 && mknod zero c 1 5 && mknod tun c 10 200 && echo ready
    while read -r command a b c; do
      case $command in
        r) { true < "$a"; } 2>&1 && echo opened;;
        w) { true > "$a"; } 2>&1 && echo opened;;
        m) mknod "$a" c "$b" "$c" 2>&1 && echo made;;
      esac
    done`;
  const child = spawn('unshare', ['-m', '--propagation', 'private', 'sh', '-c', script], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  cleanup.defer(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  const lines = readline.createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async (): Promise<string> => {
    const { value } = (await Promise.race([
      lines.next(),
      exited.then(() => {
        throw new Error('the shell ended');
      }),
    ])) as { value: string };
    return value;
  };
  assert.equal(await answer(), 'ready');
  fs.writeFileSync(path.join(directory, 'cgroup.procs'), String(child.pid));
  const ask = (line: string): Promise<string> => {
    child.stdin.write(`${line}\n`);
    return answer();
  };
  return {
    open: (node, mode = 'r') => ask(`${mode} ${node}`),
    mknod: (name, major, minor) => ask(`m ${name} ${major} ${minor}`),
  };
}

function decodedRules(directory: string): string[][] {
  return readDevicePrograms(directory).map(({ decoded }) =>
    decoded.kind === 'rules' ? decoded.rules.map(formatDeviceRule) : [decoded.kind],
  );
}

const denied = /not permitted/;

void test('a process gets what the rules say, as they change, and as they are read back', { skip }, async () => {
  await using cleanup = new AsyncDisposableStack();
  const before = openFds();
  const directory = ownCgroup(cleanup);
  assert.deepEqual(readDevicePrograms(directory), []);
  const prisoner = await startPrisoner(cleanup, directory);
  assert.equal(await prisoner.open('zero'), 'opened');
  const startedAtMs = Date.now();
  replaceDevicePrograms(directory, parseDeviceRules('c 1:3 rw\nc 10:200 rwm\n'));
  assert.equal(await prisoner.open('null'), 'opened');
  assert.match(await prisoner.open('zero'), denied);
  // The device may not exist on this host; the rule does not stand in the way.
  assert.doesNotMatch(await prisoner.open('tun'), denied);
  assert.match(await prisoner.mknod('x', 1, 3), denied);
  assert.equal(await prisoner.mknod('y', 10, 200), 'made');
  replaceDevicePrograms(directory, parseDeviceRules('c 1:5 r\n'));
  assert.match(await prisoner.open('null'), denied);
  assert.equal(await prisoner.open('zero'), 'opened');
  assert.match(await prisoner.open('zero', 'w'), denied);
  replaceDevicePrograms(directory, []);
  assert.match(await prisoner.open('zero'), denied);
  assert.deepEqual(decodedRules(directory), [[]]);
  replaceDevicePrograms(directory, parseDeviceRules('c 10:200 rw\nb 8:* r\nc *:* m\n'));
  const [program] = readDevicePrograms(directory);
  assert.equal(program?.name, DEVICE_PROGRAM_NAME);
  assert.equal(program?.createdByUid, 0);
  assert.equal(program?.inherited, false);
  assert.ok(Math.abs((program?.loadedAtMs ?? 0) - startedAtMs) < 30_000);
  assert.deepEqual(decodedRules(directory), [['c 10:200 rw', 'b 8:* r', 'c *:* m']]);
  detachDevicePrograms(directory);
  assert.equal(await prisoner.open('null'), 'opened');
  assert.deepEqual(openFds(), before);
});

void test('while rules are replaced nothing is ever wrongly allowed or denied', { skip }, async () => {
  await using cleanup = new AsyncDisposableStack();
  const directory = ownCgroup(cleanup);
  const sets = [parseDeviceRules('c 1:3 rw\n'), parseDeviceRules('c 1:3 rwm\nc 1:9 r\n')];
  replaceDevicePrograms(directory, sets[0] ?? []);
  const script = `mount -t tmpfs none /mnt && cd /mnt && mknod null c 1 3 && mknod zero c 1 5 && echo ready && read -r go
    n=0
    while [ ! -e stop ]; do
      true < null || echo gap
      if true < zero; then echo leak; fi
      n=$((n + 1))
      [ $n = 200 ] && { echo busy; n=0; }
    done 2>/dev/null`;
  const child = spawn('unshare', ['-m', '--propagation', 'private', 'sh', '-c', script], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const exited = once(child, 'exit');
  cleanup.defer(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  const seen = new Map<string, number>();
  const lines = readline.createInterface({ input: child.stdout });
  lines.on('line', (line) => seen.set(line, (seen.get(line) ?? 0) + 1));
  await once(lines, 'line', { signal: AbortSignal.timeout(10_000) });
  fs.writeFileSync(path.join(directory, 'cgroup.procs'), String(child.pid));
  child.stdin.write('go\n');
  for (let round = 0; round < 400 || (seen.get('busy') ?? 0) < 3; round += 1) {
    assert.ok(round < 100_000, 'the shell opened nothing');
    replaceDevicePrograms(directory, sets[round % 2] ?? []);
    if (round % 20 === 0) {
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  assert.equal(seen.get('gap'), undefined);
  assert.equal(seen.get('leak'), undefined);
});

function attach(directory: string, program: Fd, flags: number): void {
  using cgroup = openDirectory(directory);
  attachProgram({ cgroup, program, attachType: uapi.BPF_CGROUP_DEVICE, flags });
}

function loadInstructions(instructions: Buffer): Fd {
  return loadProgram({
    name: '',
    instructions,
    type: uapi.BPF_PROG_TYPE_CGROUP_DEVICE,
    attachType: uapi.BPF_CGROUP_DEVICE,
  });
}

void test('programs of others are read, told apart from inherited ones, and make place', { skip }, async () => {
  await using cleanup = new AsyncDisposableStack();
  const directory = ownCgroup(cleanup);
  const child = `${directory}/child`;
  fs.mkdirSync(child);
  cleanup.defer(() => fs.rmdirSync(child));
  const rules = parseDeviceRules('c 1:3 rw\nb 8:1 r\n');
  {
    using one = loadInstructions(encodeInstructions(systemdProgram(rules)));
    using two = loadInstructions(assembleDeviceProgram(parseDeviceRules('a *:* rwm\n')));
    attach(directory, one, uapi.BPF_F_ALLOW_MULTI);
    attach(directory, two, uapi.BPF_F_ALLOW_MULTI);
  }
  assert.deepEqual(decodedRules(directory), [rules.map(formatDeviceRule), ['a *:* rwm']]);
  assert.ok(readDevicePrograms(child).every(({ inherited }) => inherited));
  replaceDevicePrograms(directory, parseDeviceRules('c 1:5 r\n'));
  assert.deepEqual(decodedRules(directory), [['c 1:5 r']]);
  replaceDevicePrograms(child, parseDeviceRules('c 1:8 r\n'));
  assert.deepEqual(
    new Map(readDevicePrograms(child).map(({ inherited, decoded }) => [inherited, decoded])),
    new Map(
      [true, false].map((inherited) => [
        inherited,
        { kind: 'rules', rules: parseDeviceRules(inherited ? 'c 1:5 r\n' : 'c 1:8 r\n') },
      ]),
    ),
  );
  detachDevicePrograms(child);
});

void test('a single program without BPF_F_ALLOW_MULTI is exchanged', { skip }, async () => {
  await using cleanup = new AsyncDisposableStack();
  for (const flags of [0, uapi.BPF_F_ALLOW_OVERRIDE]) {
    const directory = ownCgroup(cleanup);
    {
      using one = loadInstructions(assembleDeviceProgram([]));
      attach(directory, one, flags);
    }
    replaceDevicePrograms(directory, parseDeviceRules('c 1:5 r\n'));
    assert.deepEqual(decodedRules(directory), [['c 1:5 r']]);
  }
});

void test('a program that looks up a map, as libvirt writes it, is read through the map', { skip }, async () => {
  await using cleanup = new AsyncDisposableStack();
  const directory = ownCgroup(cleanup);
  using map = createMap({ type: uapi.BPF_MAP_TYPE_HASH, keyBytes: 8, valueBytes: 4, maxEntries: 64, name: '' });
  const put = (major: number, minor: number, value: number): void => {
    const entry = { key: Buffer.alloc(8), value: Buffer.alloc(4) };
    entry.key.writeUInt32LE(minor, 0);
    entry.key.writeUInt32LE(major, 4);
    entry.value.writeUInt32LE(value);
    updateMap(map, entry);
  };
  put(10, 200, (6 << 16) | 2);
  put(8, 1, (2 << 16) | 1);
  const context = (target: number, offset: number): Instruction => load(target, { base: 6, offset, bytes: 4 });
  const program: Instruction[] = [
    move(6, { register: 1 }),
    context(2, 4),
    { kind: 'alu', operation: 'lsh', bits: 64, target: 2, operand: { immediate: 32 } },
    context(3, 8),
    { kind: 'alu', operation: 'or', bits: 64, target: 2, operand: { register: 3 } },
    { kind: 'store', bytes: 8, base: 10, offset: -8, operand: { register: 2 } },
    move(2, { register: 10 }),
    { kind: 'alu', operation: 'add', bits: 64, target: 2, operand: { immediate: -8 } },
    { kind: 'load64', target: 1, source: uapi.BPF_PSEUDO_MAP_FD, value: BigInt(map.value) },
    { kind: 'call', function: uapi.BPF_FUNC_map_lookup_elem, source: 0 },
    { kind: 'jump', operation: 'jeq', bits: 64, left: 0, operand: { immediate: 0 }, offset: 6 },
    load(1, { base: 0, offset: 0, bytes: 4 }),
    context(2, 0),
    { kind: 'alu', operation: 'and', bits: 64, target: 1, operand: { register: 2 } },
    { kind: 'jump', operation: 'jne', bits: 64, left: 1, operand: { register: 2 }, offset: 2 },
    move(0, { immediate: 1 }),
    exit,
    move(0, { immediate: 0 }),
    exit,
  ];
  {
    using loaded = loadInstructions(encodeInstructions(program));
    assert.deepEqual(readProgramInfo(loaded).mapIds, [readMapInfo(map).id]);
    attach(directory, loaded, 0);
  }
  assert.deepEqual(decodedRules(directory)[0]?.toSorted(), ['b 8:1 r', 'c 10:200 rw']);
  put(1, 3, (7 << 16) | 2);
  assert.deepEqual(decodedRules(directory)[0]?.toSorted(), ['b 8:1 r', 'c 10:200 rw', 'c 1:3 rwm']);
});

void test('the kernel verifies the largest rule list, and bpftool sees what is attached', { skip }, async (t) => {
  await using cleanup = new AsyncDisposableStack();
  const directory = ownCgroup(cleanup);
  const rules = Array.from({ length: 4096 }, (_, minor): CgroupDeviceRule => {
    return { type: 'char', major: 10, minor, access: 'rw' };
  });
  replaceDevicePrograms(directory, rules);
  assert.equal(decodedRules(directory)[0]?.length, 4096);
  using cgroup = openDirectory(directory);
  const { ids } = queryPrograms(cgroup, uapi.BPF_CGROUP_DEVICE);
  let shown: string;
  try {
    shown = execFileSync('bpftool', ['-j', 'cgroup', 'show', directory], { timeout: 10_000 }).toString();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
      t.skip('bpftool is not installed');
      return;
    }
    throw error;
  }
  assert.deepEqual(
    (JSON.parse(shown) as { id: number; name: string; attach_flags: string }[]).map((entry) => [
      entry.id,
      entry.name,
      entry.attach_flags,
    ]),
    [[ids[0], DEVICE_PROGRAM_NAME, 'multi']],
  );
});

void test('a program lives no longer than its descriptor when it is attached to nothing', { skip }, () => {
  let id: number;
  {
    using program = loadDeviceProgram([]);
    id = readProgramInfo(program).id;
  }
  using again = openProgram(id);
  assert.equal(again, undefined);
});
