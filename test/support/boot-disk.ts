/** A whole bootable disk, as users bring them: firmware, boot loader, kernel. Made from the demo guest's kernel. */
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from './host.ts';
import { demoGuest } from './instance.ts';

const tools = ['/usr/bin/syslinux', '/usr/bin/mcopy', '/usr/sbin/mkfs.vfat'];

export const bootDiskMissing = tools.every((tool) => existsSync(tool))
  ? undefined
  : 'needs syslinux, mtools and dosfstools: run scripts/setup.sh --tests';

/** Makes `file`: a disk that BIOS firmware boots, as raw image or, converted, as qcow2. */
export function makeBootDisk(file: string, format: 'raw' | 'qcow2'): void {
  const work = mkdtempSync(join(tmpdir(), 'boot-disk-'));
  try {
    const blobs = join(demoGuest.slice('oci:'.length), 'blobs/sha256');
    const layer = readdirSync(blobs)
      .map((name) => join(blobs, name))
      .toSorted((left, right) => statSync(right).size - statSync(left).size)[0];
    run('tar', '-xf', layer ?? '', '-C', work, 'boot');
    writeFileSync(
      join(work, 'syslinux.cfg'),
      'DEFAULT linux\nLABEL linux\n KERNEL vmlinuz\n INITRD initrd\n APPEND console=ttyS0 quiet\n',
    );
    const raw = join(work, 'disk.img');
    run('mkfs.vfat', '-C', raw, String(48 * 1024));
    for (const name of ['boot/vmlinuz', 'boot/initrd', 'syslinux.cfg']) {
      run('mcopy', '-i', raw, join(work, name), '::');
    }
    run('syslinux', '--install', raw);
    run('qemu-img', 'convert', '-f', 'raw', '-O', format, raw, file);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
