/** Source: core/v1 Pod. */
import { flag, integer, keyed, list, long, object, open, quantities, text, textList, texts } from './build.ts';
import { localReference } from './common.ts';
import { containerSchema, ephemeralContainerSchema, resourceRequirements } from './pod-container.ts';
import { affinity, tolerations, topologySpreadConstraints } from './pod-scheduling.ts';
import { podSecurityContext } from './pod-security.ts';
import { podStatus } from './pod-status.ts';
import { podVolumes } from './pod-volumes.ts';

const dnsConfig = object('Name resolution, besides what dnsPolicy gives.', {
  nameservers: textList('Name servers.'),
  options: list('Options.', object('An option.', { name: text('Its name.'), value: text('Its value.') })),
  searches: textList('Search domains.'),
});

const spec = object(
  'What the Pod is to be.',
  {
    activeDeadlineSeconds: long('Seconds after which the Pod is ended.'),
    affinity,
    automountServiceAccountToken: flag('Give the containers a token of the service account?'),
    containers: keyed('What runs in the Pod.', 'name', containerSchema),
    dnsConfig,
    dnsPolicy: text('ClusterFirst, ClusterFirstWithHostNet, Default or None.'),
    enableServiceLinks: flag('Tell the containers of Services by environment variables?'),
    ephemeralContainers: keyed('Containers added later.', 'name', ephemeralContainerSchema),
    hostAliases: keyed(
      'Lines of /etc/hosts.',
      'ip',
      object('A line.', { ip: text('The address.'), hostnames: textList('Its names.') }, ['ip']),
    ),
    hostIPC: flag('Share IPC with the host?'),
    hostNetwork: flag('Use the network of the host?'),
    hostPID: flag('See the processes of the host?'),
    hostUsers: flag('Use the user ids of the host?'),
    hostname: text('Host name in the Pod.'),
    hostnameOverride: text('Host name in the Pod, whole.'),
    imagePullSecrets: keyed('Secrets for pulling images.', 'name', localReference('A Secret.')),
    initContainers: keyed('What runs before the containers, one after another.', 'name', containerSchema),
    nodeName: text('The node; set by the scheduler.'),
    nodeSelector: { ...texts('Labels that the node must have.'), 'x-kubernetes-map-type': 'atomic' },
    os: object('The operating system.', { name: text('linux or windows.') }, ['name']),
    overhead: quantities('What the Pod itself takes, besides its containers.'),
    preemptionPolicy: text('PreemptLowerPriority or Never.'),
    priority: integer('How important the Pod is.'),
    priorityClassName: text('Name of its priority.'),
    readinessGates: list(
      'Conditions that must be true for the Pod to be ready.',
      object('A condition.', { conditionType: text('Its type.') }, ['conditionType']),
    ),
    resourceClaims: {
      ...list('Claims that containers may use.', open('A claim.')),
      'x-kubernetes-patch-merge-key': 'name',
      'x-kubernetes-patch-strategy': 'merge,retainKeys',
    },
    resources: resourceRequirements,
    restartPolicy: text('Always, OnFailure or Never.'),
    runtimeClassName: text('Which runtime.'),
    schedulerName: text('Who chooses the node.'),
    schedulingGates: keyed(
      'While not empty, no node is chosen.',
      'name',
      object('A gate.', { name: text('Its name.') }, ['name']),
    ),
    securityContext: podSecurityContext,
    serviceAccount: text('Old name of serviceAccountName.'),
    serviceAccountName: text('Identity of the containers.'),
    setHostnameAsFQDN: flag('Is the host name the whole domain name?'),
    shareProcessNamespace: flag('Do the containers see each other?'),
    subdomain: text('Domain of the host name.'),
    terminationGracePeriodSeconds: long('Seconds that the containers have to end.'),
    tolerations,
    topologySpreadConstraints,
    volumes: podVolumes,
  },
  ['containers'],
);

export const podSchema = object('Containers that run together on one node.', { spec, status: podStatus }, ['spec']);
