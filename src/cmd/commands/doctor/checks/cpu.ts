import { ok, skipped, warning, type Check } from '../check.ts';
import type { HostFiles } from '../facts.ts';
import { countList, readCpuFlags } from './parse.ts';

const notX86 = 'only x86 CPUs list these flags';

const virtualization: Check = {
  name: 'cpu-virtualization',
  look({ files }) {
    const flags = readCpuFlags(files);
    if (flags === undefined) {
      return skipped(notX86);
    }
    const found = ['vmx', 'svm'].find((flag) => flags.has(flag));
    if (found !== undefined) {
      return ok(`the CPU has ${found}`, 'KVM can use the hardware');
    }
    return flags.has('hypervisor')
      ? warning(
          'this host is itself a VM, and its CPU shows neither vmx nor svm',
          'KVM has no hardware to use here',
          'switch nested virtualization on where this VM is defined, or use a host with hardware virtualization',
        )
      : warning(
          'the CPU shows neither vmx nor svm',
          'KVM has no hardware to use here',
          'switch on Intel VT-x or AMD-V (SVM) in the firmware set-up',
        );
  },
};

/** x86-64-v2 of the x86-64 psABI, by the names of /proc/cpuinfo (pni is SSE3). */
const level2 = ['cx16', 'lahf_lm', 'popcnt', 'pni', 'sse4_1', 'sse4_2', 'ssse3'];

const guestLevel: Check = {
  name: 'cpu-guest-level',
  look({ files }) {
    const flags = readCpuFlags(files);
    if (flags === undefined) {
      return skipped(notX86);
    }
    const missing = level2.filter((flag) => !flags.has(flag));
    return missing.length === 0
      ? ok('the CPU has all of x86-64-v2', 'current guest systems start with host-model and host-passthrough')
      : warning(
          `the CPU lacks ${missing.join(', ')} of x86-64-v2`,
          'guests built for x86-64-v2 (RHEL 9 and its kin) stop early in their boot under KVM',
          'use a newer CPU, or a less narrow CPU model where this host is itself a VM',
        );
  },
};

const vulnerabilities = '/sys/devices/system/cpu/vulnerabilities';

function readVulnerabilities(files: HostFiles): readonly (readonly [name: string, state: string])[] | undefined {
  return files.list(vulnerabilities)?.map((name) => [name, files.read(`${vulnerabilities}/${name}`) ?? ''] as const);
}

const mitigations: Check = {
  name: 'cpu-mitigations',
  look({ files }) {
    const all = readVulnerabilities(files);
    if (all === undefined || all.length === 0) {
      return skipped(`the kernel does not tell (${vulnerabilities})`);
    }
    const open = all.filter(([, state]) => /^(KVM: )?Vulnerable/.test(state)).map(([name]) => name);
    return open.length === 0
      ? ok(`none of ${all.length} known CPU flaws is open`, 'guests cannot read each other by a known CPU flaw')
      : warning(
          `open CPU flaws: ${open.join(', ')}`,
          'a guest may read memory of other guests or of this host',
          'update kernel and microcode (packages intel-microcode, amd64-microcode) and remove mitigations=off from the kernel command line; in a VM, the same on its host',
        );
  },
};

const smt: Check = {
  name: 'cpu-smt',
  look({ files }) {
    const active = files.read('/sys/devices/system/cpu/smt/active');
    if (active === undefined) {
      return skipped('the kernel does not tell whether CPU threads share cores');
    }
    if (active === '0') {
      return ok('no two CPUs share a core', 'guests on neighbouring CPUs share no core');
    }
    const risky = (readVulnerabilities(files) ?? [])
      .filter(([, state]) => /SMT vulnerable|SMT Host state unknown/.test(state))
      .map(([name]) => name);
    return risky.length === 0
      ? ok('CPU threads share cores, and no known flaw needs more than that', 'guests may share cores')
      : warning(
          `CPU threads share cores, which ${risky.join(', ')} makes use of`,
          'a guest may read what another one does on the same core',
          'for guests that do not trust each other: echo off > /sys/devices/system/cpu/smt/control, or boot with nosmt',
        );
  },
};

const offline: Check = {
  name: 'cpu-offline',
  look({ files }) {
    const online = files.read('/sys/devices/system/cpu/online');
    const present = files.read('/sys/devices/system/cpu/present');
    const counts = [countList(online), countList(present)] as const;
    if (counts[0] === undefined || counts[1] === undefined) {
      return skipped('the kernel does not list its CPUs');
    }
    return counts[0] >= counts[1]
      ? ok(`${counts[0]} CPUs, all online`, 'virtual CPUs can use them all')
      : warning(
          `${counts[0]} of ${counts[1]} CPUs are online (${online ?? ''})`,
          'VMs share fewer CPUs than the machine has',
          'echo 1 > /sys/devices/system/cpu/cpuN/online for each CPU that is wanted',
        );
  },
};

export const cpuChecks: readonly Check[] = [virtualization, guestLevel, mitigations, smt, offline];
