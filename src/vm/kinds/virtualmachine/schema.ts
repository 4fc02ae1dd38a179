/** Schema of a VirtualMachine. */
import {
  flag,
  integer,
  list,
  mapOf,
  notYet,
  object,
  opaque,
  opaqueList,
  text,
  type SchemaNode,
} from '../schema/dsl.ts';
import { vmiSpecSchema } from '../virtualmachineinstance/schema.ts';
import { conditionsSchema } from '../virtualmachineinstance/status-schema.ts';

const instancetypes = 'instance types are not built; write the values into the template';

const vmSpecSchema = object(
  'The template and whether it runs.',
  {
    running: flag('The old switch: true is runStrategy Always, false is Halted. Excludes runStrategy.'),
    runStrategy: text('When the VM runs; Halted when neither this nor running is given.', {
      enum: ['Always', 'Halted', 'Manual', 'RerunOnFailure', 'Once', 'WaitAsReceiver'],
      notYetValues: { WaitAsReceiver: 'live migration is not built' },
    }),
    template: object(
      'The VirtualMachineInstance that is made at each start.',
      {
        metadata: {
          schema: {
            type: 'object',
            description: 'Labels and annotations for it.',
            nullable: true,
            'x-kubernetes-preserve-unknown-fields': true,
          },
        },
        spec: vmiSpecSchema,
      },
      ['spec'],
    ),
    dataVolumeTemplates: notYet(opaqueList('DataVolumes made with the VM.'), 'persistent volumes are not built'),
    instancetype: notYet(opaque('Reference to an instance type.'), instancetypes),
    preference: notYet(opaque('Reference to a preference.'), instancetypes),
    updateVolumesStrategy: notYet(
      text('What a changed volume does.', { enum: ['Migration', 'Replacement'] }),
      'persistent volumes are not built',
    ),
  },
  ['template'],
);

const vmStatusSchema = object('What the VM does.', {
  created: flag('A VMI exists.'),
  ready: flag('The guest runs.'),
  printableStatus: text('The state in one word.'),
  runStrategy: text('The run strategy in force.'),
  conditions: conditionsSchema,
  stateChangeRequests: list(
    'Starts and stops asked for and not yet done.',
    object(
      'A request.',
      {
        action: text('Start or Stop.'),
        uid: text('The VMI that a Stop is meant for.'),
        data: mapOf('Options of a Start.', text('Value.')),
      },
      ['action'],
    ),
  ),
  startFailure: {
    ...object('Failed starts in a row and when the next is tried.', {
      consecutiveFailCount: integer('How many.'),
      lastFailedVMIUID: text('The last one.'),
      retryAfterTimestamp: text('Not before.', { format: 'date-time' }),
    }),
  },
  observedGeneration: integer('The generation that the state is about.', { format: 'int64' }),
  desiredGeneration: integer('The generation that is wanted.', { format: 'int64' }),
  volumeRequests: opaqueList('Volumes asked for.'),
  volumeSnapshotStatuses: opaqueList('Whether volumes can be snapshotted.'),
});

/** The whole object as the API server validates it. */
export const vmSchema: SchemaNode = object(
  'A virtual machine that can be started and stopped.',
  {
    apiVersion: text('kubevirt.io/v1.'),
    kind: text('VirtualMachine.'),
    metadata: { schema: { type: 'object' } },
    spec: vmSpecSchema,
    status: vmStatusSchema,
  },
  ['spec'],
);
