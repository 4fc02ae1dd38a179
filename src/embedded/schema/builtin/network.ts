/** Services and where they lead. Source: core/v1 Service and Endpoints, discovery.k8s.io/v1 EndpointSlice. */
import type { JsonSchema } from '../json-schema.ts';
import { atomic, flag, integer, intOrText, keyed, list, object, open, text, textList, texts } from './build.ts';
import { conditions, objectReference } from './common.ts';

const protocol: JsonSchema = { ...text('TCP, UDP or SCTP.'), default: 'TCP' };

const servicePort = object(
  'A port of the Service.',
  {
    appProtocol: text('What is spoken there.'),
    name: text('Name of the port; needed when there are several.'),
    nodePort: integer('Port of every node that leads here.'),
    port: integer('The port.'),
    protocol,
    targetPort: intOrText('Port of the Pods, or its name; the same port by default.'),
  },
  ['port'],
);

export const serviceSchema = object('One address for several Pods.', {
  spec: object('Where the Service is and where it leads.', {
    allocateLoadBalancerNodePorts: flag('Give ports of the nodes to a LoadBalancer?'),
    clusterIP: text('The address; None for none. Cannot be changed.'),
    clusterIPs: { ...textList('The addresses.'), 'x-kubernetes-list-type': 'atomic' },
    externalIPs: textList('Addresses of the nodes that lead here too.'),
    externalName: text('For type ExternalName: the name that stands for the Service.'),
    externalTrafficPolicy: text('Cluster or Local.'),
    healthCheckNodePort: integer('Where a load balancer asks.'),
    internalTrafficPolicy: text('Cluster or Local.'),
    ipFamilies: { ...textList('IPv4, IPv6.'), 'x-kubernetes-list-type': 'atomic' },
    ipFamilyPolicy: text('SingleStack, PreferDualStack or RequireDualStack.'),
    loadBalancerClass: text('Which load balancer.'),
    loadBalancerIP: text('Address wished for.'),
    loadBalancerSourceRanges: textList('Who may come by the load balancer.'),
    ports: {
      ...keyed('The ports.', 'port', servicePort),
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['port', 'protocol'],
    },
    publishNotReadyAddresses: flag('Lead to Pods that are not ready, too?'),
    selector: atomic(texts('Labels of the Pods.')),
    sessionAffinity: text('ClientIP or None.'),
    sessionAffinityConfig: object('How a client stays with a Pod.', {
      clientIP: object('By its address.', { timeoutSeconds: integer('For so long.') }),
    }),
    trafficDistribution: text('Which Pods are better.'),
    type: text('ClusterIP, NodePort, LoadBalancer or ExternalName.'),
  }),
  status: object('The state of the Service.', {
    conditions: conditions('Aspects of the state.'),
    loadBalancer: object('The load balancer.', { ingress: list('Where it is.', open('A place.')) }),
  }),
});

const endpointAddress = atomic(
  object(
    'A place that serves.',
    {
      hostname: text('Its name.'),
      ip: text('Its address.'),
      nodeName: text('Its node.'),
      targetRef: objectReference('Its Pod.'),
    },
    ['ip'],
  ),
);
const endpointPort = atomic(
  object(
    'A port.',
    {
      appProtocol: text('What is spoken there.'),
      name: text('Name of the port.'),
      port: integer('The port.'),
      protocol,
    },
    ['port'],
  ),
);

export const endpointsSchema = object('Where a Service leads, in the old form.', {
  subsets: list(
    'Places with the same ports.',
    object('Some places.', {
      addresses: list('Those that are ready.', endpointAddress),
      notReadyAddresses: list('Those that are not ready.', endpointAddress),
      ports: list('Their ports.', endpointPort),
    }),
  ),
});

const endpoint = object(
  'A place that serves.',
  {
    addresses: textList('Its addresses, of one family.'),
    conditions: object('Its state.', {
      ready: flag('Does it take new connections?'),
      serving: flag('Does it serve?'),
      terminating: flag('Is it on its way out?'),
    }),
    deprecatedTopology: texts('Not used any more.'),
    hints: open('For whom it is best.'),
    hostname: text('Its name.'),
    nodeName: text('Its node.'),
    targetRef: objectReference('Its Pod.'),
    zone: text('Its zone.'),
  },
  ['addresses'],
);

export const endpointSliceSchema = object(
  'A part of where a Service leads.',
  {
    addressType: text('IPv4, IPv6 or FQDN. Cannot be changed.'),
    endpoints: list('The places.', endpoint),
    ports: list(
      'Their ports.',
      object('A port.', {
        appProtocol: text('What is spoken there.'),
        name: text('Name of the port.'),
        port: integer('The port.'),
        protocol: text('TCP, UDP or SCTP.'),
      }),
    ),
  },
  ['addressType', 'endpoints'],
);
