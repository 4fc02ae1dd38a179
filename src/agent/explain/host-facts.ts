import { existsSync, readFileSync } from 'node:fs';
import { readLayout } from '../../linux/cgroup/layout.ts';
import { parseCpuList } from '../../linux/numa/cpu-list.ts';
import type { AgentContext } from '../context.ts';
import type { HostFacts } from '../facets/machine-input.ts';

/** What this node knows of itself before there is a sandbox. */
export function readMachineHostFacts(context: AgentContext): HostFacts {
  const { hierarchies } = readLayout();
  return {
    emulationReason: context.emulationReason,
    sandboxUid: context.sandboxUid,
    sandboxPidsMax: context.sandboxPidsMax,
    vhostNet: context.emulationReason === undefined && existsSync('/dev/vhost-net'),
    cgroupVersion: hierarchies.some(({ controllers }) => controllers.includes('memory')) ? 'v1' : 'v2',
    cpus: parseCpuList(readFileSync('/sys/devices/system/cpu/online', 'utf8')),
  };
}
