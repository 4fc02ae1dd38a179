/** Drift of one running VM: its kernel notifications, its loop, its Events. */
import type { Pod } from '../../apimachinery/core.ts';
import { errorMessage } from '../../base/errors.ts';
import type { Logger } from '../../base/logger.ts';
import type { EventInput } from '../../client/events.ts';
import { startDriftLoop, type DriftTarget } from '../../client/drift/loop.ts';
import { describeFinding } from '../../client/drift/report.ts';
import { readLayout } from '../../linux/cgroup/layout.ts';
import { driftPolicyOf } from '../../vm/kinds/virtualmachineinstance/drift-policy.ts';
import type { VirtualMachineInstance } from '../../vm/kinds/virtualmachineinstance/types.ts';
import { sandboxLimits } from '../../vm/machine/sandbox-limits.ts';
import type { AgentContext } from '../context.ts';
import type { FacetName } from '../facets/machine-spec.ts';
import type { NetworkSpec } from '../facets/network/model.ts';
import type { SandboxLink } from '../machine/sandbox-link.ts';
import { describeLoss, watchGrantedDevices } from './devices.ts';
import { watchSandbox } from './sources.ts';

/** What of a running VM is kept as it is. Its files are QEMU's while it runs; of its domain differences are only told. */
const watchedFacets: readonly FacetName[] = ['cgroup', 'network', 'queues', 'domain', 'threads'];

export interface MachineDriftOptions {
  readonly context: AgentContext;
  readonly logger: Logger;
  readonly link: SandboxLink;
  readonly network: NetworkSpec;
  /** The newest that is known of them. */
  readonly current: () => { readonly vmi: VirtualMachineInstance; readonly pod: Pod };
  readonly target: DriftTarget<FacetName>;
  /** Hears what was found and done, for who looks later. */
  readonly onRecord?: (record: DriftRecord) => void;
}

/** One finding in words, as its Event has them. */
export interface DriftRecord {
  /** RFC 3339. */
  readonly at: string;
  readonly reason: string;
  readonly message: string;
}

/** Looks once at everything, then whenever something may have changed; until disposed. */
export function watchMachineDrift(options: MachineDriftOptions): Disposable {
  const { context, current, link, logger, network } = options;
  using started = new DisposableStack();
  const tell = (event: Omit<EventInput, 'object'>): void => {
    context.events.record({ object: current().vmi, ...event });
    options.onRecord?.({ at: new Date().toISOString(), reason: event.reason, message: event.message });
  };
  const loop = startDriftLoop({
    target: onlyTellOfDomain(options.target),
    facets: watchedFacets,
    resyncMs: context.driftResyncMs,
    policy: () => driftPolicyOf(current().vmi),
    onFinding(finding) {
      const event = describeFinding(finding);
      logger.warn({ reason: event.reason, facet: finding.plan.facet }, event.message);
      tell(event);
    },
    onError: (error) => logger.debug({ error: errorMessage(error) }, 'could not look for drift'),
  });
  started.defer(() => loop.close());
  started.use(
    watchSandbox({
      reactor: context.reactor,
      files: context.files,
      netns: link.netns,
      layout: readLayout(),
      initPid: link.initPid,
      sysctls: network.sysctls.map(({ key }) => key),
      notice: (facets, culprit) => loop.notice(facets, culprit),
    }),
  );
  started.use(
    watchGrantedDevices({
      devices: context.devices,
      granted: sandboxLimits(current().pod).devices,
      notice: () => loop.notice(watchedFacets),
      onLoss(loss) {
        if (driftPolicyOf(current().vmi) !== 'ignore') {
          const event = describeLoss(loss);
          logger.warn({ reason: event.reason }, event.message);
          tell(event);
        }
      },
    }),
  );
  // Changes from before the watch began: while no agent ran, or none was linked.
  loop.notice(watchedFacets);
  return started.move();
}

/** Whether a domain is started is decided by the VM's life cycle alone. */
function onlyTellOfDomain(target: DriftTarget<FacetName>): DriftTarget<FacetName> {
  return {
    ...target,
    async plan(facets) {
      const plans = await target.plan(facets);
      return plans
        .map((plan) =>
          plan.facet === 'domain' ? { ...plan, steps: plan.steps.filter(({ report }) => report === true) } : plan,
        )
        .filter(({ steps }) => steps.length > 0);
    },
  };
}
