import { UnsupportedError } from '../../base/errors.ts';
import type { Interface } from '../kinds/virtualmachineinstance/device-types.ts';
import { desiredBridge } from './bridge/bridge.ts';
import { desiredMasquerade } from './masquerade/masquerade.ts';
import type { BindingInput, BindingOutput, BoundInterface } from './types.ts';

type Desired = (input: BindingInput) => BindingOutput;

/** Every binding there is; a new one is a folder and a line here. The key is also the field of the interface. */
const bindings: Readonly<Record<BoundInterface['binding'], Desired>> = {
  masquerade: desiredMasquerade,
  bridge: desiredBridge,
};

/** The binding that an interface asks for. Throws UnsupportedError for one that is not known. */
export function bindingOf(iface: Interface): { name: BoundInterface['binding']; desired: Desired } {
  for (const name of ['masquerade', 'bridge'] as const) {
    if (iface[name] !== undefined) {
      return { name, desired: bindings[name] };
    }
  }
  throw new UnsupportedError(`interface ${iface.name}: its network binding is not supported; use masquerade or bridge`);
}
