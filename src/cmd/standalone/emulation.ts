/** Whether guests of this host run with KVM: decided by running guest code, not by the device file's existence. */
import type { Condition } from '../../apimachinery/object.ts';
import { VmletError } from '../../base/errors.ts';
import { probeKvmOncePerBoot } from '../../linux/kvm/remembered-probe.ts';

export interface Acceleration {
  readonly kvm: boolean;
  /** Why not, for people; undefined with KVM. */
  readonly emulationReason: string | undefined;
  readonly condition: Condition;
}

export async function decideAcceleration(mode: 'auto' | 'always' | 'never', runDir: string): Promise<Acceleration> {
  if (mode === 'always') {
    return emulated('emulation was asked for with --emulation always');
  }
  const probe = await probeKvmOncePerBoot(runDir);
  if (probe.usable) {
    return {
      kvm: true,
      emulationReason: undefined,
      condition: { type: 'KvmUsable', status: 'True', reason: 'GuestCodeRan', message: probe.reason },
    };
  }
  const why = [probe.reason, probe.remedy].filter((part) => part !== '').join('; ');
  if (mode === 'never') {
    throw new VmletError('KvmNotUsable', `KVM cannot be used and --emulation never was given: ${why}`);
  }
  return emulated(why);
}

function emulated(why: string): Acceleration {
  return {
    kvm: false,
    emulationReason: why,
    condition: { type: 'KvmUsable', status: 'False', reason: 'Emulated', message: why },
  };
}
