import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { LAST_STEP, STEP_PORT, guestLayout } from './guest-code.ts';
import { writeGuestMemory } from './guest-memory.ts';

const QEMU = 'qemu-system-x86_64';
const skip = spawnSync(QEMU, ['--version'], { timeout: 5000 }).status === 0 ? false : `needs ${QEMU}`;
const DEADLINE_MS = 20_000;
const LOAD_ADDRESS = 0x10_0000;
const IMAGE_OFFSET = 0x100;

/**
 * A multiboot image (Multiboot 0.6.96, header with addresses) that copies the probe's memory to address 0, loads the
 * GDT and jumps to the program in the state in which KVM would start it.
 */
function multibootImage(): Buffer {
  const memory = Buffer.alloc(guestLayout.memoryBytes);
  writeGuestMemory(memory);
  const image = Buffer.concat([Buffer.alloc(IMAGE_OFFSET), memory.subarray(0, guestLayout.stackTop)]);
  const MAGIC = 0x1bad_b002;
  const HAS_ADDRESSES = 0x1_0000;
  const header = [
    MAGIC,
    HAS_ADDRESSES,
    0x1_0000_0000 - MAGIC - HAS_ADDRESSES,
    LOAD_ADDRESS,
    LOAD_ADDRESS,
    0,
    0,
    LOAD_ADDRESS + 0x20,
  ];
  header.forEach((word, index) => image.writeUInt32LE(word, index * 4));
  const stub = [
    'fafc', // cli; cld
    'be00011000', // mov $0x100100,%esi
    '31ff', // xor %edi,%edi
    'b900000200', // mov $0x20000,%ecx
    'f3a4', // rep movsb
    '0f0115f0001000', // lgdt 0x1000f0
    'b8100000008ed88ec08ed0', // mov $0x10,%eax; mov to ds, es, ss
    'bc00000200', // mov $0x20000,%esp
    'b800000100ffe0', // mov $0x10000,%eax; jmp *%eax
  ].join('');
  Buffer.from(stub, 'hex').copy(image, 0x20);
  image.writeUInt16LE(0x3f, 0xf0);
  image.writeUInt32LE(guestLayout.gdt, 0xf2);
  return image;
}

void test('on a CPU known to be right (QEMU emulation) the guest program passes every step', { skip }, async () => {
  using cleanup = new DisposableStack();
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'vmlet-kvm-'));
  cleanup.defer(() => fs.rmSync(directory, { recursive: true }));
  const kernel = path.join(directory, 'kernel');
  fs.writeFileSync(kernel, multibootImage());
  const debug = ['-chardev', 'stdio,id=steps', '-device', `isa-debugcon,iobase=${STEP_PORT},chardev=steps`];
  const fixed = ['-accel', 'tcg', '-cpu', 'qemu64', '-m', '32', '-nodefaults', '-display', 'none', '-no-reboot'];
  const qemu = spawn(QEMU, [...fixed, ...debug, '-kernel', kernel], { stdio: ['ignore', 'pipe', 'inherit'] });
  const deadline = setTimeout(() => qemu.kill('SIGKILL'), DEADLINE_MS);
  cleanup.defer(() => {
    clearTimeout(deadline);
    qemu.kill('SIGKILL');
  });
  const steps: number[] = [];
  for await (const chunk of qemu.stdout.iterator({ destroyOnReturn: true }) as AsyncIterable<Buffer>) {
    steps.push(...chunk);
    if (steps.length >= LAST_STEP || (steps.at(-1) ?? 0) > LAST_STEP) {
      break;
    }
  }
  const exited = once(qemu, 'exit');
  qemu.kill('SIGKILL');
  await exited;
  assert.deepEqual(steps, [1, 2, 3, 4, 5, 6, 7]);
});
