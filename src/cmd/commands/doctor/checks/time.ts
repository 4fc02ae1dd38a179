import { ok, skipped, warning, type Check } from '../check.ts';
import { readSetting } from './parse.ts';

const root = '/sys/devices/system/clocksource/clocksource0';
/** Read by a register instead of a trap or a slow bus. */
const fast = ['tsc', 'kvm-clock', 'arch_sys_counter', 'hyperv_clocksource_tsc_page', 'xen'];

const clocksource: Check = {
  name: 'time-clocksource',
  look({ files }) {
    const current = files.read(`${root}/current_clocksource`);
    if (current === undefined) {
      return skipped('the kernel does not tell');
    }
    if (fast.includes(current)) {
      return ok(current, 'the clock is cheap to read for guests and QEMU');
    }
    const better = (files.read(`${root}/available_clocksource`) ?? '').split(' ').find((name) => fast.includes(name));
    return warning(
      current,
      'every look at the clock is slow, and KVM gives guests no stable clock of their own',
      better === undefined
        ? 'find out with dmesg | grep -i clocksource why tsc was given up; update the firmware'
        : `echo ${better} > ${root}/current_clocksource`,
    );
  },
};

const synchronised: Check = {
  name: 'time-synchronised',
  look: ({ probes }) =>
    probes.clockSynchronised()
      ? ok('kept by a time service', 'guests start with the right time, and certificates are valid')
      : warning(
          'the kernel does not know that a time service keeps the clock',
          'guests start with the time of this host: if it is wrong, so is theirs',
          'apt-get install chrony (or systemctl enable --now systemd-timesyncd), unless the clock is kept from outside, as in some VMs',
        ),
};

const entropyLeast = 128;

const entropy: Check = {
  name: 'time-entropy',
  look({ files }) {
    const bits = readSetting(files, 'kernel/random/entropy_avail');
    if (bits === undefined) {
      return skipped('the kernel does not tell');
    }
    return bits < entropyLeast
      ? warning(
          `${bits} bits of entropy`,
          'making keys may block for long, here and in guests that get randomness from this host',
          'boot Linux 5.6 or later, or apt-get install rng-tools5',
        )
      : ok(`${bits} bits of entropy`, 'guests with a virtio-rng device get good randomness');
  },
};

export const timeChecks: readonly Check[] = [clocksource, synchronised, entropy];
