/**
 * GET audit: objects of the kernel that belong to no VM, and VMs that lack some. PUT audit with {"repair": true} also
 * mends what can be mended. About the whole node, so it is in no namespace.
 */
import { badRequest } from '../../../apimachinery/status.ts';
import { isRecord } from '../../kinds/schema/conforms.ts';
import type { ClusterResource } from '../subresource.ts';

export const audit: ClusterResource = {
  name: 'audit',
  methods: ['GET', 'PUT'],
  async handle({ node }, { method, body }) {
    const repair = method === 'PUT' && isRecord(body) && body['repair'] === true;
    if (method === 'PUT' && !repair) {
      throw badRequest('the request body must be {"repair": true}');
    }
    return { code: 200, body: await node.audit({ repair }) };
  },
};
