/** Nodes. */
import type { Node } from '../../../apimachinery/core.ts';
import type { ResourceDefinition } from '../resource.ts';
import { ageColumn, column, defineBuiltin } from './define.ts';
import type { BuiltinSchemas } from './define.ts';

const rolePrefix = 'node-role.kubernetes.io/';

export function nodeDefinition(schemas: BuiltinSchemas): ResourceDefinition {
  return defineBuiltin(
    {
      group: '',
      resource: 'nodes',
      kind: 'Node',
      namespaced: false,
      shortNames: ['no'],
      hasStatus: true,
      strategy: { fields: { 'spec.unschedulable': (object) => (object as Node).spec?.unschedulable ?? false } },
      columns: [
        column<Node>('Status', nodeStatus),
        column<Node>('Roles', roles),
        ageColumn,
        column<Node>('Version', (node) => node.status?.nodeInfo?.['kubeletVersion']),
        column<Node>('Internal-IP', (node) => address(node, 'InternalIP'), { priority: 1 }),
        column<Node>('External-IP', (node) => address(node, 'ExternalIP'), { priority: 1 }),
        column<Node>('OS-Image', (node) => node.status?.nodeInfo?.['osImage'] ?? '<unknown>', { priority: 1 }),
        column<Node>('Kernel-Version', (node) => node.status?.nodeInfo?.['kernelVersion'] ?? '<unknown>', {
          priority: 1,
        }),
        column<Node>('Container-Runtime', (node) => node.status?.nodeInfo?.['containerRuntimeVersion'] ?? '<unknown>', {
          priority: 1,
        }),
      ],
    },
    schemas,
  );
}

function nodeStatus(node: Node): string {
  const ready = (node.status?.conditions ?? []).find((condition) => condition.type === 'Ready');
  const text = ready === undefined ? 'Unknown' : ready.status === 'True' ? 'Ready' : 'NotReady';
  return node.spec?.unschedulable === true ? `${text},SchedulingDisabled` : text;
}

function roles(node: Node): string {
  const names = Object.keys(node.metadata.labels ?? {})
    .filter((label) => label.startsWith(rolePrefix) && label !== rolePrefix)
    .map((label) => label.slice(rolePrefix.length));
  return names.length === 0 ? '<none>' : names.sort().join(',');
}

function address(node: Node, type: string): string {
  return (node.status?.addresses ?? []).find((candidate) => candidate.type === type)?.address ?? '<none>';
}
