/** What the embedded pod network is told about VMs, which it does not know, and what becomes of its findings. */
import { formatPodNic, POD_NIC_PREFIX } from '../../agent/facets/network/pod-nic.ts';
import { nodeType, podType } from '../../apimachinery/core.ts';
import type { Condition, KubeObject } from '../../apimachinery/object.ts';
import type { Logger } from '../../base/logger.ts';
import type { DriftPolicy } from '../../client/drift/loop.ts';
import { describeFinding } from '../../client/drift/report.ts';
import type { EventRecorder } from '../../client/events.ts';
import type { Informer } from '../../client/informer.ts';
import { canGuard, openHostSide } from '../../embedded/podnetwork/host-side.ts';
import type { NetworkedPod } from '../../embedded/podnetwork/pod-network.ts';
import type { TakenNics } from '../../embedded/podnetwork/pod-side.ts';
import type { WatchOptions } from '../../embedded/podnetwork/watch.ts';
import { renamedNicName } from '../../vm/bindings/names.ts';
import { driftPolicyOf } from '../../vm/kinds/virtualmachineinstance/drift-policy.ts';
import type { VirtualMachineInstance } from '../../vm/kinds/virtualmachineinstance/types.ts';

/** Bridge binding renames the pod's NIC and notes what it was given on it. */
export const takenNics: TakenNics = {
  notePrefix: POD_NIC_PREFIX,
  form: (facts) => ({ name: renamedNicName(facts.name), alias: formatPodNic(facts) }),
};

/** Of the Node: whether VMs are kept from sending with addresses of others. */
export function guardCondition(): Condition {
  using host = openHostSide(undefined);
  return canGuard(host)
    ? {
        type: 'PodPortsGuarded',
        status: 'True',
        reason: 'BridgeFilter',
        message: 'pods can send with their own MAC and IP addresses only',
      }
    : {
        type: 'PodPortsGuarded',
        status: 'False',
        reason: 'NoBridgeFilter',
        message:
          'this kernel has no nftables for bridges (CONFIG_NF_TABLES_BRIDGE): a VM with bridge binding can use addresses of others',
      };
}

/** What of a Pod's VM matters to its network. */
export function machinesOfPods(vmis: Pick<Informer<VirtualMachineInstance>, 'list'>): {
  readonly guestMacAddresses: (pod: NetworkedPod) => readonly string[];
  readonly driftPolicy: (pod: NetworkedPod) => DriftPolicy;
} {
  const find = ({ owner }: NetworkedPod): VirtualMachineInstance | undefined =>
    owner === undefined ? undefined : vmis.list().find(({ metadata }) => metadata.uid === owner);
  return {
    guestMacAddresses: (pod) =>
      (find(pod)?.spec.domain.devices.interfaces ?? []).flatMap(({ bridge, macAddress }) =>
        bridge === undefined || macAddress === undefined ? [] : [macAddress],
      ),
    driftPolicy(pod) {
      const vmi = find(pod);
      return vmi === undefined ? 'repair' : driftPolicyOf(vmi);
    },
  };
}

/** A log line and an Event for each finding: about the Pod, or about the Node when it is of the host's half. */
export function reportPodNetworkDrift(options: {
  readonly events: EventRecorder;
  readonly logger: Logger;
  readonly nodeName: string;
}): WatchOptions['onFinding'] {
  const { events, logger, nodeName } = options;
  return (finding, pod) => {
    const event = describeFinding(finding);
    logger.warn({ reason: event.reason, pod: pod?.uid }, event.message);
    const object: KubeObject =
      pod === undefined
        ? { apiVersion: 'v1', kind: nodeType.kind, metadata: { name: nodeName } }
        : {
            apiVersion: 'v1',
            kind: podType.kind,
            metadata: { namespace: pod.namespace, name: pod.name, uid: pod.uid },
          };
    events.record({ object, ...event });
  };
}
