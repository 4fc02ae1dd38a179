/** Names that the launcher Pod, the controllers, the pod runtime and the agent agree on. */

export const launcherUid = 107;
export const computeContainer = 'compute';
/** Value of the label kubevirt.io on a launcher Pod. */
export const launcherLabel = 'virt-launcher';
export const appLabel = 'kubevirt.io';
/** UID of the VMI that a Pod was made for. */
export const createdByLabel = 'kubevirt.io/created-by';
/** Host name of the VM, for services. */
export const vmNameLabel = 'vm.kubevirt.io/name';
export const domainAnnotation = 'kubevirt.io/domain';
export const memoryOverheadAnnotation = 'kubevirt.io/memory-overhead-bytes';
export const seccompProfile = 'vmlet/launcher.json';

/** Mount points in the sandbox, and the volumes behind them. */
export const launcherMounts = {
  private: { volume: 'private', path: '/var/run/kubevirt-private' },
  libvirt: { volume: 'libvirt-runtime', path: '/var/run/libvirt' },
  ephemeralDisks: { volume: 'ephemeral-disks', path: '/var/run/kubevirt-ephemeral-disks' },
} as const;

/** The image volume of `spec.volumes[index]` and where its files are in the sandbox. */
export function containerDiskMount(index: number): { readonly volume: string; readonly path: string } {
  return { volume: `disk-${index}`, path: `/var/run/kubevirt-image-volume/disk_${index}` };
}

export const kernelBootMount = { volume: 'kernel-boot', path: '/var/run/kubevirt-kernel-boot' } as const;
