import type { Disk, DiskBacking, Interface, PciAddress } from './device-types.ts';
import type { DomainDevices } from './domain-types.ts';
import { element } from './xml-element.ts';
import type { XmlElement } from './xml-element.ts';

/** Children of `<devices>`. */
export function deviceElements(devices: DomainDevices): XmlElement[] {
  const { serialSocket, channels } = devices.consoles;
  const serialSource = element('source', { mode: 'bind', path: serialSocket });
  return [
    element('emulator', {}, devices.emulator),
    ...devices.disks.map(diskElement),
    ...devices.controllers.map(({ type, index, model, queues }) =>
      element('controller', { type, index, model }, [queues !== undefined && element('driver', { queues })]),
    ),
    ...devices.interfaces.map(interfaceElement),
    ...(serialSocket === undefined
      ? []
      : [
          element('serial', { type: 'unix' }, [serialSource, element('target', { port: 0 })]),
          element('console', { type: 'unix' }, [serialSource, element('target', { type: 'serial', port: 0 })]),
        ]),
    ...channels.map(({ name, socket }) =>
      element('channel', { type: 'unix' }, [
        socket !== undefined && element('source', { mode: 'bind', path: socket }),
        element('target', { type: 'virtio', name }),
      ]),
    ),
    ...devices.inputs.map(({ alias, type, bus, model }) =>
      element('input', { type, bus, model }, [aliasElement(alias)]),
    ),
    ...(devices.graphics === undefined
      ? []
      : [
          element('graphics', { type: 'vnc' }, [
            element('listen', { type: 'socket', socket: devices.graphics.vncSocket }),
          ]),
        ]),
    ...(devices.video === undefined
      ? []
      : [
          element('video', {}, [element('model', { type: devices.video.type, vram: devices.video.vramKiB, heads: 1 })]),
        ]),
    element(
      'memballoon',
      { model: devices.balloon.model, freePageReporting: devices.balloon.freePageReporting ? 'on' : undefined },
      [
        devices.balloon.statsPeriodSeconds !== undefined &&
          element('stats', { period: devices.balloon.statsPeriodSeconds }),
      ],
    ),
    ...(devices.rng === undefined
      ? []
      : [element('rng', { model: devices.rng.model }, [element('backend', { model: 'random' }, devices.rng.backend)])]),
  ];
}

function diskElement(disk: Disk): XmlElement {
  const { driver } = disk;
  return element('disk', { type: typeOf(disk.source), device: disk.device, model: disk.model }, [
    element('driver', {
      name: 'qemu',
      type: driver.type,
      cache: driver.cache,
      error_policy: driver.errorPolicy,
      io: driver.io,
      discard: driver.discard,
      queues: driver.queues,
      iothread: driver.iothread,
    }),
    sourceElement(disk.source),
    backingElement(disk.backing),
    element('target', { dev: disk.target.dev, bus: disk.target.bus, tray: disk.target.tray }),
    disk.readonly && element('readonly'),
    disk.serial !== undefined && element('serial', {}, disk.serial),
    disk.bootOrder !== undefined && element('boot', { order: disk.bootOrder }),
    aliasElement(disk.alias),
    disk.address && addressElement(disk.address),
  ]);
}

/** The chain's end is an empty element, which tells libvirt not to look for more. */
function backingElement(backing: readonly DiskBacking[]): XmlElement {
  const [top, ...below] = backing;
  return top === undefined
    ? element('backingStore')
    : element('backingStore', { type: typeOf(top) }, [
        element('format', { type: top.format }),
        sourceElement(top),
        backingElement(below),
      ]);
}

const typeOf = (source: { readonly blockDevice: boolean }): string => (source.blockDevice ? 'block' : 'file');

function sourceElement(source: { readonly path: string; readonly blockDevice: boolean }): XmlElement {
  return element('source', source.blockDevice ? { dev: source.path } : { file: source.path });
}

function interfaceElement(nic: Interface): XmlElement {
  return element('interface', { type: 'ethernet' }, [
    element('mac', { address: nic.mac }),
    element('target', { dev: nic.tap, managed: false }),
    element('model', { type: nic.model }),
    (nic.driver !== undefined || nic.queues !== undefined) &&
      element('driver', { name: nic.driver, queues: nic.queues }),
    nic.linkDown && element('link', { state: 'down' }),
    element('mtu', { size: nic.mtu }),
    nic.bootOrder === undefined ? element('rom', { enabled: false }) : element('boot', { order: nic.bootOrder }),
    nic.acpiIndex !== undefined && element('acpi', { index: nic.acpiIndex }),
    aliasElement(nic.alias),
    nic.address && addressElement(nic.address),
  ]);
}

/** libvirt keeps only aliases that users chose when they begin so. */
function aliasElement(alias: string): XmlElement {
  return element('alias', { name: `ua-${alias}` });
}

const hex = (value: number, digits: number): string => `0x${value.toString(16).padStart(digits, '0')}`;

function addressElement(address: PciAddress): XmlElement {
  return element('address', {
    type: 'pci',
    domain: hex(address.domain, 4),
    bus: hex(address.bus, 2),
    slot: hex(address.slot, 2),
    function: hex(address.function, 1),
  });
}
