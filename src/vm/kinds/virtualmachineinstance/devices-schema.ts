/** Schema of `spec.domain.devices`. */
import {
  flag,
  integer,
  list,
  marker,
  notYet,
  object,
  opaque,
  opaqueList,
  text,
  type SchemaNode,
} from '../schema/dsl.ts';

const bus = (what: string): SchemaNode => text(what, { enum: ['virtio', 'sata', 'scsi', 'usb'] });
const pciAddress = text('Fixed PCI address: 0000:81:01.0.', { maxLength: 16 });
const bootOrder = integer('Place in the boot order, from 1, unique among disks and interfaces.', {});
const tag = notYet(text('Tag that the guest finds in cloud-init metadata.'));

const disk = object(
  'A disk; its content is the volume of the same name. A disk when no kind is given.',
  {
    name: text('Name of the volume.', { minLength: 1, maxLength: 63 }),
    disk: object('A hard disk.', {
      bus: bus('How the guest reaches it; sata on amd64 and virtio on arm64 when absent.'),
      readonly: flag('The guest cannot write.'),
      pciAddress,
    }),
    cdrom: object('A CD-ROM drive.', {
      bus: bus('How the guest reaches it; sata when absent.'),
      readonly: flag('Always read-only; true when absent.'),
      tray: text('Whether the tray starts open or closed; closed when absent.', { enum: ['open', 'closed'] }),
    }),
    lun: notYet(opaque('A SCSI LUN with command pass-through.'), 'it needs block volumes'),
    bootOrder,
    serial: text('Serial number that the guest sees.', { maxLength: 256 }),
    cache: text('Host caching; none where the file system allows it, writethrough elsewhere, when absent.', {
      enum: ['none', 'writethrough', 'writeback'],
    }),
    io: text('How QEMU does I/O.', { enum: ['native', 'threads'] }),
    errorPolicy: text('What an I/O error on the host does; stop when absent.', {
      enum: ['stop', 'ignore', 'report', 'enospace'],
    }),
    tag,
    dedicatedIOThread: flag('An I/O thread of its own; virtio disks only.'),
    blockSize: notYet(opaque('Block sizes that the guest sees.')),
    shareable: notYet(flag('May be attached to several VMs.'), 'it needs shared volumes'),
    changedBlockTracking: notYet(flag('Keeps a bitmap of changed blocks.'), 'backups are not built'),
  },
  ['name'],
);

const discontinued = 'KubeVirt discontinued it; use masquerade or bridge';

const networkInterface = object(
  'A network card and how it is bound to the network of the same name.',
  {
    name: text('Name of the network.', { minLength: 1, maxLength: 63 }),
    masquerade: marker('The guest has a private address behind the Pod’s; ports are forwarded.'),
    bridge: marker('The guest takes over the Pod’s address.'),
    model: text('Card model; virtio when absent.', {
      enum: ['virtio', 'e1000', 'e1000e', 'igb', 'ne2k_pci', 'pcnet', 'rtl8139'],
    }),
    macAddress: text('MAC address: de:ad:00:00:be:af.', { maxLength: 23 }),
    ports: list(
      'Ports of the Pod that reach the guest; all when absent. Masquerade only.',
      object(
        'One port.',
        {
          name: text('Name, unique in the list.', { maxLength: 63 }),
          protocol: text('TCP when absent.', { enum: ['TCP', 'UDP'] }),
          port: integer('1 to 65535.'),
        },
        ['port'],
      ),
    ),
    bootOrder,
    pciAddress,
    dhcpOptions: object('What the guest’s DHCP server adds.', {
      bootFileName: text('Option 67.', { maxLength: 255 }),
      tftpServerName: text('Option 66.', { maxLength: 255 }),
      ntpServers: list('Option 42: IPv4 addresses.', text('IPv4 address.', { maxLength: 15 })),
      privateOptions: list(
        'Options 224 to 254.',
        object('One option.', { option: integer('Number.'), value: text('Value.', { maxLength: 255 }) }, [
          'option',
          'value',
        ]),
      ),
    }),
    state: text('Link state.', {
      enum: ['up', 'down', 'absent'],
      notYetValues: { absent: 'unplugging is not built' },
    }),
    tag,
    acpiIndex: integer('Stable interface index for the guest.', { minimum: 1, maximum: 16_383 }),
    portRanges: notYet(opaqueList('Ranges of forwarded ports.'), 'list single ports'),
    sriov: notYet(marker('A virtual function of the host’s card.'), 'device passthrough is not built'),
    passtBinding: notYet(marker('User-mode networking by passt.'), 'use masquerade or bridge'),
    binding: notYet(
      object('A network binding plug-in.', { name: text('Name of the registered plug-in.') }, ['name']),
      'use masquerade or bridge',
    ),
    slirp: notYet(marker('User-mode networking by QEMU.'), discontinued),
    macvtap: notYet(marker('A macvtap device.'), discontinued),
    passt: notYet(marker('The old form of passtBinding.'), discontinued),
  },
  ['name'],
);

const passthrough = 'device passthrough is not built';

/** `spec.domain.devices`. */
export const devicesSchema: SchemaNode = object('Virtual devices.', {
  disks: list('Disks and CD-ROM drives.', disk, { mapKey: 'name' }),
  interfaces: list('Network cards; one masquerade card on the pod network when absent.', networkInterface, {
    mapKey: 'name',
  }),
  inputs: list(
    'Input devices.',
    object(
      'An input device.',
      {
        name: text('Name.', { minLength: 1, maxLength: 63 }),
        type: text('Kind of device.', { enum: ['tablet', 'keyboard'] }),
        bus: text('usb when absent.', { enum: ['usb', 'virtio'] }),
      },
      ['name', 'type'],
    ),
  ),
  rng: marker('A virtio random number generator fed by the host’s /dev/urandom.'),
  autoattachPodInterface: flag('Adds the pod network when no interface is given; true when absent.'),
  autoattachGraphicsDevice: flag('A video device and VNC; true when absent.'),
  autoattachSerialConsole: flag('A serial console; true when absent.'),
  autoattachMemBalloon: flag('A memory balloon for statistics; true when absent.'),
  networkInterfaceMultiqueue: flag('One queue per virtual CPU on virtio network cards.'),
  blockMultiQueue: flag('One queue per virtual CPU on virtio disks.'),
  disableHotplug: flag('Leaves out what hotplug needs.'),
  autoattachInputDevice: notYet(flag('Adds a tablet.'), 'list it under inputs'),
  autoattachVSOCK: notYet(flag('A vsock device.')),
  logSerialConsole: notYet(flag('Keeps what the serial console prints.')),
  useVirtioTransitional: flag('Virtio 0.9 compatible devices, for old guests.'),
  video: object('The video device.', {
    type: text('Model; vga when absent, bochs with UEFI.', { enum: ['vga', 'virtio', 'bochs', 'ramfb', 'cirrus'] }),
  }),
  watchdog: notYet(opaque('A watchdog device.')),
  tpm: notYet(object('A TPM 2.0.', { enabled: flag('Whether it is there.'), persistent: flag('Keeps its state.') })),
  sound: notYet(opaque('A sound card.')),
  gpus: notYet(opaqueList('GPUs of the host.'), passthrough),
  hostDevices: notYet(opaqueList('Devices of the host.'), passthrough),
  filesystems: notYet(opaqueList('Shared directories (virtiofs).')),
  clientPassthrough: notYet(marker('USB devices of the client.')),
  panicDevices: notYet(opaqueList('Devices that report a guest panic.')),
  downwardMetrics: notYet(marker('Host metrics for the guest.')),
});
