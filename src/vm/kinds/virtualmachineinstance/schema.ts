/** Schema of a VirtualMachineInstance. */
import { integer, list, mapOf, notYet, object, opaque, opaqueList, text, type SchemaNode } from '../schema/dsl.ts';
import { domainSchema } from './domain-schema.ts';
import { vmiStatusSchema } from './status-schema.ts';
import { networksSchema, volumesSchema } from './volumes-schema.ts';

const probes = 'probes are not built';
const migration = 'live migration is not built';

/** The spec of a VMI; also `spec.template.spec` of a VM. */
export const vmiSpecSchema: SchemaNode = object(
  'What the virtual machine is.',
  {
    domain: domainSchema,
    networks: networksSchema,
    volumes: volumesSchema,
    terminationGracePeriodSeconds: integer(
      'Seconds that the guest has for shutting down before it is killed; 30 when absent, 0 kills at once.',
      { format: 'int64' },
    ),
    startStrategy: text('Paused: the guest waits for unpause before its first instruction.', { enum: ['Paused'] }),
    hostname: text('Host name of the guest; the VMI’s name when absent.', { maxLength: 63 }),
    subdomain: text('Makes the guest’s full name hostname.subdomain.namespace.svc.', { maxLength: 253 }),
    nodeSelector: mapOf('Labels that a node must have.', text('Value.', { maxLength: 63 })),
    tolerations: list(
      'Node taints that do not keep the VM away.',
      object('A toleration.', {
        key: text('Taint key; all keys when absent.', { maxLength: 317 }),
        operator: text('Equal when absent.', { enum: ['Exists', 'Equal'] }),
        value: text('Taint value.', { maxLength: 63 }),
        effect: text('Taint effect; all when absent.', { maxLength: 32 }),
        tolerationSeconds: integer('How long NoExecute is tolerated.', { format: 'int64' }),
      }),
    ),
    schedulerName: text('Scheduler of the launcher Pod.', { maxLength: 253 }),
    architecture: text('CPU architecture: amd64 or arm64; the node’s when absent.', { maxLength: 16 }),
    evictionStrategy: text('What draining the node does; None when absent.', {
      enum: ['None', 'LiveMigrate', 'LiveMigrateIfPossible', 'External'],
      notYetValues: { LiveMigrate: migration, External: migration },
    }),
    affinity: notYet(opaque('Affinity to nodes and Pods.'), 'use nodeSelector'),
    topologySpreadConstraints: notYet(opaqueList('Spread over the cluster.'), 'use nodeSelector'),
    priorityClassName: notYet(text('Priority of the launcher Pod.')),
    dnsPolicy: notYet(text('Where the guest’s name servers come from.')),
    dnsConfig: notYet(opaque('Name servers of the guest.')),
    livenessProbe: notYet(opaque('Restarts a guest that does not answer.'), probes),
    readinessProbe: notYet(opaque('Decides whether the VMI is ready.'), probes),
    accessCredentials: notYet(opaqueList('SSH keys and passwords put into the guest.'), 'use cloud-init'),
    resourceClaims: notYet(opaqueList('Dynamic resource allocation.')),
    utilityVolumes: notYet(opaqueList('Volumes for the launcher itself.')),
  },
  ['domain'],
);

/** The whole object as the API server validates it. */
export const vmiSchema: SchemaNode = object(
  'A virtual machine that runs, or ran, once.',
  {
    apiVersion: text('kubevirt.io/v1.'),
    kind: text('VirtualMachineInstance.'),
    metadata: { schema: { type: 'object' } },
    spec: vmiSpecSchema,
    status: vmiStatusSchema,
  },
  ['spec'],
);
