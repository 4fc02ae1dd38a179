import { libvirtDaemons } from '../../../../embedded/sandbox/host-facts.ts';
import { ovmfFiles } from '../../../../vm/machine/domain/firmware-paths.ts';
import { ok, problem, skipped, warning, type Check, type Finding } from '../check.ts';
import type { Facts } from '../facts.ts';

interface Tool {
  readonly name: Check['name'];
  readonly program: (facts: Facts) => string | undefined;
  readonly argument: string;
  /** First group: the version. */
  readonly pattern: RegExp;
  /** Oldest version vmlet is tested with. */
  readonly tested: readonly [major: number, minor: number];
  readonly package: string;
  readonly meaning: string;
  readonly without: Pick<Finding, 'status' | 'meaning'>;
}

const qemuArchitectures: Readonly<Record<string, string>> = { x64: 'x86_64', arm64: 'aarch64' };

const tools: readonly Tool[] = [
  {
    name: 'tools-qemu',
    program: ({ settings }) => `qemu-system-${qemuArchitectures[settings.architecture] ?? settings.architecture}`,
    argument: '--version',
    pattern: /^QEMU emulator version (\d+\.\d+[.\d]*)/m,
    tested: [7, 2],
    package: 'qemu-system-x86 (qemu-system-arm on arm64)',
    meaning: 'runs the guests',
    without: { status: 'problem', meaning: 'no VM can start' },
  },
  {
    name: 'tools-libvirt',
    program: ({ files }) => libvirtDaemons.find((path) => files.exists(path)),
    argument: '--version',
    pattern: /\(libvirt\) (\d+\.\d+[.\d]*)/,
    tested: [9, 0],
    package: 'libvirt-daemon libvirt-daemon-driver-qemu',
    meaning: 'one daemon in each sandbox, started by vmlet',
    without: { status: 'problem', meaning: 'no VM can start' },
  },
  {
    name: 'tools-runc',
    program: () => 'runc',
    argument: '--version',
    pattern: /^runc version (\d+\.\d+[.\d]*)/m,
    tested: [1, 1],
    package: 'runc',
    meaning: 'makes the sandboxes',
    without: { status: 'problem', meaning: 'no VM can start' },
  },
  {
    name: 'tools-skopeo',
    program: () => 'skopeo',
    argument: '--version',
    pattern: /^skopeo version (\d+\.\d+[.\d]*)/m,
    tested: [1, 9],
    package: 'skopeo',
    meaning: 'fetches images',
    without: { status: 'problem', meaning: 'VMs with container disks cannot start' },
  },
  {
    name: 'tools-qemu-img',
    program: () => 'qemu-img',
    argument: '--version',
    pattern: /^qemu-img version (\d+\.\d+[.\d]*)/m,
    tested: [7, 2],
    package: 'qemu-utils',
    meaning: 'makes overlays and empty disks',
    without: { status: 'problem', meaning: 'VMs with disks cannot start' },
  },
  {
    name: 'tools-xorriso',
    program: () => 'xorriso',
    argument: '-version',
    pattern: /^xorriso (?:version\s*: *)?(\d+\.\d+[.\d]*)/m,
    tested: [1, 5],
    package: 'xorriso',
    meaning: 'makes cloud-init disks',
    without: { status: 'problem', meaning: 'VMs with cloud-init cannot start' },
  },
  {
    name: 'tools-kubectl',
    program: () => 'kubectl',
    argument: 'version --client',
    pattern: /Client Version:.*?v(\d+\.\d+[.\d]*)/,
    tested: [1, 20],
    package: 'kubernetes-client',
    meaning: 'applies manifests',
    without: {
      status: 'warning',
      meaning: 'manifests cannot be applied from this host; any other Kubernetes client does',
    },
  },
];

function toolCheck(tool: Tool): Check {
  return {
    name: tool.name,
    waits: true,
    async look(facts) {
      const program = tool.program(facts);
      const output = program === undefined ? undefined : await facts.probes.toolVersion(program, tool.argument);
      if (program === undefined || output === undefined) {
        const seen = `${program ?? tool.name.slice('tools-'.length)} is not installed`;
        return { ...tool.without, seen, remedy: `apt-get install ${tool.package}` };
      }
      const version = tool.pattern.exec(output)?.[1];
      if (version === undefined) {
        return skipped(`${program} does not tell its version in a way that is known here`);
      }
      const [major = 0, minor = 0] = version.split('.').map(Number);
      const isOld = major < tool.tested[0] || (major === tool.tested[0] && minor < tool.tested[1]);
      const seen = `${program} ${version.replace(/\.$/, '')}`;
      return isOld
        ? warning(
            `${seen}, older than ${tool.tested.join('.')}`,
            `${tool.meaning}; vmlet is not tested with it`,
            `apt-get install --only-upgrade ${tool.package}`,
          )
        : ok(seen, tool.meaning);
    },
  };
}

const firmware: Check = {
  name: 'tools-firmware',
  look({ files, settings }) {
    const arm = '/usr/share/AAVMF/AAVMF_CODE.fd';
    const codes = settings.architecture === 'arm64' ? [arm] : ovmfFiles.plain.map(({ codePath }) => codePath);
    const found = codes.find((path) => files.exists(path));
    if (found !== undefined) {
      return ok(found, 'VMs can boot by UEFI');
    }
    return settings.architecture === 'arm64'
      ? problem(`${arm} is missing`, 'VMs boot by UEFI only here: none can start', 'apt-get install qemu-efi-aarch64')
      : warning('no UEFI firmware', 'VMs that ask for UEFI do not start; those with BIOS do', 'apt-get install ovmf');
  },
};

export const toolChecks: readonly Check[] = [...tools.map(toolCheck), firmware];
