/**
 * Memory that a VM needs beside its guest's RAM, so that neither the Pod's request nor its limit kills it. The terms are
 * KubeVirt's; the constants are this product's own, since a sandbox here holds one libvirt daemon, a tiny init and QEMU,
 * and none of KubeVirt's launcher processes (monitor 25, launcher 100, virtlogd 25, virtqemud 40 MiB).
 */
import { ioThreadsOf } from '../machine/domain/io-threads.ts';
import { TCG_TB_CACHE_MIB } from '../machine/domain/features.ts';
import { guestMemoryBytes, vcpuCount } from '../kinds/virtualmachineinstance/sizing.ts';
import type { VirtualMachineInstanceSpec } from '../kinds/virtualmachineinstance/types.ts';

const MiB = 1024n * 1024n;

/** libvirtd with one domain, private pages (about 16 MiB on Debian 12), and the init beside it. */
const libvirtDaemonBytes = 20n * MiB;
/** QEMU without guest RAM: heap, device models, firmware copies, migration buffers. */
const qemuBytes = 50n * MiB;
/** Stack, KVM run area and TCG context of one virtual CPU. */
const perVcpuBytes = 8n * MiB;
/** QEMU's main loop, or one I/O thread, and the disk requests in flight there. */
const ioThreadBytes = 8n * MiB;
/** 16 MiB of video memory and as much for the VNC server's copy. */
const graphicsBytes = 32n * MiB;
/** A 4 KiB page table maps 2 MiB of guest memory. */
const pageTableDivisor = 512n;
/** UEFI keeps its code and variable store in flash images mapped into QEMU. */
const efiBytes = 8n * MiB;

/** Translated code under emulation; the domain says the same number, or QEMU would take up to 1 GiB. */
const translationCacheBytes = BigInt(TCG_TB_CACHE_MIB) * MiB;

/** Bytes beside the guest's RAM. */
export function memoryOverheadBytes(spec: VirtualMachineInstanceSpec, options: { readonly emulated: boolean }): bigint {
  const guestBytes = guestMemoryBytes(spec) ?? 0n;
  const graphics = spec.domain.devices.autoattachGraphicsDevice !== false;
  const efi = spec.domain.firmware?.bootloader?.efi !== undefined;
  return (
    guestBytes / pageTableDivisor +
    libvirtDaemonBytes +
    qemuBytes +
    perVcpuBytes * BigInt(vcpuCount(spec)) +
    ioThreadBytes * BigInt(1 + ioThreadsOf(spec.domain).count) +
    (graphics ? graphicsBytes : 0n) +
    (efi ? efiBytes : 0n) +
    (options.emulated ? translationCacheBytes : 0n)
  );
}
