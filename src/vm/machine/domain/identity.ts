import { createHash } from 'node:crypto';
import { assert } from '../../../base/assert.ts';
import { element } from '../../../libvirt/xml/xml-element.ts';
import type { XmlElement } from '../../../libvirt/xml/xml-element.ts';
import type { VirtualMachineInstance } from '../../kinds/virtualmachineinstance/types.ts';

/** Namespace and prefix of our element under `<metadata>`. */
export const domainMetadataNamespace = 'urn:vmlet:domain:v1';
export const domainMetadataPrefix = 'vmlet';

/** `<namespace>_<name>`: neither part can contain an underscore. */
export function domainName(vmi: VirtualMachineInstance): string {
  const { namespace, name } = vmi.metadata;
  assert(namespace !== undefined, `VMI "${name}" has no namespace`);
  return `${namespace}_${name}`;
}

/** firmware.uuid when given; else derived from the VMI's uid, so that it stays the same for as long as this VMI lives. */
export function domainUuid(vmi: VirtualMachineInstance): string {
  return vmi.spec.domain.firmware?.uuid ?? uuidFromName(`vmi/${uidOf(vmi)}`);
}

export function uidOf(vmi: VirtualMachineInstance): string {
  assert(vmi.metadata.uid !== undefined, `VMI "${vmi.metadata.name}" has no uid`);
  return vmi.metadata.uid;
}

/** How an agent that finds a running domain knows whose it is. */
export function metadataOf(vmi: VirtualMachineInstance): XmlElement {
  return element(`${domainMetadataPrefix}:vmi`, {
    [`xmlns:${domainMetadataPrefix}`]: domainMetadataNamespace,
    uid: uidOf(vmi),
    namespace: vmi.metadata.namespace,
    name: vmi.metadata.name,
  });
}

/** Our own namespace for version 5 UUIDs. */
const uuidNamespace = Buffer.from('5d1f9e2a8c474b7e9a1360c2f7b4d8e1', 'hex');

/** RFC 9562 version 5. */
function uuidFromName(name: string): string {
  const bytes = createHash('sha1').update(uuidNamespace).update(name).digest().subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x50, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
