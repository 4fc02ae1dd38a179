/** The node's side of the VM subresources: what the API server asks the agent of the VMI's node to do. */
import type { Duplex } from 'node:stream';
import { VmletError } from '../base/errors.ts';
import type { NodeSubresources } from '../vm/subresources/subresource.ts';
import type { VirtualMachineInstance } from '../vm/kinds/virtualmachineinstance/types.ts';
import type { AgentContext } from './context.ts';
import { inspectMachine } from './inspect/inspect-machine.ts';
import { observePath } from './inspect/observe-path.ts';
import type { TraceRecorder } from './trace/recorder.ts';
import type { VmiAgent } from './vmi-agent.ts';

export function createNodeSubresources(
  context: AgentContext,
  agent: VmiAgent,
  parts: Pick<NodeSubresources, 'explain' | 'audit'> & { readonly traces: Pick<TraceRecorder, 'find'> },
): NodeSubresources {
  return {
    // libvirt's event wakes the agent, which then writes the Paused condition.
    pause: (vmi) => agent.machine(vmi).suspend(vmi),
    unpause: (vmi) => agent.machine(vmi).resume(vmi),
    async console(vmi): Promise<Duplex> {
      const machine = agent.machine(vmi);
      await machine.attachConsole(vmi);
      if (!machine.console.attached) {
        throw new VmletError('NoConsole', `${vmi.metadata.name} has no serial console`);
      }
      const viewer = machine.console.view();
      if (viewer === undefined) {
        throw new VmletError('TooManyViewers', `too many viewers look at the console of ${vmi.metadata.name}`);
      }
      return viewer;
    },
    inspect: (vmi: VirtualMachineInstance, options) => inspectMachine(context, agent.machine(vmi), vmi, options),
    inspectNetwork: (vmi) => observePath(agent.machine(vmi), vmi),
    audit: (options) => parts.audit(options),
    explain: (namespace, manifest) => parts.explain(namespace, manifest),
    trace: async (vmi) => parts.traces.find(vmi.metadata.uid ?? ''),
  };
}
