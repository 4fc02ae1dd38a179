/**
 * Services of one host: endpoints from Pods, and the nftables table that carries connections to them.
 *
 *   Services, Pods --> endpoint controller --> EndpointSlices --> servicePorts --> table
 *   nf_tables notification of somebody else, resync ------------> drift loop ---^
 */
import { errorMessage } from '../../base/errors.ts';
import type { Logger } from '../../base/logger.ts';
import type { KubeClient } from '../../client/client.ts';
import { startController } from '../../client/controller.ts';
import { formatCulprit } from '../../client/drift/culprit.ts';
import { type DriftFinding, type DriftPlan, startDriftLoop } from '../../client/drift/loop.ts';
import { startInformer } from '../../client/informer.ts';
import { parseKey } from '../../client/object-key.ts';
import type { Fd } from '../../linux/fd/fd.ts';
import { NETLINK_NETFILTER } from '../../linux/netlink/constants.ts';
import { subscribe } from '../../linux/netlink/subscribe.ts';
import { NFNLGRP_NFTABLES } from '../../linux/nftables/constants.ts';
import { createTransactionDecoder } from '../../linux/nftables/notifications.ts';
import { findCulprit } from '../../linux/process/culprit.ts';
import type { Reactor } from '../../linux/reactor/reactor.ts';
import type { ServicePort } from './backends.ts';
import { openDataPlane } from './data-plane.ts';
import { sliceIndexers, startEndpointController } from './endpoint-controller.ts';
import { openFlows } from './flows.ts';
import { endpointSliceType, type Service, serviceType } from './kinds.ts';
import { describeTableOp, type TableOp } from './plan.ts';
import { createPortCache } from './port-cache.ts';
import type { DataPlaneSettings } from './table.ts';

export interface ServicesOptions extends DataPlaneSettings {
  readonly client: KubeClient;
  readonly reactor: Reactor;
  /** How often to look at the table without any notice. */
  readonly resyncMs: number;
  readonly logger: Logger;
  /** Ends the watches; the table stays, so that VMs that run on keep their Services. */
  readonly signal: AbortSignal;
  /** Where the table is; the namespace of this process when left out. */
  readonly netns?: Fd;
}

export interface Services {
  /** After the signal: waits for work in flight, takes the table away when told so, and lets go of the sockets. */
  close(options: { readonly removeTable: boolean }): Promise<void>;
}

const part = 'services';
const tableKey = 'table';

/** The name of the table of the instance with this bridge. */
export const servicesTable = (bridge: string): string => `${bridge}-services`;

/** Throws KernelError when the kernel refuses a netlink socket. */
export function startServices(options: ServicesOptions): Services {
  const { bridge, client, logger, netns, podNetworks, reactor, resyncMs, signal, table } = options;
  using started = new DisposableStack();
  const plane = started.use(openDataPlane({ table, bridge, podNetworks }, netns));
  const flows = started.use(openFlows(netns));
  const services = startInformer<Service>(client, serviceType, {
    signal,
    logger,
    indexers: { namespace: ({ metadata }) => [metadata.namespace ?? ''] },
  });
  const slices = startInformer(client, endpointSliceType, { signal, logger, indexers: sliceIndexers });
  const endpoints = startEndpointController({ client, logger, signal, services, slices });

  const ports = createPortCache({
    service: (key) => services.get(parseKey(key)),
    slices: (key) => slices.byIndex('service', key),
  });
  let isReady = false;

  const controller = startController({
    name: part,
    concurrency: 1,
    logger,
    signal,
    async reconcile() {
      await Promise.all([services.ready, slices.ready]);
      const startedMs = performance.now();
      const wanted = ports.ports();
      const ops = plane.apply(wanted);
      isReady = true;
      forgetFlows(wanted);
      if (ops.length > 0) {
        const fields = { operations: ops.map(describeTableOp).slice(0, 20), tookMs: performance.now() - startedMs };
        logger.debug(fields, 'table of Services changed');
      }
    },
  });
  /** The table is as it must be all the same; a flow that goes astray ends when its client is silent for a while. */
  function forgetFlows(wanted: readonly ServicePort[]): void {
    try {
      const count = flows.follow(wanted);
      if (count > 0) {
        logger.debug({ count }, 'forgot UDP flows to endpoints that are gone');
      }
    } catch (error) {
      logger.warn({ error: errorMessage(error) }, 'cannot forget UDP flows to endpoints that are gone');
    }
  }

  const changed = (keys: readonly string[]): void => {
    keys.forEach((key) => ports.changed(key));
    controller.enqueue(tableKey);
  };
  changed([]);
  services.onChange(({ key }) => changed([key]));
  slices.onChange(({ object, previous }) =>
    changed([object, previous].flatMap((slice) => (slice === undefined ? [] : sliceIndexers.service(slice)))),
  );

  const show = (ops: readonly TableOp[]): DriftPlan<typeof part>[] =>
    ops.length === 0 ? [] : [{ facet: part, steps: ops.map((op) => ({ what: describeTableOp(op) })) }];
  const drift = startDriftLoop<typeof part>({
    target: {
      // Before the first look at all Services nothing is known to be wrong.
      plan: async () => (isReady ? show(plane.drift(ports.ports())) : []),
      repair: async () => show(plane.repair(ports.ports())),
    },
    facets: [part],
    resyncMs,
    policy: () => 'repair',
    onFinding: (finding) => report(finding, logger),
    onError: (error) => logger.warn({ error: errorMessage(error) }, 'cannot compare the table of Services'),
  });
  started.defer(() => drift.close());
  const decoder = createTransactionDecoder();
  started.use(
    subscribe({
      protocol: NETLINK_NETFILTER,
      ...(netns === undefined ? {} : { netns }),
      reactor,
      groups: [NFNLGRP_NFTABLES],
      onMessages(messages) {
        for (const { changes, droppedChanges, end } of decoder.push(messages)) {
          const isOurs = droppedChanges > 0 || changes.some((change) => change.table === table);
          const isForeign = isOurs && end?.processId !== process.pid;
          plane.heard({ generation: end?.generation, isForeign });
          if (isForeign) {
            drift.notice(
              [part],
              end?.processId === undefined ? undefined : findCulprit(end.processId, end.processName),
            );
          }
        }
      },
      onOverrun() {
        decoder.flush();
        plane.heard({ generation: undefined, isForeign: true });
        drift.notice([part]);
      },
    }),
  );
  const owned = started.move();
  return {
    async close({ removeTable }) {
      drift.close();
      await Promise.all([endpoints.closed, controller.closed, drift.idle()]);
      if (removeTable) {
        plane.remove();
      }
      owned.dispose();
    },
  };
}

function report(finding: DriftFinding, logger: Logger): void {
  const steps = finding.plan.steps.slice(0, 20).map(({ what }) => what);
  if (finding.kind === 'failed') {
    logger.warn({ steps, problem: finding.problem }, 'the table of Services was changed and cannot be put back');
    return;
  }
  const by = finding.culprits.map(formatCulprit);
  logger.warn({ steps, by }, `the table of Services was changed: ${finding.kind}`);
}
