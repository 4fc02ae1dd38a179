import { gunzipSync } from 'node:zlib';
import { ok, problem, skipped, warning, type Check, type Finding } from '../check.ts';
import type { Facts, HostFiles } from '../facts.ts';
import { detectLayout } from '../../../../linux/cgroup/layout.ts';
import type { CgroupLayout } from '../../../../linux/cgroup/types.ts';
import { parseMountinfo, type MountEntry } from '../../../../linux/mount/mountinfo.ts';

function mountsOf(files: HostFiles): readonly MountEntry[] {
  return parseMountinfo(files.read('/proc/self/mountinfo') ?? '');
}

/** The finding about the layout; where nothing is mounted only `cgroup-layout` says so. */
function withLayout(facts: Facts, judge: (layout: CgroupLayout) => Finding): Finding {
  const mounts = mountsOf(facts.files);
  return mounts.some(({ type }) => type === 'cgroup' || type === 'cgroup2')
    ? judge(detectLayout(mounts))
    : skipped('no control groups are mounted');
}

const layout: Check = {
  name: 'cgroup-layout',
  look({ files }) {
    const mounts = mountsOf(files);
    if (mounts.length === 0) {
      return skipped('/proc/self/mountinfo cannot be read');
    }
    if (!mounts.some(({ type }) => type === 'cgroup' || type === 'cgroup2')) {
      return problem(
        'no control groups are mounted',
        'VMs cannot start: nothing would limit them',
        'mount -t cgroup2 none /sys/fs/cgroup',
      );
    }
    const { version } = detectLayout(mounts);
    return version === 'v2'
      ? ok('cgroup v2', 'limits of VMs are kept by one hierarchy')
      : warning(
          version === 'hybrid' ? 'cgroup v1 controllers beside a v2 hierarchy' : 'cgroup v1',
          'VMs run; systemd and OCI runtimes are giving v1 up, and crun does not start here',
          'boot with systemd.unified_cgroup_hierarchy=1 on the kernel command line',
        );
  },
};

const needed = ['memory', 'cpu', 'pids'];
const useful = ['cpuset', 'io'];

const controllers: Check = {
  name: 'cgroup-controllers',
  look: (facts) =>
    withLayout(facts, ({ hierarchies }) => {
      const there = new Set(
        hierarchies.flatMap(({ kind, controllers: names, mountPoint }) =>
          kind === 'v1'
            ? names.map((name) => (name === 'blkio' ? 'io' : name))
            : (facts.files.read(`${mountPoint}/cgroup.controllers`) ?? '').split(' '),
        ),
      );
      const missing = needed.filter((name) => !there.has(name));
      if (missing.length > 0) {
        return problem(
          `missing: ${missing.join(', ')}`,
          'VMs cannot be limited as their manifests say',
          missing.includes('memory')
            ? 'boot with cgroup_enable=memory, and without cgroup_disable=, on the kernel command line'
            : 'boot without cgroup_disable= on the kernel command line',
        );
      }
      const lesser = useful.filter((name) => !there.has(name));
      return lesser.length === 0
        ? ok([...needed, ...useful].join(', '), 'memory, CPU, processes and disk use of VMs can be limited')
        : warning(
            `missing: ${lesser.join(', ')}`,
            'VMs run; CPU pinning (cpuset) or limits on disk use (io) have no effect',
            'boot a kernel with CONFIG_CPUSETS and CONFIG_BLK_CGROUP, and without cgroup_disable=',
          );
    }),
};

const writable: Check = {
  name: 'cgroup-writable',
  look: (facts) =>
    withLayout(facts, ({ hierarchies }) => {
      const places = hierarchies.map(({ mountPoint }) => mountPoint);
      const mounts = mountsOf(facts.files);
      const readOnly = places.filter((place) =>
        mounts.findLast(({ mountPoint }) => mountPoint === place)?.options.includes('ro'),
      );
      return readOnly.length === 0
        ? ok('mounted read-write', 'VMs get control groups of their own')
        : problem(
            `read-only: ${readOnly.join(', ')}`,
            'VMs cannot start: their control groups cannot be made',
            readOnly.map((place) => `mount -o remount,rw ${place}`).join('; '),
          );
    }),
};

const devices: Check = {
  name: 'cgroup-devices',
  look: (facts) =>
    withLayout(facts, ({ hierarchies }) => {
      if (hierarchies.some((hierarchy) => hierarchy.controllers.includes('devices'))) {
        return ok('the v1 devices controller', 'a VM reaches only the devices given to it');
      }
      const config = kernelConfig(facts.files);
      if (config === undefined) {
        return skipped('the configuration of this kernel is not on this host, so CONFIG_CGROUP_BPF is not known');
      }
      return /^CONFIG_CGROUP_BPF=y$/m.test(config)
        ? ok('eBPF device programs (CONFIG_CGROUP_BPF)', 'a VM reaches only the devices given to it')
        : problem(
            'the kernel has no CONFIG_CGROUP_BPF',
            'sandboxes do not start: their device rules cannot be set',
            'boot a kernel with CONFIG_CGROUP_BPF=y, as those of all distributions have',
          );
    }),
};

const devicePrograms: Check = {
  name: 'cgroup-device-programs',
  look: (facts) =>
    withLayout(facts, ({ hierarchies }) => {
      const v2 = hierarchies.find(({ kind }) => kind === 'v2');
      if (v2 === undefined) {
        return skipped('no cgroup v2 hierarchy is mounted; device rules are lists of v1');
      }
      if (!facts.settings.isRoot) {
        return skipped('only root may load an eBPF program');
      }
      const obstacle = facts.probes.devicePrograms(v2.mountPoint);
      if (obstacle === undefined) {
        return ok('an eBPF device program was loaded and attached', 'device rules of VMs can be set and are read back');
      }
      const remedy =
        'boot a kernel with CONFIG_BPF_SYSCALL=y and CONFIG_CGROUP_BPF=y; in a container, grant CAP_BPF and CAP_NET_ADMIN';
      return hierarchies.some((hierarchy) => hierarchy.controllers.includes('devices'))
        ? warning(obstacle, 'VMs run with the device lists of v1; they would not on cgroup v2', remedy)
        : problem(obstacle, 'sandboxes do not start: their device rules cannot be set', remedy);
    }),
};

/** As the distribution or the kernel itself keeps it. */
function kernelConfig(files: HostFiles): string | undefined {
  const own = files.bytes('/proc/config.gz');
  if (own !== undefined) {
    return gunzipSync(own, { maxOutputLength: 4 * 1024 * 1024 }).toString('latin1');
  }
  return files.read(`/boot/config-${files.read('/proc/sys/kernel/osrelease') ?? ''}`);
}

const swap: Check = {
  name: 'cgroup-swap',
  look: (facts) =>
    withLayout(facts, ({ hierarchies }) => {
      const candidates = hierarchies.flatMap(({ kind, controllers: names, mountPoint }) =>
        kind === 'v2'
          ? (facts.files.list(mountPoint) ?? []).map((name) => `${mountPoint}/${name}/memory.swap.max`)
          : names.includes('memory')
            ? [`${mountPoint}/memory.memsw.limit_in_bytes`]
            : [],
      );
      if (candidates.some((path) => facts.files.exists(path))) {
        return ok('swap is accounted', "a VM's memory limit holds for its swap, too");
      }
      return (facts.files.read('/proc/swaps') ?? '').split('\n').length > 1
        ? warning(
            'swap is on and not accounted',
            'a VM over its memory limit may fill the swap of this host',
            'boot with swapaccount=1 on the kernel command line, or swapoff -a',
          )
        : ok('swap is not accounted, and there is none', 'nothing to limit');
    }),
};

export const cgroupChecks: readonly Check[] = [layout, controllers, writable, devices, devicePrograms, swap];
