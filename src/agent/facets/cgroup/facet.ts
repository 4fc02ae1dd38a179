import type { Facet } from '../facet.ts';
import { applyCgroupOps } from './apply.ts';
import { describeCgroupOp, reasonOfCgroupOp } from './describe.ts';
import type { CgroupFacts, CgroupObserved, CgroupOp, CgroupSpec } from './model.ts';
import { findSandboxCgroup, observeCgroup } from './observe.ts';
import { planCgroup } from './plan.ts';
import { assumeCgroup, compileCgroup, newCgroup } from './spec.ts';
import { directoryOf, writesOf } from './writes.ts';

/**
 * The sandbox's control group: limits, device rules, and that every process of the sandbox is in it. The Pod's runtime
 * makes it so; what somebody changed later is put back.
 */
export const cgroupFacet: Facet<CgroupFacts, CgroupSpec, CgroupObserved, CgroupOp> = {
  name: 'cgroup',
  needs: [],
  facts: ({ podUid, link, context }) => ({
    cgroup: findSandboxCgroup({ podUid, initPid: link.initPid }),
    pidsMax: context.sandboxPidsMax,
  }),
  assume: ({ pod }, host) => assumeCgroup(pod, host),
  compile: ({ pod }, facts) => compileCgroup(pod, facts),
  observe: ({ link }, spec) => observeCgroup(spec, link.initPid),
  nothing: newCgroup,
  plan: planCgroup,
  apply: (_place, ops) => applyCgroupOps(ops),
  describe: describeCgroupOp,
  reason: reasonOfCgroupOp,
  detail: (op) =>
    op.kind === 'replace-devices'
      ? `an eBPF program on ${directoryOf(op.cgroup, 'devices')}`
      : writesOf(op)
          .map(({ file, text }) => `${file} <- ${text}`)
          .join('\n'),
  isReport: ({ kind }) => kind === 'report-program',
};
