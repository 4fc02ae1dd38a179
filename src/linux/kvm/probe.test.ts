import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { UPPER_BASE, guestCode, guestLayout, handlerOffsets } from './guest-code.ts';
import { writeGuestMemory } from './guest-memory.ts';
import { judge, parseChildOutput, probeKvm } from './probe.ts';
import { probeKvmOncePerBoot } from './remembered-probe.ts';

function temporary(cleanup: DisposableStack): string {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'vmlet-kvm-'));
  cleanup.defer(() => fs.rmSync(directory, { recursive: true }));
  return directory;
}

function child(directory: string, program: string): string {
  const file = path.join(directory, 'child.mjs');
  fs.writeFileSync(file, program);
  return file;
}

void test('page tables map the same 2 MiB at 0 and where a kernel is linked; gates point at the handlers', () => {
  const memory = Buffer.alloc(guestLayout.memoryBytes);
  writeGuestMemory(memory);
  const translate = (linear: bigint): bigint => {
    let table = BigInt(guestLayout.pml4);
    for (const shift of [39n, 30n, 21n]) {
      const entry = memory.readBigUInt64LE(Number(table + ((linear >> shift) & 0x1ffn) * 8n));
      assert.equal(entry & 3n, 3n, `present and writable at bit ${shift}`);
      table = entry & 0xf_ffff_ffff_f000n;
    }
    return table + (linear & 0x1f_ffffn);
  };
  assert.equal(translate(0x1_0000n), 0x1_0000n);
  assert.equal(translate(UPPER_BASE + 0x1_2345n), 0x1_2345n);
  const gate = guestLayout.idt + 6 * 16;
  const low = memory.readBigUInt64LE(gate);
  const handler = (low & 0xffffn) | ((low >> 32n) & 0xffff_0000n) | (memory.readBigUInt64LE(gate + 8) << 32n);
  assert.equal(handler, UPPER_BASE + BigInt(guestLayout.code + handlerOffsets.undefinedOpcode));
  assert.ok(guestLayout.code + guestCode.length < guestLayout.stackTop);
});

void test('the verdict follows what the guest did', () => {
  const all = { steps: [1, 2, 3, 4, 5, 6, 7], done: true, error: undefined, hungAfterMs: undefined };
  assert.deepEqual(judge(all, '/dev/kvm', 'kvm_pvm'), {
    usable: true,
    reason: 'a 64-bit test guest ran all its steps',
    remedy: '',
  });
  const hung = judge({ ...all, steps: [1, 2], done: false, hungAfterMs: 3000 }, '/dev/kvm', 'kvm_amd');
  assert.equal(hung.usable, false);
  assert.match(hung.reason, /upper half.*hung for 3000 ms.*interrupt table/);
  const early = judge({ ...all, steps: [], done: true }, '/dev/kvm', undefined);
  assert.equal(early.usable, false);
  assert.match(early.reason, /before its first step/);
});

void test('child output is read line by line and never trusted', () => {
  assert.deepEqual(parseChildOutput('{"step":1}\nnoise\n{"step":"2"}\nnull\n[1]\n{"done":true}\n{"st'), {
    steps: [1],
    done: true,
    error: undefined,
  });
});

void test('a missing device says so, with a remedy, at once', async () => {
  const result = await probeKvm({ device: '/dev/no-such-kvm' });
  assert.equal(result.usable, false);
  assert.equal(result.device, 'absent');
  assert.match(result.reason, /ENOENT/);
  assert.notEqual(result.remedy, '');
});

void test('a run that hangs is killed at the deadline and told from its last step', async () => {
  using cleanup = new DisposableStack();
  const program = `console.log('{"step":1}'); setInterval(() => {}, 1000);`;
  const result = await probeKvm({
    device: '/dev/null',
    child: child(temporary(cleanup), program),
    timeoutMs: 700,
    modulesDirectory: '/nowhere',
  });
  assert.equal(result.usable, false);
  assert.match(result.reason, /hung for 700 ms/);
  assert.ok(result.durationMs < 3000);
  assert.equal(result.backend, undefined);
});

void test('a child that starts slowly says nothing about KVM', async () => {
  using cleanup = new DisposableStack();
  const steps = Array.from({ length: 8 }, (_, step) => `{"step":${step}}`).join('\\n');
  const program = `setTimeout(() => console.log('${steps}\\n{"done":true}'), 500);`;
  const result = await probeKvm({
    device: '/dev/null',
    child: child(temporary(cleanup), program),
    timeoutMs: 300,
    modulesDirectory: '/nowhere',
  });
  assert.equal(result.usable, true, result.reason);
});

void test('the answer is kept for this boot and asked anew after another', async () => {
  using cleanup = new DisposableStack();
  const directory = temporary(cleanup);
  const all = Array.from({ length: 7 }, (_, index) => `{"step":${index + 1}}`).join('\\n');
  const options = {
    device: '/dev/null',
    child: child(directory, `console.log('${all}\\n{"done":true}')`),
    modulesDirectory: directory,
  };
  const first = await probeKvmOncePerBoot(directory, options);
  assert.equal(first.usable, true);
  child(directory, 'process.exit(1)');
  assert.deepEqual(await probeKvmOncePerBoot(directory, options), first);
  const file = path.join(directory, 'kvm-probe.json');
  fs.writeFileSync(file, JSON.stringify({ bootId: 'another', result: first }));
  assert.equal((await probeKvmOncePerBoot(directory, options)).usable, false);
  fs.writeFileSync(file, '{"bootId":');
  assert.equal((await probeKvmOncePerBoot(directory, options)).usable, false);
  assert.deepEqual(fs.readdirSync(directory).sort(), ['child.mjs', 'kvm-probe.json']);
});
