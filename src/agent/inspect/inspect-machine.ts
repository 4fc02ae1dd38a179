/** Reads everything that this node holds for one VM. Only reads; every source may vanish while it is looked at. */
import { findCgroupOfProcess, listCgroupPids, readCgroupValues } from '../../linux/cgroup/observe.ts';
import { readLayout } from '../../linux/cgroup/layout.ts';
import { readEffectiveDevices } from '../../linux/cgroup/devices/effective.ts';
import { formatDeviceRule } from '../../linux/cgroup/values.ts';
import { readNamespaceInodes } from '../../linux/process/process.ts';
import type { VirtualMachineInstance } from '../../vm/kinds/virtualmachineinstance/types.ts';
import type { Inspection } from '../../vm/inspection/inspection.ts';
import { VmletError } from '../../base/errors.ts';
import type { AgentContext } from '../context.ts';
import type { Machine } from '../machine/machine.ts';
import { inspectVmNetwork } from '../facets/network/vm-network.ts';
import { compareSeccomp } from './compare-seccomp.ts';
import { findQemu } from './find-qemu.ts';
import { inspectProcess } from './inspect-process.ts';
import { readQemuLog } from './qemu-log.ts';
import { readSandboxPressure } from './read-pressure.ts';

/** The sandbox's pids limit allows more threads, but no more programs than these make sense to show. */
const processesMax = 64;

export async function inspectMachine(
  context: AgentContext,
  machine: Machine,
  vmi: VirtualMachineInstance,
  options: { readonly deep?: boolean } = {},
): Promise<Inspection> {
  const { link } = machine;
  if (link === undefined) {
    throw new VmletError('NotRunningHere', `${vmi.metadata.name} does not run on node ${context.nodeName}`);
  }
  const layout = readLayout();
  const cgroup = findCgroupOfProcess(layout, link.initPid);
  const values = cgroup === undefined ? undefined : readCgroupValues(cgroup);
  const live = await machine.describe(vmi);
  const qemuLog = readQemuLog(link.root, live.name);
  return {
    vmi: {
      namespace: vmi.metadata.namespace ?? '',
      name: vmi.metadata.name,
      uid: vmi.metadata.uid ?? '',
      phase: vmi.status?.phase ?? '',
    },
    pod: { uid: machine.podUid },
    namespaces: readNamespaceInodes(link.initPid) ?? {},
    processes: (cgroup === undefined ? [] : listCgroupPids(cgroup))
      .slice(0, processesMax)
      .flatMap((pid) => inspectProcess(pid) ?? []),
    cgroup: {
      layout: layout.version,
      path: cgroup?.path ?? '',
      values: Object.fromEntries(
        Object.entries(values ?? {}).flatMap(([name, value]: [string, string | number | bigint | object | undefined]) =>
          name === 'devices' || value === undefined ? [] : [[name, formatValue(value)]],
        ),
      ),
      devices: cgroup === undefined ? undefined : readEffectiveDevices(cgroup).rules?.map(formatDeviceRule),
      ...(cgroup === undefined ? {} : { pressure: readSandboxPressure(cgroup) }),
    },
    network: inspectVmNetwork(link.netns),
    leases: (machine.servers?.leases() ?? []).map(
      (lease) => `${lease.address} to ${lease.mac}${lease.hostname === undefined ? '' : ` (${lease.hostname})`}`,
    ),
    disks: live.disks.map(
      (disk) => `${disk.target} ${disk.alias} ${disk.bus} ${disk.source ?? ''}${disk.readonly ? ' (read-only)' : ''}`,
    ),
    plan: (await machine.pending()).map(({ facet, steps }) => ({
      facet,
      steps: steps.map(({ what, why, report }) => ({ what, why, ...(report === undefined ? {} : { report }) })),
    })),
    driftHistory: machine.driftRecords,
    ...(options.deep === true
      ? { seccomp: await compareSeccomp([findQemu(link.initPid), link.daemonPid], context.seccompProfile) }
      : {}),
    logs: {
      serial: machine.console.scrollback().toString('latin1'),
      ...(qemuLog === undefined ? {} : { qemu: qemuLog }),
    },
  };
}

function formatValue(value: string | number | bigint | object): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
