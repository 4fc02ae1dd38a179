import { unreachable } from '../../../base/assert.ts';
import type { DomainOp } from './model.ts';

export function describeDomainOp(op: DomainOp): string {
  switch (op.kind) {
    case 'define':
      return `define libvirt domain ${op.name}`;
    case 'start':
      return `start domain ${op.name}${op.paused ? ', paused before its first instruction' : ''}`;
    case 'report':
      return op.change === 'lost'
        ? `the running domain has lost ${op.device} ${op.name}`
        : `the running domain has a ${op.device} ${op.name} that the manifest does not name`;
    default:
      return unreachable(op);
  }
}

export function reasonOfDomainOp(op: DomainOp): string {
  switch (op.kind) {
    case 'define':
      return 'libvirt keeps it as the VM is, for virsh and for a start that has to be tried again';
    case 'start':
      return op.paused ? 'spec.startStrategy is Paused: it waits to be unpaused' : 'the VM is to run';
    case 'report':
      return op.change === 'lost'
        ? 'it was detached by somebody else than vmlet; restart the VM to have it back'
        : 'it was attached by somebody else than vmlet; it goes when the VM is restarted';
    default:
      return unreachable(op);
  }
}
