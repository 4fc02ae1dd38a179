import { ok, problem, skipped, warning, type Check } from '../check.ts';

const emulated = 'guests are emulated: they run, with CPUs many times slower than with KVM';

/** The one that decides: a device file proves nothing. */
const guestCode: Check = {
  name: 'kvm-guest-code',
  waits: true,
  async look({ probes, settings }) {
    const probe = await probes.kvm();
    if (probe.usable && settings.architecture !== 'x64') {
      return skipped(probe.reason);
    }
    if (probe.usable) {
      const where = probe.backend === undefined ? '' : ` with ${probe.backend}`;
      return ok(`${probe.reason}${where}`, 'guests run on the CPU itself');
    }
    switch (probe.device) {
      case 'absent':
        return problem(probe.reason, emulated, probe.remedy);
      case 'no-permission':
        return skipped(`${probe.reason}: ${probe.remedy}`);
      case 'present':
        return problem(probe.reason, emulated, probe.remedy);
    }
  },
};

const kvmMajor = 10;
const kvmMinor = 232;

const device: Check = {
  name: 'kvm-device',
  look({ probes, files }) {
    const node = probes.device('/dev/kvm');
    if (node === undefined) {
      return files.exists('/sys/module/kvm')
        ? problem(
            'the kernel has KVM, and /dev/kvm is missing',
            emulated,
            'mknod /dev/kvm c 10 232, or restart udev: systemctl restart systemd-udevd',
          )
        : skipped('there is no KVM in this kernel now; kvm-guest-code says what to do');
    }
    if (node.type !== 'char' || node.major !== kvmMajor || node.minor !== kvmMinor) {
      return problem(
        `/dev/kvm is not the character device 10:232 (${node.type} ${node.major}:${node.minor})`,
        emulated,
        'rm /dev/kvm && mknod /dev/kvm c 10 232',
      );
    }
    const mode = node.mode.toString(8).padStart(4, '0');
    return ok(`/dev/kvm is c 10:232, mode ${mode}`, 'each sandbox gets a node of its own, for QEMU only');
  },
};

const nested: Check = {
  name: 'kvm-nested',
  look({ files }) {
    for (const module of ['kvm_intel', 'kvm_amd']) {
      const value = files.read(`/sys/module/${module}/parameters/nested`);
      if (value === 'Y' || value === '1') {
        return ok(`${module} nested=${value}`, 'guests can run VMs themselves');
      }
      if (value !== undefined) {
        return warning(
          `${module} nested=${value}`,
          'guests cannot run VMs themselves; nothing else needs it',
          `echo "options ${module} nested=1" > /etc/modprobe.d/kvm-nested.conf, then reload ${module} with no VM running`,
        );
      }
    }
    return skipped('neither kvm_intel nor kvm_amd is loaded');
  },
};

export const kvmChecks: readonly Check[] = [guestCode, device, nested];
