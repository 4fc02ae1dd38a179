import { ok, problem, skipped, warning, type Check } from '../check.ts';
import { readSetting } from './parse.ts';

const kinds = ['net', 'mnt', 'pid', 'ipc', 'uts'];
const enough = 64;

const namespaceKinds: Check = {
  name: 'namespaces-kinds',
  look({ files }) {
    const there = files.list('/proc/self/ns');
    if (there === undefined) {
      return problem('/proc/self/ns is missing', 'VMs cannot start', 'mount -t proc proc /proc');
    }
    const missing = kinds.filter((kind) => !there.includes(kind));
    return missing.length === 0
      ? ok(kinds.join(', '), 'each VM gets namespaces of its own')
      : problem(
          `the kernel has no ${missing.join(', ')} namespaces`,
          'sandboxes do not start',
          'boot a kernel with CONFIG_NAMESPACES and its NET_NS, PID_NS, IPC_NS, UTS_NS',
        );
  },
};

const limits: Check = {
  name: 'namespaces-limits',
  look({ files }) {
    const values = kinds.flatMap((kind) => {
      const value = readSetting(files, `user/max_${kind}_namespaces`);
      return value === undefined ? [] : [{ key: `user.max_${kind}_namespaces`, value }];
    });
    if (values.length === 0) {
      return skipped('the kernel shows no user.max_*_namespaces');
    }
    const low = values.filter(({ value }) => value < enough);
    if (low.length === 0) {
      return ok(`at least ${Math.min(...values.map(({ value }) => value))} of each kind`, 'room for as many VMs');
    }
    const seen = low.map(({ key, value }) => `${key}=${value}`).join(' ');
    const remedy = low.map(({ key }) => `sysctl -w ${key}=65536`).join('; ');
    return low.some(({ value }) => value === 0)
      ? problem(seen, 'sandboxes do not start', remedy)
      : warning(seen, 'no more VMs than that can run; others fail to start', remedy);
  },
};

const mountApi: Check = {
  name: 'namespaces-mount-api',
  look({ probes }) {
    const obstacle = probes.mountApi();
    return obstacle === undefined
      ? ok('the kernel has mount_setattr', 'images are mounted read-only, by descriptor')
      : problem(obstacle, 'image volumes cannot be mounted: VMs do not start', 'boot Linux 5.12 or later');
  },
};

export const namespaceChecks: readonly Check[] = [namespaceKinds, limits, mountApi];
