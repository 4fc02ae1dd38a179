/** Schema of a VMI's status. Written by the controllers and the agent only. */
import { integer, list, mapOf, object, opaque, text, type SchemaNode } from '../schema/dsl.ts';

/** Conditions of the kubevirt.io kinds. */
export const conditionsSchema: SchemaNode = list(
  'What is known about the state, by type.',
  object(
    'A condition.',
    {
      type: text('Kind of condition.'),
      status: text('True, False or Unknown.'),
      reason: text('Short cause.'),
      message: text('Cause and remedy, for a person.', { maxLength: 32_768 }),
      lastProbeTime: { schema: { type: 'string', nullable: true, format: 'date-time' } },
      lastTransitionTime: { schema: { type: 'string', nullable: true, format: 'date-time' } },
    },
    ['type', 'status'],
  ),
);

export const vmiStatusSchema: SchemaNode = object('What the virtual machine does.', {
  phase: text('Pending, Scheduling, Scheduled, Running, Succeeded or Failed.'),
  reason: text('Short cause of the phase.'),
  conditions: conditionsSchema,
  nodeName: text('The node that runs it.'),
  activePods: mapOf('Node by launcher Pod UID.', text('Node name.')),
  phaseTransitionTimestamps: list(
    'When each phase began.',
    object('A phase.', {
      phase: text('Phase.'),
      phaseTransitionTimestamp: text('When.', { format: 'date-time' }),
    }),
  ),
  interfaces: list(
    'Network cards as they are.',
    object('A network card.', {
      name: text('Network.'),
      mac: text('MAC address.'),
      ipAddress: text('First address.'),
      ipAddresses: list('All addresses.', text('Address.')),
      interfaceName: text('Name inside the guest.'),
      podInterfaceName: text('Name in the Pod.'),
      infoSource: text('Who says so.'),
      queueCount: integer('Queues.'),
      linkState: text('up or down.'),
    }),
  ),
  volumeStatus: list(
    'Volumes as they are.',
    object(
      'A volume.',
      {
        name: text('Volume.'),
        target: text('Device in the guest.'),
        phase: text('Phase.'),
        reason: text('Short cause.'),
        message: text('For a person.'),
        size: integer('Bytes.', { format: 'int64' }),
        containerDiskVolume: opaque('The image’s checksum.'),
      },
      ['name', 'target'],
    ),
  ),
  guestOSInfo: object('The guest’s operating system, when an agent told it.', {
    name: text('Name.'),
    id: text('Id.'),
    version: text('Version.'),
    versionId: text('Version id.'),
    prettyName: text('Full name.'),
    kernelRelease: text('Kernel release.'),
    kernelVersion: text('Kernel version.'),
    machine: text('Machine.'),
  }),
  qosClass: text('Quality of service class of the launcher Pod.'),
  launcherContainerImageVersion: text('Launcher image.'),
  runtimeUser: integer('User id of QEMU.', { format: 'int64' }),
  selinuxContext: text('SELinux context of the launcher.'),
  virtualMachineRevisionName: text('Revision of the VM that it was made from.'),
  machine: object('Machine type in use.', { type: text('Machine type.') }),
  currentCPUTopology: object('Topology in use.', {
    cores: integer('Cores.'),
    sockets: integer('Sockets.'),
    threads: integer('Threads.'),
  }),
  memory: object('Memory in use.', {
    guestAtBoot: quantityText('At boot.'),
    guestCurrent: quantityText('Now.'),
    guestRequested: quantityText('Asked for.'),
    memoryOverhead: quantityText('Beside the guest’s own.'),
  }),
  migrationMethod: text('How it would migrate.'),
  migrationTransport: text('By what it would migrate.'),
  migrationState: opaque('A running migration.'),
  evacuationNodeName: text('The node that it must leave.'),
  fsFreezeStatus: text('Whether the file systems are frozen.'),
  VSOCKCID: integer('vsock address.', { format: 'int64' }),
});

function quantityText(description: string): SchemaNode {
  return {
    schema: { description, anyOf: [{ type: 'integer' }, { type: 'string' }], 'x-kubernetes-int-or-string': true },
  };
}
