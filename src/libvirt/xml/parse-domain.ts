/** What status needs to know of a domain that libvirt describes. Everything else in the XML is skipped. */
import { XMLParser } from 'fast-xml-parser';
import { DecodeError } from '../../base/errors.ts';

export interface ObservedDomain {
  readonly type: string;
  readonly name: string;
  readonly uuid: string;
  /** -1 when not running. */
  readonly id: number;
  readonly machine: string;
  readonly memoryBytes: bigint;
  readonly currentMemoryBytes: bigint;
  /** Online vCPUs and the most that could be. */
  readonly vcpus: { readonly current: number; readonly maximum: number };
  readonly disks: readonly ObservedDisk[];
  readonly interfaces: readonly ObservedInterface[];
  readonly channels: readonly { readonly name: string; readonly state: 'connected' | 'disconnected' | 'unknown' }[];
  readonly serialSocket: string | undefined;
  readonly vncSocket: string | undefined;
  /** Attributes of our own metadata element's children, by child name: `vmi` to `{ uid, name, namespace }`. */
  readonly metadata: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

export interface ObservedDisk {
  /** As it was given, without `ua-`; libvirt's own alias (`virtio-disk0`) otherwise. */
  readonly alias: string;
  readonly target: string;
  readonly bus: string;
  readonly source: string | undefined;
  readonly readonly: boolean;
}

export interface ObservedInterface {
  readonly alias: string;
  readonly tap: string;
  readonly mac: string;
  readonly linkDown: boolean;
}

/** A domain with hundreds of devices stays far below; libvirt itself allows 4 MiB. */
const MAX_XML_BYTES = 4_194_304;

type Node = { readonly [name: string]: Node | readonly Node[] | string | undefined };

const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: '@',
  textNodeName: '#text',
  parseTagValue: false,
  parseAttributeValue: false,
  alwaysCreateTextNode: true,
  // libvirt writes no DOCTYPE; entities of XML itself are enough.
  processEntities: true,
  ignoreDeclaration: true,
  isArray: (_name, _path, _isLeaf, isAttribute) => !isAttribute,
});

/**
 * Reads `DOMAIN_GET_XML_DESC` output. `metadataPrefix` picks our own element: children of `<prefix:...>` under
 * `<metadata>`. Throws DecodeError.
 */
export function parseDomainXml(xml: string, metadataPrefix: string): ObservedDomain {
  if (xml.length > MAX_XML_BYTES) {
    throw new DecodeError(`domain XML of ${xml.length} characters is longer than ${MAX_XML_BYTES}`);
  }
  if (xml.includes('<!DOCTYPE')) {
    throw new DecodeError('domain XML with a document type');
  }
  let root: Node;
  try {
    root = parser.parse(xml, true) as Node;
  } catch (error) {
    throw new DecodeError('domain XML is not well formed', undefined, { cause: error });
  }
  const domain = child(root, 'domain');
  if (domain === undefined) {
    throw new DecodeError('no <domain> element');
  }
  const devices = child(domain, 'devices') ?? {};
  const memory = child(domain, 'memory');
  const vcpu = child(domain, 'vcpu');
  const maximum = integer(text(vcpu), 'vcpu');
  return {
    type: attribute(domain, 'type') ?? '',
    name: text(child(domain, 'name')),
    uuid: text(child(domain, 'uuid')),
    id: integer(attribute(domain, 'id') ?? '-1', 'id'),
    machine: attribute(child(child(domain, 'os'), 'type'), 'machine') ?? '',
    memoryBytes: bytes(memory),
    currentMemoryBytes: bytes(child(domain, 'currentMemory') ?? memory),
    vcpus: { current: integer(attribute(vcpu, 'current') ?? String(maximum), 'vcpu'), maximum },
    disks: children(devices, 'disk').map(observedDisk),
    interfaces: children(devices, 'interface').map(observedInterface),
    channels: children(devices, 'channel').flatMap(observedChannel),
    serialSocket: attribute(child(child(devices, 'serial'), 'source'), 'path'),
    vncSocket: children(child(devices, 'graphics') ?? {}, 'listen')
      .map((listen) => attribute(listen, 'socket'))
      .find((socket) => socket !== undefined),
    metadata: observedMetadata(child(domain, 'metadata'), metadataPrefix),
  };
}

function observedDisk(disk: Node): ObservedDisk {
  const source = child(disk, 'source');
  return {
    alias: alias(disk),
    target: attribute(child(disk, 'target'), 'dev') ?? '',
    bus: attribute(child(disk, 'target'), 'bus') ?? '',
    source: attribute(source, 'file') ?? attribute(source, 'dev'),
    readonly: child(disk, 'readonly') !== undefined,
  };
}

function observedInterface(nic: Node): ObservedInterface {
  return {
    alias: alias(nic),
    tap: attribute(child(nic, 'target'), 'dev') ?? '',
    mac: attribute(child(nic, 'mac'), 'address') ?? '',
    linkDown: attribute(child(nic, 'link'), 'state') === 'down',
  };
}

function observedChannel(channel: Node): ObservedDomain['channels'] {
  const target = child(channel, 'target');
  const name = attribute(target, 'name');
  const state = attribute(target, 'state');
  return name === undefined
    ? []
    : [{ name, state: state === 'connected' || state === 'disconnected' ? state : 'unknown' }];
}

function observedMetadata(metadata: Node | undefined, prefix: string): ObservedDomain['metadata'] {
  const found: Record<string, Record<string, string>> = {};
  for (const [name, nodes] of Object.entries(metadata ?? {})) {
    const [first] = Array.isArray(nodes) ? (nodes as readonly Node[]) : [];
    if (first !== undefined && name.startsWith(`${prefix}:`)) {
      found[name.slice(prefix.length + 1)] = Object.fromEntries(
        Object.entries(first).flatMap(([key, value]) =>
          key.startsWith('@') && !key.startsWith('@xmlns') && typeof value === 'string' ? [[key.slice(1), value]] : [],
        ),
      );
    }
  }
  return found;
}

function children(node: Node, name: string): readonly Node[] {
  const value = node[name];
  return Array.isArray(value) ? (value as readonly Node[]) : [];
}

function child(node: Node | undefined, name: string): Node | undefined {
  return node === undefined ? undefined : children(node, name)[0];
}

function attribute(node: Node | undefined, name: string): string | undefined {
  const value = node?.[`@${name}`];
  return typeof value === 'string' ? value : undefined;
}

function text(node: Node | undefined): string {
  const value = node?.['#text'];
  return typeof value === 'string' ? value : '';
}

function alias(device: Node): string {
  return (attribute(child(device, 'alias'), 'name') ?? '').replace(/^ua-/, '');
}

function integer(value: string, what: string): number {
  const number = Number(value);
  if (value === '' || !Number.isSafeInteger(number)) {
    throw new DecodeError(`${what} "${value.slice(0, 40)}" is not a number`);
  }
  return number;
}

const unitBytes: Readonly<Record<string, bigint>> = {
  b: 1n,
  bytes: 1n,
  KiB: 1024n,
  k: 1024n,
  MiB: 1024n ** 2n,
  GiB: 1024n ** 3n,
};

/** `<memory unit="KiB">`; libvirt always writes KiB. */
function bytes(memory: Node | undefined): bigint {
  const unit = unitBytes[attribute(memory, 'unit') ?? 'KiB'];
  const digits = text(memory);
  if (unit === undefined || !/^\d{1,18}$/.test(digits)) {
    throw new DecodeError(`memory size "${digits.slice(0, 40)}" is not a size`);
  }
  return BigInt(digits) * unit;
}
