import type {
  DomainClock,
  DomainFeatures,
  DomainTimer,
  HypervFeature,
  OnOff,
} from '../../../libvirt/xml/domain-types.ts';
import type {
  Clock,
  DomainSpec,
  FeatureState,
  HypervFeatures,
} from '../../kinds/virtualmachineinstance/domain-types.ts';
import type { DomainFacts } from './facts.ts';

/**
 * Cache for translated code under emulation. QEMU would let it grow to 1 GiB, which the sandbox's memory limit has no
 * room for; a Linux guest's working set fits.
 */
export const TCG_TB_CACHE_MIB = 128;

/** A feature that is named without `enabled` is on. */
function onOff(state: FeatureState | undefined): OnOff | undefined {
  return state === undefined ? undefined : (state.enabled ?? true) ? 'on' : 'off';
}

/** What only KVM can do (its own features, Hyper-V's) is left out under emulation. */
export function featuresOf(domain: DomainSpec, facts: Pick<DomainFacts, 'virtType'>): DomainFeatures {
  const { features } = domain;
  const isKvm = facts.virtType === 'kvm';
  const apicState = onOff(features?.apic);
  const smm = onOff(features?.smm);
  const hyperv = isKvm && features?.hyperv !== undefined ? hypervOf(features.hyperv) : [];
  const pvspinlock = isKvm ? onOff(features?.pvspinlock) : undefined;
  const kvmHidden = isKvm && features?.kvm?.hidden !== undefined ? onOff({ enabled: features.kvm.hidden }) : undefined;
  const eoi = features?.apic?.endOfInterrupt;
  return {
    acpi: onOff(features?.acpi) !== 'off',
    vmport: 'off',
    ...(apicState === 'on' ? { apic: eoi === undefined ? {} : { eoi: eoi ? ('on' as const) : ('off' as const) } } : {}),
    ...(smm === undefined ? {} : { smm }),
    ...(pvspinlock === undefined ? {} : { pvspinlock }),
    ...(kvmHidden === undefined ? {} : { kvmHidden }),
    ...(hyperv.length === 0 ? {} : { hyperv }),
    ...(isKvm ? {} : { tcgTbCacheMiB: TCG_TB_CACHE_MIB }),
  };
}

/** KubeVirt's field to libvirt's element, in libvirt's order. */
const hypervNames: readonly (readonly [keyof HypervFeatures, string])[] = [
  ['relaxed', 'relaxed'],
  ['vapic', 'vapic'],
  ['spinlocks', 'spinlocks'],
  ['vpindex', 'vpindex'],
  ['runtime', 'runtime'],
  ['synic', 'synic'],
  ['synictimer', 'stimer'],
  ['reset', 'reset'],
  ['vendorid', 'vendor_id'],
  ['frequencies', 'frequencies'],
  ['reenlightenment', 'reenlightenment'],
  ['tlbflush', 'tlbflush'],
  ['ipi', 'ipi'],
  ['evmcs', 'evmcs'],
];

/** libvirt and QEMU want a count; this is KubeVirt's. */
const DEFAULT_SPINLOCK_RETRIES = 4096;

function hypervOf(features: HypervFeatures): HypervFeature[] {
  return hypervNames.flatMap(([field, name]) => {
    const state = onOff(features[field]);
    if (state === undefined) {
      return [];
    }
    const on = state === 'on';
    if (on && field === 'spinlocks') {
      return [{ name, state, attributes: { retries: features.spinlocks?.spinlocks ?? DEFAULT_SPINLOCK_RETRIES } }];
    }
    if (on && field === 'vendorid' && features.vendorid?.vendorid !== undefined) {
      return [{ name, state, attributes: { value: features.vendorid.vendorid } }];
    }
    if (on && field === 'synictimer') {
      return [{ name, state, parts: partsOf({ direct: features.synictimer?.direct }) }];
    }
    return [{ name, state }];
  });
}

function partsOf(parts: Readonly<Record<string, FeatureState | undefined>>): NonNullable<HypervFeature['parts']> {
  return Object.entries(parts).flatMap(([name, part]) => {
    const state = onOff(part);
    return state === undefined ? [] : [{ name, state }];
  });
}

export function clockOf(clock: Clock | undefined, facts: Pick<DomainFacts, 'virtType'>): DomainClock {
  const timers = timersOf(clock, facts);
  if (clock?.timezone !== undefined) {
    return { offset: 'timezone', timezone: clock.timezone, timers };
  }
  if (clock?.utc === undefined) {
    return { offset: 'utc', timers };
  }
  const seconds = clock.utc.offsetSeconds;
  return seconds === undefined
    ? { offset: 'utc', adjustment: 'reset', timers }
    : { offset: 'variable', adjustment: seconds, timers };
}

function timersOf(clock: Clock | undefined, facts: Pick<DomainFacts, 'virtType'>): DomainTimer[] {
  const timer = clock?.timer;
  const row = (
    name: DomainTimer['name'],
    given: { present?: boolean; tickPolicy?: string; track?: string } | undefined,
  ): DomainTimer[] =>
    given === undefined
      ? []
      : [{ name, present: given.present ?? true, tickpolicy: given.tickPolicy, track: given.track }];
  return [
    ...row('rtc', timer?.rtc),
    ...row('pit', timer?.pit),
    ...row('hpet', timer?.hpet),
    ...(facts.virtType === 'kvm' ? [...row('kvmclock', timer?.kvm), ...row('hypervclock', timer?.hyperv)] : []),
  ];
}
