import type { CgroupSpec } from './cgroup/model.ts';
import type { DomainSpec } from './domain/model.ts';
import type { FilesSpec } from './files/model.ts';
import type { NetworkSpec } from './network/model.ts';
import type { QueuesSpec } from './queues/model.ts';
import type { ThreadsSpec } from './threads/model.ts';

/** All that must exist on the node for one VM, as plain data: each facet's part under its name. */
export interface MachineSpec {
  readonly cgroup: CgroupSpec;
  readonly network: NetworkSpec;
  readonly files: FilesSpec;
  readonly domain: DomainSpec;
  readonly threads: ThreadsSpec;
  readonly queues: QueuesSpec;
}

export type FacetName = keyof MachineSpec;
