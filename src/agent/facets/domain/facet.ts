import type { Facet } from '../facet.ts';
import { applyDomainOps } from './apply.ts';
import { describeDomainOp, reasonOfDomainOp } from './describe.ts';
import { emulatorPath } from './emulator.ts';
import type { DomainHostFacts, DomainObserved, DomainOp, DomainSpec } from './model.ts';
import { observeDomain, readDomainFacts } from './observe.ts';
import { planDomain } from './plan.ts';
import { compileDomain } from './spec.ts';

/** The libvirt domain: defined as the VMI says, and started once. */
export const domainFacet: Facet<DomainHostFacts, DomainSpec, DomainObserved, DomainOp> = {
  name: 'domain',
  needs: ['network', 'files'],
  facts: readDomainFacts,
  assume: (_input, host) => {
    const virtType = host.emulationReason === undefined ? 'kvm' : 'qemu';
    return { virtType, vhostNet: virtType === 'kvm' && host.vhostNet, emulatorPath: emulatorPath() };
  },
  compile: ({ vmi }, facts, before) => compileDomain(vmi, facts, before),
  observe: observeDomain,
  nothing: () => ({ domain: { state: 'absent', reason: 'unknown' }, devices: undefined }),
  plan: planDomain,
  apply: applyDomainOps,
  describe: describeDomainOp,
  reason: reasonOfDomainOp,
  detail: (op) => (op.kind === 'define' ? op.xml : undefined),
  isReport: ({ kind }) => kind === 'report',
};
