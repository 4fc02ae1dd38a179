import { assert } from '../../../base/assert.ts';

const emulators: Readonly<Record<string, string>> = {
  x64: '/usr/bin/qemu-system-x86_64',
  arm64: '/usr/bin/qemu-system-aarch64',
};

/** QEMU for guests of this machine's kind, as the sandbox names it. */
export function emulatorPath(): string {
  const path = emulators[process.arch];
  assert(path !== undefined, `no emulator for ${process.arch}`);
  return path;
}
