import { ok, skipped, warning, type Check } from '../check.ts';
import { parseWhole } from './parse.ts';

const groupsRoot = '/sys/kernel/iommu_groups';

const groups: Check = {
  name: 'iommu-groups',
  look({ files, settings }) {
    const found = files.list(groupsRoot)?.length ?? 0;
    if (found > 0) {
      return ok(`${found} IOMMU groups`, 'PCI devices of this host could be handed to VMs safely');
    }
    return warning(
      'no IOMMU',
      'no PCI device of this host can be handed to a VM; nothing else needs it',
      settings.architecture === 'x64'
        ? 'switch on VT-d or AMD-Vi in the firmware set-up, and boot with intel_iommu=on (Intel only); cloud VMs seldom have one'
        : 'switch on the SMMU in the firmware set-up; cloud VMs seldom have one',
    );
  },
};

const vfio: Check = {
  name: 'iommu-vfio',
  look({ files, probes }) {
    if ((files.list(groupsRoot)?.length ?? 0) === 0) {
      return skipped('it takes an IOMMU first');
    }
    return probes.device('/dev/vfio/vfio')?.type === 'char' && files.exists('/sys/bus/pci/drivers/vfio-pci')
      ? ok('/dev/vfio/vfio and vfio-pci are there', 'PCI devices can be bound for VMs')
      : warning(
          files.exists('/sys/bus/pci/drivers/vfio-pci') ? '/dev/vfio/vfio is missing' : 'vfio-pci is not loaded',
          'PCI devices cannot be bound for VMs until it is',
          'modprobe vfio-pci; echo vfio-pci > /etc/modules-load.d/vfio-pci.conf',
        );
  },
};

const sriov: Check = {
  name: 'iommu-sriov',
  look({ files }) {
    const cards = (files.list('/sys/class/net') ?? []).flatMap((name) => {
      const total = parseWhole(files.read(`/sys/class/net/${name}/device/sriov_totalvfs`)) ?? 0;
      const made = parseWhole(files.read(`/sys/class/net/${name}/device/sriov_numvfs`)) ?? 0;
      return total > 0 ? [{ name, total, made }] : [];
    });
    if (cards.length === 0) {
      return skipped('no network card of this host has SR-IOV');
    }
    const seen = cards.map(({ name, total, made }) => `${name}: ${made} of ${total} virtual functions`).join(', ');
    const idle = cards.filter(({ made }) => made === 0);
    return idle.length === 0
      ? ok(seen, 'virtual functions could be handed to VMs')
      : warning(
          seen,
          'virtual functions must be made before a VM can have one; nothing else needs them',
          idle.map(({ name }) => `echo NUMBER > /sys/class/net/${name}/device/sriov_numvfs`).join('; '),
        );
  },
};

export const iommuChecks: readonly Check[] = [groups, vfio, sriov];
