import { isStartable } from '../../machine/decide.ts';
import type { DomainDeviceNames, DomainObserved, DomainOp, DomainSpec } from './model.ts';

/** Pure and deterministic. A domain that is there and does not run is defined anew: the definition may be an older one. */
export function planDomain(spec: DomainSpec, { domain, devices }: DomainObserved): readonly DomainOp[] {
  if (spec.mayStart && isStartable(domain)) {
    return [
      { kind: 'define', name: spec.name, xml: spec.xml },
      { kind: 'start', name: spec.name, paused: spec.startPaused },
    ];
  }
  return devices === undefined
    ? []
    : [
        ...compareNames('disk', 'disks', spec.devices, devices),
        ...compareNames('interface', 'interfaces', spec.devices, devices),
      ];
}

function compareNames(
  device: 'disk' | 'interface',
  kind: keyof DomainDeviceNames,
  wanted: DomainDeviceNames,
  seen: DomainDeviceNames,
): readonly DomainOp[] {
  const lost = wanted[kind].filter((name) => !seen[kind].includes(name));
  const gained = seen[kind].filter((name) => !wanted[kind].includes(name));
  return [
    ...lost.map((name) => ({ kind: 'report', change: 'lost', device, name }) as const),
    ...gained.map((name) => ({ kind: 'report', change: 'gained', device, name }) as const),
  ];
}
