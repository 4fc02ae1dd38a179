/** Source: core/v1 Node. */
import { flag, integer, keyed, list, long, object, open, quantities, text, textList, time } from './build.ts';
import { conditions } from './common.ts';

const taint = object(
  'Keeps Pods away that do not tolerate it.',
  {
    key: text('Name of the taint.'),
    value: text('Value of the taint.'),
    effect: text('NoSchedule, PreferNoSchedule or NoExecute.'),
    timeAdded: time('When it was set.'),
  },
  ['key', 'effect'],
);

const nodeInfo = object('What the node runs.', {
  architecture: text('Of the CPUs: amd64, arm64.'),
  bootID: text('Changes with every start of the host.'),
  containerRuntimeVersion: text('Runtime and version.'),
  kernelVersion: text('As uname -r gives it.'),
  kubeProxyVersion: text('Not used any more.'),
  kubeletVersion: text('Version of the node agent.'),
  machineID: text('From /etc/machine-id.'),
  operatingSystem: text('linux.'),
  osImage: text('The distribution.'),
  swap: object('Swap space.', { capacity: long('Bytes.') }),
  systemUUID: text('From the firmware.'),
});

const spec = object('How the node is to be used.', {
  configSource: open('Not used any more.'),
  externalID: text('Not used any more.'),
  podCIDR: text('Address range of the Pods here.'),
  podCIDRs: { ...textList('Address ranges of the Pods here.'), 'x-kubernetes-patch-strategy': 'merge' },
  providerID: text('What the cloud calls this machine.'),
  taints: list('What keeps Pods away.', taint),
  unschedulable: flag('Give no new Pods to this node?'),
});

const image = object('An image that is here.', {
  names: textList('Its names.'),
  sizeBytes: long('Its size in bytes.'),
});

const status = object('The state of the node.', {
  addresses: keyed(
    'How to reach the node.',
    'type',
    object(
      'An address.',
      { type: text('Hostname, InternalIP, ExternalIP, InternalDNS or ExternalDNS.'), address: text('The address.') },
      ['type', 'address'],
    ),
  ),
  allocatable: quantities('What Pods may use.'),
  capacity: quantities('What there is.'),
  conditions: conditions('Ready, MemoryPressure, DiskPressure, PIDPressure, NetworkUnavailable.', {
    lastHeartbeatTime: time('When the node last confirmed it.'),
  }),
  config: open('Not used any more.'),
  daemonEndpoints: object('Ports of the node agent.', {
    kubeletEndpoint: object('The node agent.', { Port: integer('TCP port.') }, ['Port']),
  }),
  features: open('What the runtime can do.'),
  declaredFeatures: textList('What the node agent can do.'),
  images: list('Images that are here.', image),
  nodeInfo,
  phase: text('Not used any more.'),
  runtimeHandlers: list('Runtimes to choose from.', open('A runtime.')),
  volumesAttached: list(
    'Volumes attached to the node.',
    object('A volume.', { name: text('The volume.'), devicePath: text('Where it is.') }),
  ),
  volumesInUse: textList('Volumes that Pods here use.'),
});

export const nodeSchema = object('A host on which Pods and virtual machines run.', { spec, status });
