/**
 * The API server wants its subresource group when it is made; the group wants the client that the server gives, and the
 * node agent, which comes last. Requests that come before all are there get 503.
 */
import { serviceUnavailable } from '../../apimachinery/status.ts';
import type { DelegatedGroup } from '../../embedded/apiserver/types.ts';
import { createSubresourceGroup } from '../../vm/subresources/group.ts';
import type { NodeSubresources, SubresourceContext } from '../../vm/subresources/subresource.ts';

export interface LateNode {
  readonly group: DelegatedGroup;
  /** From now on requests are served. */
  bind(parts: Pick<SubresourceContext, 'client' | 'node'>): void;
}

export function createLateNode(version: string): LateNode {
  let parts: Pick<SubresourceContext, 'client' | 'node'> | undefined;
  const bound = (): Pick<SubresourceContext, 'client' | 'node'> => {
    if (parts === undefined) {
      throw serviceUnavailable('the node agent is still starting');
    }
    return parts;
  };
  const node: NodeSubresources = {
    pause: (vmi) => bound().node.pause(vmi),
    unpause: (vmi) => bound().node.unpause(vmi),
    console: (vmi) => bound().node.console(vmi),
    inspect: (vmi, options) => bound().node.inspect(vmi, options),
    inspectNetwork: (vmi) => bound().node.inspectNetwork(vmi),
    trace: (vmi) => bound().node.trace(vmi),
    explain: (namespace, manifest) => bound().node.explain(namespace, manifest),
    audit: (options) => bound().node.audit(options),
  };
  return {
    group: createSubresourceGroup({
      get client() {
        return bound().client;
      },
      node,
      version,
    }),
    bind(given) {
      parts = given;
    },
  };
}
