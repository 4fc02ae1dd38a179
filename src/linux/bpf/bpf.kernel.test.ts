import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { KernelError } from '../../base/errors.ts';
import { openFds } from '../fd/fd.ts';
import { createMap, loadProgram, openProgram, readMapEntries, readMapInfo, readProgramInfo, updateMap } from './bpf.ts';
import { exit, load, move } from './build.ts';
import * as uapi from './constants.ts';
import { decodeInstructions, encodeInstructions } from './instruction.ts';
import { findDeviceProgramObstacle } from './probe.ts';

const obstacle = process.getuid?.() === 0 ? findDeviceProgramObstacle() : 'needs root';
const skip = obstacle ?? false;
const device = { type: uapi.BPF_PROG_TYPE_CGROUP_DEVICE, attachType: uapi.BPF_CGROUP_DEVICE };

void test('a loaded program is read back as it was written', { skip }, () => {
  const before = openFds();
  {
    const instructions = [move(0, { immediate: 1 }), exit];
    using program = loadProgram({ ...device, name: 'vmlet_test', instructions: encodeInstructions(instructions) });
    const info = readProgramInfo(program);
    assert.equal(info.name, 'vmlet_test');
    assert.equal(info.createdByUid, process.getuid?.());
    assert.match(info.tag, /^[0-9a-f]{16}$/);
    assert.deepEqual(decodeInstructions(info.instructions), instructions);
    using again = openProgram(info.id);
    assert.equal(again === undefined ? 0 : readProgramInfo(again).id, info.id);
  }
  assert.deepEqual(openFds(), before);
  assert.equal(openProgram(0x7fff_fff0), undefined);
});

void test("a refusal carries the end of the verifier's log", { skip }, () => {
  const beyond = encodeInstructions([load(0, { base: 1, offset: 64, bytes: 4 }), exit]);
  assert.throws(
    () => loadProgram({ ...device, name: 'vmlet_test', instructions: beyond }),
    (error) =>
      error instanceof KernelError &&
      error.op === 'BPF_PROG_LOAD' &&
      /invalid bpf_context access/.test(error.extack ?? '') &&
      error.message.length < 4096,
  );
});

void test('maps are read whole', { skip }, () => {
  using map = createMap({ type: uapi.BPF_MAP_TYPE_HASH, keyBytes: 8, valueBytes: 4, maxEntries: 100, name: 'vmlet_m' });
  const info = readMapInfo(map);
  assert.deepEqual([info.keyBytes, info.valueBytes, info.maxEntries, info.name], [8, 4, 100, 'vmlet_m']);
  assert.deepEqual(readMapEntries(map, info), []);
  const entries = Array.from({ length: 100 }, (_, index) => {
    const entry = { key: Buffer.alloc(8), value: Buffer.alloc(4) };
    entry.key.writeUInt32LE(index);
    entry.value.writeUInt32LE(index * 2);
    return entry;
  });
  entries.forEach((entry) => updateMap(map, entry));
  const read = readMapEntries(map, info)?.toSorted((a, b) => a.key.readUInt32LE() - b.key.readUInt32LE());
  assert.deepEqual(read, entries);
});

void test('constants and layouts are those of the C headers', (t) => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'vmlet-bpf-'));
  t.after(() => fs.rmSync(directory, { recursive: true }));
  const names = Object.entries(uapi).filter(
    ([name, value]) => name.startsWith('BPF_') && typeof value === 'number' && name !== 'BPF_CGROUP_MAX_PROGS',
  );
  const layouts = {
    'offsetof(union bpf_attr, expected_attach_type)': 68,
    'offsetof(union bpf_attr, replace_bpf_fd)': 16,
    'offsetof(union bpf_attr, query.prog_cnt)': 24,
    'offsetof(union bpf_attr, info.info)': 8,
    'offsetof(struct bpf_prog_info, map_ids)': 56,
    'offsetof(struct bpf_prog_info, name)': 64,
    'offsetof(struct bpf_map_info, name)': 24,
    'sizeof(struct bpf_cgroup_dev_ctx)': 12,
  };
  const expressions = [...names.map(([name]) => name), ...Object.keys(layouts)];
  const source = path.join(directory, 'a.c');
  fs.writeFileSync(
    source,
    `#include <stddef.h>\n#include <stdio.h>\n#include <linux/bpf.h>\nint main(void) {\n${expressions
      .map((expression) => `printf("%ld\\n", (long)(${expression}));`)
      .join('\n')}\nreturn 0; }\n`,
  );
  const binary = path.join(directory, 'a');
  try {
    execFileSync('cc', ['-o', binary, source], { timeout: 30_000, stdio: 'pipe' });
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
      t.skip('no C compiler');
      return;
    }
    throw error;
  }
  const values = execFileSync(binary, { timeout: 5000 }).toString().trim().split('\n').map(Number);
  const expected = [...names.map(([, value]) => value), ...Object.values(layouts)];
  assert.deepEqual(
    expressions.map((expression, index) => `${expression} = ${values[index]}`),
    expressions.map((expression, index) => `${expression} = ${JSON.stringify(expected[index])}`),
  );
});
