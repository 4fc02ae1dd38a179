import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { formatDomainXml } from '../../../libvirt/xml/format-domain.ts';
import { parseDomainXml } from '../../../libvirt/xml/parse-domain.ts';
import type { VirtualMachineInstance } from '../../kinds/virtualmachineinstance/types.ts';
import { compileDomain } from './compile-domain.ts';
import { topologyOf } from './cpu.ts';
import type { DomainFacts } from './facts.ts';
import { domainMetadataPrefix, domainUuid } from './identity.ts';
import { fixtureCases } from './testdata/cases.ts';

describe('compileDomain', () => {
  for (const { name, input, expectedPath } of fixtureCases()) {
    it(`golden ${name}`, () => {
      const xml = formatDomainXml(compileDomain(input));
      if (process.env['VMLET_UPDATE_GOLDEN'] === '1') {
        writeFileSync(expectedPath, xml);
      }
      assert.equal(xml, readFileSync(expectedPath, 'utf8'));
      assert.equal(formatDomainXml(compileDomain(structuredClone(input))), xml);
    });

    it(`${name} is read back`, () => {
      const domain = compileDomain(input);
      const observed = parseDomainXml(formatDomainXml(domain), domainMetadataPrefix);
      assert.equal(observed.name, domain.name);
      assert.equal(observed.uuid, domain.uuid);
      assert.equal(observed.memoryBytes, domain.memoryBytes);
      assert.equal(observed.vcpus.maximum, domain.vcpus);
      assert.deepEqual(
        observed.disks.map(({ alias, target, source }) => ({ alias, target, source })),
        domain.devices.disks.map((disk) => ({ alias: disk.alias, target: disk.target.dev, source: disk.source.path })),
      );
      assert.deepEqual(
        observed.interfaces.map(({ tap, mac }) => ({ tap, mac })),
        domain.devices.interfaces.map(({ tap, mac }) => ({ tap, mac })),
      );
      const { uid, name: vmiName, namespace } = input.vmi.metadata;
      assert.deepEqual(observed.metadata, { vmi: { uid, name: vmiName, namespace } });
    });
  }

  const bare = (over: Partial<VirtualMachineInstance['spec']['domain']> = {}): VirtualMachineInstance => ({
    apiVersion: 'kubevirt.io/v1',
    kind: 'VirtualMachineInstance',
    metadata: { name: 'a', namespace: 'b', uid: '11111111-2222-4333-8444-555555555555' },
    spec: { domain: { memory: { guest: '64Mi' }, devices: {}, ...over } },
  });
  const facts: DomainFacts = {
    virtType: 'qemu',
    emulatorPath: '/usr/bin/qemu-system-x86_64',
    disks: [],
    interfaces: [],
    privateDir: '/p',
  };

  it('many disks get distinct targets beyond z, and keep those they have', () => {
    const names = Array.from({ length: 30 }, (_, index) => `d${index}`);
    const vmi = bare({ devices: { disks: names.map((name) => ({ name, disk: { bus: 'virtio' } })) } });
    vmi.status = { volumeStatus: [{ name: 'd29', target: 'vda' }] };
    const domain = compileDomain({
      vmi,
      facts: { ...facts, disks: names.map((name) => ({ name, path: `/${name}`, format: 'raw' })) },
    });
    const targets = domain.devices.disks.map((disk) => disk.target.dev);
    assert.equal(new Set(targets).size, 30);
    assert.equal(targets[0], 'vdb');
    assert.equal(targets[25], 'vdaa');
    assert.equal(targets[29], 'vda');
  });

  it('topology follows KubeVirt', () => {
    assert.deepEqual(topologyOf(bare().spec.domain), { sockets: 1, cores: 1, threads: 1 });
    assert.deepEqual(topologyOf(bare({ resources: { requests: { cpu: '1500m' } } }).spec.domain), {
      sockets: 2,
      cores: 1,
      threads: 1,
    });
    assert.deepEqual(topologyOf(bare({ cpu: { threads: 2 }, resources: { limits: { cpu: '8' } } }).spec.domain), {
      sockets: 1,
      cores: 1,
      threads: 2,
    });
  });

  it('the uuid is stable for one VMI and differs between VMIs', () => {
    const one = bare();
    const other = bare();
    other.metadata.uid = '11111111-2222-4333-8444-555555555556';
    assert.equal(domainUuid(one), domainUuid(bare()));
    assert.match(domainUuid(one), /^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    assert.notEqual(domainUuid(one), domainUuid(other));
  });

  it('line breaks and control characters cannot get in', () => {
    for (const kernelArgs of ['a\nb', 'a\0b', 'a\u0085b', '\ud800']) {
      const vmi = bare({ firmware: { kernelBoot: { kernelArgs } } });
      assert.throws(() => formatDomainXml(compileDomain({ vmi, facts })), { code: 'Encode' });
    }
  });

  it('facts that the caller forgot are a broken promise', () => {
    const vmi = bare({ devices: { disks: [{ name: 'x', disk: {} }] } });
    assert.throws(() => compileDomain({ vmi, facts }), { code: 'Assertion' });
  });
});
