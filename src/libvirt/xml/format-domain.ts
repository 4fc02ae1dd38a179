import type { Domain, DomainClock, DomainCpu, DomainFeatures, Os, Sysinfo } from './domain-types.ts';
import { deviceElements } from './format-devices.ts';
import { element, formatXml } from './xml-element.ts';
import type { XmlElement } from './xml-element.ts';

/** The domain's XML. Pure; the same domain always gives the same text. Throws EncodeError for unfit characters. */
export function formatDomainXml(domain: Domain): string {
  return formatXml(
    element('domain', { type: domain.type }, [
      element('name', {}, domain.name),
      element('uuid', {}, domain.uuid),
      domain.metadata.length > 0 && element('metadata', {}, domain.metadata),
      element('memory', { unit: 'b' }, String(domain.memoryBytes)),
      element('vcpu', { placement: 'static' }, String(domain.vcpus)),
      domain.iothreads > 0 && element('iothreads', {}, String(domain.iothreads)),
      domain.sysinfo && sysinfoElement(domain.sysinfo),
      osElement(domain.os, domain.sysinfo !== undefined),
      featuresElement(domain.features),
      domain.cpu && cpuElement(domain.cpu),
      clockElement(domain.clock),
      element('on_poweroff', {}, 'destroy'),
      element('on_reboot', {}, 'restart'),
      element('on_crash', {}, 'destroy'),
      element('devices', {}, deviceElements(domain.devices)),
      domain.withoutQemuCapabilities.length > 0 &&
        element(
          'qemu:capabilities',
          { 'xmlns:qemu': 'http://libvirt.org/schemas/domain/qemu/1.0' },
          domain.withoutQemuCapabilities.map((capability) => element('qemu:del', { capability })),
        ),
    ]),
  );
}

function sysinfoElement(sysinfo: Sysinfo): XmlElement {
  const entries = (table: Readonly<Record<string, string>>) =>
    Object.entries(table).map(([name, value]) => element('entry', { name }, value));
  return element('sysinfo', { type: 'smbios' }, [
    element('system', {}, entries(sysinfo.system)),
    Object.keys(sysinfo.chassis).length > 0 && element('chassis', {}, entries(sysinfo.chassis)),
  ]);
}

function osElement(os: Os, hasSysinfo: boolean): XmlElement {
  return element('os', {}, [
    element('type', { arch: os.arch, machine: os.machine }, 'hvm'),
    os.loader && element('loader', { readonly: true, secure: os.loader.secure, type: 'pflash' }, os.loader.path),
    os.loader && element('nvram', { template: os.loader.nvramTemplate }, os.loader.nvramPath),
    os.kernel !== undefined && element('kernel', {}, os.kernel),
    os.initrd !== undefined && element('initrd', {}, os.initrd),
    os.cmdline !== undefined && element('cmdline', {}, os.cmdline),
    os.bootMenuTimeoutMs !== undefined && element('bootmenu', { enable: true, timeout: os.bootMenuTimeoutMs }),
    hasSysinfo && element('smbios', { mode: 'sysinfo' }),
    os.biosUseSerial !== undefined && element('bios', { useserial: os.biosUseSerial }),
  ]);
}

function featuresElement(features: DomainFeatures): XmlElement {
  const state = (name: string, value: string | undefined) => value !== undefined && element(name, { state: value });
  return element('features', {}, [
    features.acpi && element('acpi'),
    features.apic && element('apic', { eoi: features.apic.eoi }),
    features.hyperv &&
      element(
        'hyperv',
        { mode: 'custom' },
        features.hyperv.map((feature) =>
          element(
            feature.name,
            { state: feature.state, ...feature.attributes },
            (feature.parts ?? []).map((part) => element(part.name, { state: part.state })),
          ),
        ),
      ),
    features.kvmHidden !== undefined && element('kvm', {}, [element('hidden', { state: features.kvmHidden })]),
    state('pvspinlock', features.pvspinlock),
    state('vmport', features.vmport),
    state('smm', features.smm),
    features.tcgTbCacheMiB !== undefined &&
      element('tcg', {}, [element('tb-cache', { unit: 'MiB' }, String(features.tcgTbCacheMiB))]),
  ]);
}

function cpuElement(cpu: DomainCpu): XmlElement {
  const { sockets, cores, threads } = cpu.topology;
  return element('cpu', { mode: cpu.mode }, [
    cpu.model !== undefined && element('model', {}, cpu.model),
    element('topology', { sockets, cores, threads }),
    ...cpu.features.map(({ name, policy }) => element('feature', { policy, name })),
  ]);
}

function clockElement(clock: DomainClock): XmlElement {
  return element(
    'clock',
    { offset: clock.offset, timezone: clock.timezone, adjustment: clock.adjustment },
    clock.timers.map(({ name, present, tickpolicy, track }) => element('timer', { name, present, tickpolicy, track })),
  );
}
