/**
 * CustomResourceDefinitions of the kinds, for the embedded API server and, as YAML under manifests/crds, for a cluster.
 * Short names, categories, printer columns and subresources are KubeVirt's: a VirtualMachine has a status subresource,
 * a VirtualMachineInstance keeps its status in the main object.
 */
import type { OpenApiSchema, SchemaNode } from './schema/dsl.ts';
import { vmSchema } from './virtualmachine/schema.ts';
import { vmiSchema } from './virtualmachineinstance/schema.ts';

export interface PrinterColumn {
  readonly name: string;
  readonly type: 'string' | 'date' | 'integer' | 'boolean';
  readonly jsonPath: string;
  readonly description?: string;
  /** 1 shows only with `-o wide`. */
  readonly priority?: number;
}

export interface CustomResourceDefinition {
  apiVersion: 'apiextensions.k8s.io/v1';
  kind: 'CustomResourceDefinition';
  metadata: { name: string; labels: Record<string, string> };
  spec: {
    group: string;
    scope: 'Namespaced' | 'Cluster';
    names: {
      kind: string;
      listKind: string;
      plural: string;
      singular: string;
      shortNames: string[];
      categories: string[];
    };
    versions: {
      name: string;
      served: boolean;
      storage: boolean;
      schema: { openAPIV3Schema: OpenApiSchema };
      additionalPrinterColumns: PrinterColumn[];
      subresources?: { status: Record<string, never> };
    }[];
  };
}

const age: PrinterColumn = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' };

function condition(name: string, type: string, priority?: number): PrinterColumn {
  const jsonPath = `.status.conditions[?(@.type=='${type}')].status`;
  return { name, type: 'string', jsonPath, ...(priority === undefined ? {} : { priority }) };
}

const vmiColumns: PrinterColumn[] = [
  age,
  { name: 'Phase', type: 'string', jsonPath: '.status.phase' },
  { name: 'IP', type: 'string', jsonPath: '.status.interfaces[0].ipAddress' },
  { name: 'NodeName', type: 'string', jsonPath: '.status.nodeName' },
  condition('Ready', 'Ready'),
  condition('Live-Migratable', 'LiveMigratable', 1),
  condition('Paused', 'Paused', 1),
];

const vmColumns: PrinterColumn[] = [
  age,
  { name: 'Status', type: 'string', jsonPath: '.status.printableStatus', description: 'Human readable status' },
  condition('Ready', 'Ready'),
];

/** All CustomResourceDefinitions of this product, in the order in which they are to be applied. */
export function buildCrds(): CustomResourceDefinition[] {
  return [
    buildCrd({
      kind: 'VirtualMachineInstance',
      plural: 'virtualmachineinstances',
      shortNames: ['vmi', 'vmis'],
      schema: vmiSchema,
      columns: vmiColumns,
      statusSubresource: false,
    }),
    buildCrd({
      kind: 'VirtualMachine',
      plural: 'virtualmachines',
      shortNames: ['vm', 'vms'],
      schema: vmSchema,
      columns: vmColumns,
      statusSubresource: true,
    }),
  ];
}

function buildCrd(kind: {
  kind: string;
  plural: string;
  shortNames: string[];
  schema: SchemaNode;
  columns: PrinterColumn[];
  statusSubresource: boolean;
}): CustomResourceDefinition {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${kind.plural}.kubevirt.io`, labels: { 'app.kubernetes.io/part-of': 'vmlet' } },
    spec: {
      group: 'kubevirt.io',
      scope: 'Namespaced',
      names: {
        kind: kind.kind,
        listKind: `${kind.kind}List`,
        plural: kind.plural,
        singular: kind.kind.toLowerCase(),
        shortNames: kind.shortNames,
        categories: ['all'],
      },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: { openAPIV3Schema: kind.schema.schema },
          additionalPrinterColumns: kind.columns,
          ...(kind.statusSubresource ? { subresources: { status: {} } } : {}),
        },
      ],
    },
  };
}
