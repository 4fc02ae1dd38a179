import { cgroupFacet } from './cgroup/facet.ts';
import { domainFacet } from './domain/facet.ts';
import type { AnyFacet } from './facet.ts';
import { filesFacet } from './files/facet.ts';
import { networkFacet } from './network/facet.ts';
import { queuesFacet } from './queues/facet.ts';
import { threadsFacet } from './threads/facet.ts';

/** In the order in which a start goes through them; a facet stands after those that it needs. */
export const facets: readonly AnyFacet[] = [
  cgroupFacet,
  networkFacet,
  queuesFacet,
  filesFacet,
  domainFacet,
  threadsFacet,
];
