/** Every check, in the order of its name's place in the list. */
import { assert } from '../../../../base/assert.ts';
import type { Check } from '../check.ts';
import { checkNames } from '../check-names.ts';
import { cgroupChecks } from './cgroup.ts';
import { cpuChecks } from './cpu.ts';
import { iommuChecks } from './iommu.ts';
import { kvmChecks } from './kvm.ts';
import { limitChecks } from './limits.ts';
import { memoryChecks } from './memory.ts';
import { namespaceChecks } from './namespaces.ts';
import { networkChecks } from './network.ts';
import { nftablesChecks } from './nftables.ts';
import { securityChecks } from './security.ts';
import { storageChecks } from './storage.ts';
import { timeChecks } from './time.ts';
import { toolChecks } from './tools.ts';

const byName = new Map(
  [
    kvmChecks,
    cpuChecks,
    cgroupChecks,
    namespaceChecks,
    networkChecks,
    nftablesChecks,
    memoryChecks,
    limitChecks,
    storageChecks,
    securityChecks,
    iommuChecks,
    timeChecks,
    toolChecks,
  ]
    .flat()
    .map((check) => [check.name, check]),
);

export const checks: readonly Check[] = checkNames.map((name) => {
  const check = byName.get(name);
  assert(check !== undefined, `no check is named ${name}`);
  return check;
});
