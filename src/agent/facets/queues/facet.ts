import { assert } from '../../../base/assert.ts';
import { openNetlink } from '../../../linux/netlink/socket.ts';
import { NETLINK_ROUTE } from '../../../linux/netlink/constants.ts';
import { listLinks } from '../../../linux/rtnetlink/links/links.ts';
import { readStat } from '../../../linux/process/process.ts';
import type { SandboxLink } from '../../machine/sandbox-link.ts';
import { listDescendants } from '../cgroup/processes.ts';
import type { Facet, MachinePlace } from '../facet.ts';
import { applyQueueOps } from './apply.ts';
import { describeOp, reasonOf } from './describe.ts';
import type { ObservedQueues, QueueOp, QueuesSpec } from './model.ts';
import { observeEmulator } from './observe.ts';
import { planQueues } from './plan.ts';
import { compileQueues } from './spec.ts';

/** The queues by which QEMU reads and writes its TAPs: a TAP that was deleted and made again has none. */
export const queuesFacet: Facet<undefined, QueuesSpec, ObservedQueues, QueueOp> = {
  name: 'queues',
  needs: ['network'],
  facts: () => undefined,
  assume: () => undefined,
  compile({ vmi }, _facts, { network }) {
    assert(network !== undefined, 'queues need the network');
    return compileQueues(vmi, network);
  },
  observe({ link }: MachinePlace) {
    const pid = findEmulator(link);
    using route = openNetlink({ protocol: NETLINK_ROUTE, netns: link.netns });
    return {
      emulator: pid === undefined ? undefined : observeEmulator(pid),
      taps: listLinks(route)
        .filter(({ kind }) => kind === 'tun')
        .map(({ name }) => name),
    };
  },
  nothing: () => ({ emulator: undefined, taps: [] }),
  plan: planQueues,
  apply: (_place, ops) => applyQueueOps(ops),
  describe: describeOp,
  reason: reasonOf,
};

/** The QEMU that was found in a sandbox: to look for it again at every change would be most of the work. */
const emulators = new WeakMap<SandboxLink, { readonly pid: number; readonly startTicks: bigint }>();

function findEmulator(link: SandboxLink): number | undefined {
  const known = emulators.get(link);
  if (known !== undefined && readStat(known.pid)?.startTicks === known.startTicks) {
    return known.pid;
  }
  const pid = listDescendants(link.initPid).find((candidate) => isEmulator(candidate));
  const startTicks = pid === undefined ? undefined : readStat(pid)?.startTicks;
  if (pid !== undefined && startTicks !== undefined) {
    emulators.set(link, { pid, startTicks });
  }
  return pid;
}

/** `comm` holds the first 15 bytes of the program's name. */
function isEmulator(pid: number): boolean {
  return readStat(pid)?.comm.startsWith('qemu-system') === true;
}
