/** What others do to one running VM: the drift of its kernel objects and the end of its processes, and the record of both. */
import { errorMessage } from '../../base/errors.ts';
import type { Logger } from '../../base/logger.ts';
import type { Pod } from '../../apimachinery/core.ts';
import type { VirtualMachineInstance } from '../../vm/kinds/virtualmachineinstance/types.ts';
import { domainName } from '../../vm/machine/domain/identity.ts';
import type { AgentContext } from '../context.ts';
import { type DriftRecord, type MachineDriftOptions, watchMachineDrift } from '../drift/machine-drift.ts';
import { describeDaemonEnd, describeEnd, isUnexpected, type ProcessEnd } from '../drift/process-end.ts';
import { watchProcesses } from '../drift/processes.ts';
import type { NetworkSpec } from '../facets/network/model.ts';
import type { SandboxLink } from './sandbox-link.ts';

/** Kept for `inspect`; all of them are Events. */
const driftRecordsMax = 20;

export interface Served {
  readonly vmi: VirtualMachineInstance;
  readonly pod: Pod;
}

export interface MachineWatch extends Disposable {
  /** The VM as it was last served; undefined before that. */
  readonly served: Served | undefined;
  /** What others changed of this VM and what was done, oldest first; the last ones. */
  readonly records: readonly DriftRecord[];
  /** From now on the VM is kept as it was planned; later calls only bring newer objects. */
  follow(served: Served, link: SandboxLink, network: NetworkSpec): void;
  /** The link is gone; `follow` goes on with another. Processes are watched all the same. */
  pause(): void;
  /** How the process ended, by the kernel's word; undefined while it runs. */
  lastEnd(role: 'QEMU' | 'init'): ProcessEnd | undefined;
}

export interface MachineWatchOptions {
  readonly context: AgentContext;
  readonly logger: Logger;
  /** A process of the VM has ended. */
  readonly onChange: () => void;
  /** Of the VM as it was last served. */
  readonly target: MachineDriftOptions['target'];
}

export function createMachineWatch({ context, logger, onChange, target }: MachineWatchOptions): MachineWatch {
  let served: Served | undefined;
  let records: readonly DriftRecord[] = [];
  let drift: Disposable | undefined;
  const processes = watchProcesses({
    reactor: context.reactor,
    onEnd: processEnded,
    onError: (error) => logger.warn({ error: errorMessage(error) }, 'the end of a process is not watched'),
  });

  function remember(record: DriftRecord): void {
    records = [...records, record].slice(-driftRecordsMax);
  }

  /** What ended a VM is told by who publishes that it did; that its daemon was ended, by nobody else. */
  function processEnded(end: ProcessEnd): void {
    const isLoud = isUnexpected(end);
    logger[isLoud ? 'warn' : 'debug']({ end }, describeEnd(end));
    if (isLoud && end.role === 'libvirt daemon' && !end.withSandbox && served !== undefined) {
      const event = describeDaemonEnd(end);
      context.events.record({ object: served.vmi, ...event });
      remember({ at: new Date().toISOString(), reason: event.reason, message: event.message });
    }
    onChange();
  }

  function pause(): void {
    drift?.[Symbol.dispose]();
    drift = undefined;
  }

  return {
    get served() {
      return served;
    },
    get records() {
      return records;
    },
    follow(latest, link, network) {
      served = latest;
      const { initPid, daemonPid } = link;
      processes.follow({ initPid, daemonPid, domain: domainName(latest.vmi) });
      if (drift !== undefined) {
        return;
      }
      try {
        drift = watchMachineDrift({
          context,
          logger,
          link,
          network,
          target,
          current: () => served ?? latest,
          onRecord: remember,
        });
      } catch (error) {
        logger.warn({ error: errorMessage(error) }, 'changes to this VM by others are not watched');
      }
    },
    pause,
    lastEnd: (role) => processes.lastEnd(role),
    [Symbol.dispose]() {
      pause();
      processes[Symbol.dispose]();
    },
  };
}
