/**
 * PUT namespaces/{namespace}/explain-vm with a VirtualMachine or VirtualMachineInstance: what it would cause on a node.
 * Shaped like KubeVirt's expand-vm-spec; nothing is stored or changed.
 */
import { badRequest } from '../../../apimachinery/status.ts';
import { isRecord } from '../../kinds/schema/conforms.ts';
import type { NamespaceResource } from '../subresource.ts';

export const explain: NamespaceResource = {
  name: 'explain-vm',
  method: 'PUT',
  handle: async ({ node }, { namespace, body }) => {
    if (!isRecord(body) || !isRecord(body['metadata'])) {
      throw badRequest('the request body must be a VirtualMachine or a VirtualMachineInstance');
    }
    return { code: 200, body: await node.explain(namespace, body) };
  },
};
