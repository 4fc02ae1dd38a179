import { ok, problem, skipped, warning, type Check } from '../check.ts';
import { readStatusBits } from './parse.ts';

/** Bits of linux/capability.h that programming VMs into the kernel takes. */
const neededCapabilities = {
  CAP_CHOWN: 0,
  CAP_DAC_OVERRIDE: 1,
  CAP_KILL: 5,
  CAP_SETGID: 6,
  CAP_SETUID: 7,
  CAP_NET_BIND_SERVICE: 10,
  CAP_NET_ADMIN: 12,
  CAP_NET_RAW: 13,
  CAP_SYS_CHROOT: 18,
  CAP_SYS_PTRACE: 19,
  CAP_SYS_ADMIN: 21,
  CAP_MKNOD: 27,
} as const;

const capabilities: Check = {
  name: 'security-capabilities',
  look({ files, settings }) {
    if (!settings.isRoot) {
      return skipped('this is not root: run it with sudo to see what root can do here');
    }
    const bits = readStatusBits(files, 'CapEff');
    if (bits === undefined) {
      return skipped('/proc/self/status does not tell');
    }
    const missing = Object.entries(neededCapabilities)
      .filter(([, bit]) => (bits & (1n << BigInt(bit))) === 0n)
      .map(([name]) => name);
    return missing.length === 0
      ? ok('root has all that is needed', 'vmlet can make namespaces, links and devices')
      : problem(
          `root lacks ${missing.join(', ')}`,
          'VMs cannot be set up',
          'run vmlet outside of this container, or give the container these capabilities (--privileged)',
        );
  },
};

const seccomp: Check = {
  name: 'security-seccomp',
  look({ files }) {
    const actions = files.read('/proc/sys/kernel/seccomp/actions_avail')?.split(' ');
    const status = files.read('/proc/self/status') ?? '';
    if (actions === undefined) {
      if (/^Seccomp:/m.test(status) || status === '') {
        return skipped('/proc/sys/kernel/seccomp is hidden here');
      }
      return problem(
        'the kernel has no seccomp filters',
        'sandboxes do not start: their system calls cannot be filtered',
        'boot a kernel with CONFIG_SECCOMP_FILTER=y',
      );
    }
    const missing = ['allow', 'errno', 'kill_process'].filter((action) => !actions.includes(action));
    if (missing.length > 0) {
      return problem(`seccomp lacks ${missing.join(', ')}`, 'sandboxes do not start', 'boot Linux 4.14 or later');
    }
    return /^Seccomp:\s*2$/m.test(status)
      ? warning(
          'this shell is itself under a seccomp filter',
          'VMs cannot be set up where that filter refuses mount, setns or bpf',
          'run vmlet outside of the container, or with --security-opt seccomp=unconfined',
        )
      : ok('filters, with all needed actions', 'QEMU and libvirt get an allow list of system calls');
  },
};

const selinux: Check = {
  name: 'security-selinux',
  look({ files }) {
    const enforce = files.read('/sys/fs/selinux/enforce');
    if (enforce === undefined) {
      return ok('not in use', 'nothing to allow');
    }
    return enforce === '1'
      ? warning(
          'SELinux enforces a policy',
          'vmlet brings no policy: it may be kept from devices, sockets and files; ausearch -m avc shows it',
          'setenforce 0 while finding out; then audit2allow -a -M vmlet && semodule -i vmlet.pp',
        )
      : ok('SELinux only reports', 'nothing is refused');
  },
};

const apparmor: Check = {
  name: 'security-apparmor',
  look({ files }) {
    if (files.read('/sys/module/apparmor/parameters/enabled') !== 'Y') {
      return ok('not in use', 'nothing to allow');
    }
    const profiles = files.read('/sys/kernel/security/apparmor/profiles');
    if (profiles === undefined) {
      return skipped('AppArmor is in use, and its list of profiles is not there');
    }
    const names = ['libvirtd', 'virtqemud', 'runc', 'crun', 'skopeo', 'qemu-img'];
    const enforced = profiles
      .split('\n')
      .flatMap((line) => /^(.+) \(enforce\)$/.exec(line)?.[1] ?? [])
      .filter((profile) => names.some((name) => profile === name || profile.endsWith(`/${name}`)));
    return enforced.length === 0
      ? ok('no profile for what vmlet runs', 'nothing is refused')
      : warning(
          `AppArmor confines ${enforced.join(', ')}`,
          `made for the distribution's own use of them, it may refuse files of vmlet; dmesg shows apparmor="DENIED"`,
          enforced.map((profile) => `aa-complain ${profile}`).join('; '),
        );
  },
};

function nameOf(text: string | undefined, id: number): string | undefined {
  return text
    ?.split('\n')
    .map((line) => line.split(':'))
    .find((fields) => fields[2] === String(id))?.[0];
}

/** Names under which distributions give these ids to QEMU itself. */
const ours = new Set(['qemu', 'libvirt-qemu', 'vmlet']);

const sandboxUser: Check = {
  name: 'security-sandbox-user',
  look({ files, settings }) {
    const passwd = files.read('/etc/passwd');
    const group = files.read('/etc/group');
    if (passwd === undefined || group === undefined) {
      return skipped('/etc/passwd or /etc/group is missing');
    }
    const clashes = [
      { kind: 'user', id: settings.sandboxUid, name: nameOf(passwd, settings.sandboxUid) },
      { kind: 'group', id: settings.sandboxGid, name: nameOf(group, settings.sandboxGid) },
    ].filter(({ name }) => name !== undefined && !ours.has(name));
    return clashes.length === 0
      ? ok(
          `${settings.sandboxUid}:${settings.sandboxGid} belong to nobody else`,
          'QEMU shares its user with no service of this host',
        )
      : warning(
          clashes.map(({ kind, id, name }) => `${kind} ${id} is ${name}`).join(', '),
          'QEMU and that service can reach files, and count against limits, of each other',
          clashes.map(({ kind, name }) => `${kind}mod -${kind === 'user' ? 'u' : 'g'} NEW_ID ${name}`).join('; '),
        );
  },
};

/** Number of the first PID namespace, the same on every kernel (PROC_PID_INIT_INO of linux/proc_ns.h). */
const firstPidNamespace = 'pid:[4026531836]';

const container: Check = {
  name: 'security-container',
  look({ files }) {
    // A file such as /.dockerenv proves nothing: images of whole machines are made from containers.
    const namespace = files.link('/proc/self/ns/pid');
    if (namespace === undefined) {
      return skipped('/proc/self/ns/pid is missing');
    }
    return namespace === firstPidNamespace
      ? ok('in the first PID namespace of the kernel', 'what is seen is the host itself')
      : warning(
          'this is a container: its PID namespace is not the first one of the kernel',
          'VMs run only if the container is privileged, and end with it',
          'run vmlet on the host itself, or privileged with /dev, /sys/fs/cgroup and a volume for the state',
        );
  },
};

export const securityChecks: readonly Check[] = [capabilities, seccomp, selinux, apparmor, sandboxUser, container];
