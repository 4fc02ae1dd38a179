import { VmletError } from '../../../base/errors.ts';
import type { DomainRef } from '../../../libvirt/domain/domain-ref.ts';
import { VIR_DOMAIN_START_PAUSED } from '../../../libvirt/domain/flags.ts';
import type { MachinePlace } from '../facet.ts';
import type { DomainOp } from './model.ts';

/** Starting QEMU pulls in firmware and devices; far longer than any healthy start takes. */
const createTimeoutMs = 120_000;

/** Throws RemoteError with what libvirt refused, CancelledError when `place.signal` ended it. */
export async function applyDomainOps(place: MachinePlace, ops: readonly DomainOp[]): Promise<void> {
  const { link, context, vmi, signal } = place;
  let domain: DomainRef | undefined;
  for (const op of ops) {
    switch (op.kind) {
      case 'define':
        domain = await link.connection.defineDomain(op.xml, 0, { signal });
        context.step(vmi, 'domain defined');
        break;
      case 'start':
        domain ??= await link.connection.findDomainByName(op.name, { signal });
        if (domain === undefined) {
          throw new VmletError('NoDomain', `libvirt knows no domain ${op.name}`);
        }
        await link.connection.createDomain(domain, op.paused ? VIR_DOMAIN_START_PAUSED : 0, {
          signal,
          timeoutMs: createTimeoutMs,
        });
        context.step(vmi, 'domain started');
        break;
      case 'report':
        break;
    }
  }
}
