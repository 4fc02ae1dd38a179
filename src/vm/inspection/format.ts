import type { Inspection } from './inspection.ts';

/** The inspection as one page for a person. */
export function formatInspection(inspection: Inspection): string {
  const { cgroup, network } = inspection;
  return [
    section('namespaces', [
      Object.entries(inspection.namespaces)
        .map(([kind, inode]) => `${kind}:[${inode}]`)
        .join(' '),
    ]),
    section(
      'processes',
      inspection.processes.map(
        (process) =>
          `${String(process.pid).padStart(7)}  ${process.command.padEnd(16)} uid ${process.uid}  ${String(process.threads).padStart(2)} threads  ` +
          `${(process.anonymousKiB / 1024).toFixed(1).padStart(6)} MiB anonymous  seccomp ${process.seccomp}  ` +
          `no_new_privs ${process.noNewPrivileges ? 'yes' : 'no'}  capabilities ${process.capabilities}`,
      ),
    ),
    section(`cgroup ${cgroup.layout}`, [
      cgroup.path,
      ...Object.entries(cgroup.values).map(([file, value]) => `${file} = ${value}`),
    ]),
    section('device rules', cgroup.devices ?? ['in an eBPF program']),
    section('links', network.links),
    section('addresses', network.addresses),
    section('routes', network.routes),
    section('sysctls', network.sysctls),
    section('nftables', network.nftables),
    section('leases', inspection.leases),
    section('disks', inspection.disks),
  ]
    .filter((text) => text !== '')
    .join('\n');
}

function section(title: string, lines: readonly string[]): string {
  return lines.length === 0 ? '' : `${title}\n${lines.map((line) => `  ${line}\n`).join('')}`;
}
