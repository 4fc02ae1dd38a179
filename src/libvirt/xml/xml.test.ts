import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { XMLParser, XMLValidator } from 'fast-xml-parser';
import * as fc from 'fast-check';
import { DecodeError } from '../../base/errors.ts';
import { EncodeError } from '../xdr/xdr.ts';
import { parseDomainXml } from './parse-domain.ts';
import { element, formatXml } from './xml-element.ts';

const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: '@',
  trimValues: false,
  parseTagValue: false,
  alwaysCreateTextNode: true,
});

describe('formatXml', () => {
  it('skips what is not there and spells booleans as libvirt does', () => {
    const xml = formatXml(element('a', { b: true, c: false, d: undefined, e: 5n }, [undefined, false, element('f')]));
    assert.equal(xml, '<a b="yes" c="no" e="5">\n  <f/>\n</a>\n');
  });

  it('any text comes back as it went in, or is refused', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 40 }), fc.string({ maxLength: 40 }), (content, value) => {
        let xml: string;
        try {
          xml = formatXml(element('a', { b: value }, content));
        } catch (error) {
          assert.ok(error instanceof EncodeError);
          // oxlint-disable-next-line no-control-regex -- these are what is refused
          assert.match(content + value, /[\p{Cc}\p{Cs}\u2028\u2029\ufffe\uffff]/u);
          return;
        }
        assert.equal(XMLValidator.validate(xml), true);
        const parsed = parser.parse(xml) as { a: Record<string, string> };
        assert.equal(parsed.a['#text'], content);
        assert.equal(parsed.a['@b'], value);
      }),
    );
  });

  it('names are checked', () => {
    assert.throws(() => element('a b'), EncodeError);
    assert.throws(() => element('a', { 'x="1" y': 1 }), EncodeError);
  });
});

describe('parseDomainXml', () => {
  it('reads what libvirt writes of a running domain', () => {
    const observed = parseDomainXml(
      `<domain type='kvm' id='3'><name>ns_a</name><uuid>u</uuid>
      <metadata><vmlet:vmi xmlns:vmlet='urn:x' uid='1' name='a&amp;b'/><other:x xmlns:other='urn:y'/></metadata>
      <memory unit='KiB'>1048576</memory><currentMemory unit='KiB'>524288</currentMemory>
      <vcpu placement='static' current='1'>4</vcpu><os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type></os>
      <devices>
      <disk type='block' device='disk'><source dev='/dev/x' index='1'/><target dev='vda' bus='virtio'/>
        <alias name='ua-root'/></disk>
      <interface type='ethernet'><mac address='02:00:00:00:00:01'/><target dev='tap0' managed='no'/>
        <link state='down'/><alias name='net0'/></interface>
      <serial type='unix'><source mode='bind' path='/p/virt-serial0'/></serial>
      <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0' state='connected'/></channel>
      <graphics type='vnc' socket='/p/virt-vnc'><listen type='socket' socket='/p/virt-vnc'/></graphics>
      </devices></domain>`,
      'vmlet',
    );
    assert.deepEqual(observed, {
      type: 'kvm',
      name: 'ns_a',
      uuid: 'u',
      id: 3,
      machine: 'pc-q35-7.2',
      memoryBytes: 1_073_741_824n,
      currentMemoryBytes: 536_870_912n,
      vcpus: { current: 1, maximum: 4 },
      disks: [{ alias: 'root', target: 'vda', bus: 'virtio', source: '/dev/x', readonly: false }],
      interfaces: [{ alias: 'net0', tap: 'tap0', mac: '02:00:00:00:00:01', linkDown: true }],
      channels: [{ name: 'org.qemu.guest_agent.0', state: 'connected' }],
      serialSocket: '/p/virt-serial0',
      vncSocket: '/p/virt-vnc',
      metadata: { vmi: { uid: '1', name: 'a&b' } },
    });
  });

  it('anything else is a DecodeError', () => {
    const bad = [
      '',
      'x',
      '<domain',
      '<domain/>',
      '<domain><memory>1</memory></domain>',
      '<!DOCTYPE d [<!ENTITY a "b">]><domain>&a;</domain>',
      `<domain>${' '.repeat(5_000_000)}</domain>`,
      '<domain><__proto__/><memory>1</memory></domain>',
    ];
    for (const xml of bad) {
      assert.throws(() => parseDomainXml(xml, 'vmlet'), DecodeError, xml.slice(0, 40));
    }
    fc.assert(
      fc.property(fc.string({ maxLength: 200 }), (text) => {
        try {
          parseDomainXml(text, 'vmlet');
          assert.fail('text that is no domain was accepted');
        } catch (error) {
          assert.ok(error instanceof DecodeError);
        }
      }),
    );
  });
});
