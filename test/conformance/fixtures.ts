/** Objects and definitions that several cases use. */
import type { Json } from './raw-client.ts';

export interface DefinitionOptions {
  readonly group: string;
  readonly plural: string;
  readonly kind: string;
  readonly scope?: 'Namespaced' | 'Cluster';
  /** Schema of `spec`. */
  readonly spec?: Json;
  /** Whole schema instead. */
  readonly schema?: Json;
  readonly names?: Json;
  readonly subresources?: Json;
  readonly columns?: readonly Json[];
  readonly version?: Json;
  readonly moreVersions?: readonly Json[];
}

/** A CustomResourceDefinition with the version v1. */
export function definition(options: DefinitionOptions): Json {
  const { group, plural, kind, scope = 'Namespaced', spec = { type: 'object' } } = options;
  const schema = options.schema ?? {
    type: 'object',
    properties: { spec, status: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
  };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope,
      names: { plural, singular: kind.toLowerCase(), kind, listKind: `${kind}List`, ...options.names },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: { openAPIV3Schema: schema },
          ...(options.subresources && { subresources: options.subresources }),
          ...(options.columns && { additionalPrinterColumns: options.columns }),
          ...options.version,
        },
        ...(options.moreVersions ?? []),
      ],
    },
  };
}

const text = { type: 'string' };

/** Schema of the widgets' spec: something of everything that structural schemas offer. */
export const widgetSpec = {
  type: 'object',
  properties: {
    replicas: { type: 'integer', format: 'int32', minimum: 0, maximum: 100, default: 1 },
    color: { type: 'string', enum: ['red', 'green', 'blue'] },
    code: { type: 'string', pattern: '^[a-z]{2,4}$' },
    short: { type: 'string', minLength: 2, maxLength: 5 },
    ratio: { type: 'number', minimum: 0, exclusiveMinimum: true, maximum: 1 },
    even: { type: 'integer', multipleOf: 2 },
    on: { type: 'boolean' },
    port: { 'x-kubernetes-int-or-string': true },
    when: { type: 'string', format: 'date-time' },
    bytes: { type: 'string', format: 'byte' },
    few: { type: 'array', items: { type: 'integer' }, minItems: 1, maxItems: 3 },
    words: { type: 'object', additionalProperties: text, maxProperties: 3 },
    free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
    maybe: { type: 'string', nullable: true },
    never: { type: 'string' },
    fallback: { type: 'string', default: 'given' },
    nested: {
      type: 'object',
      required: ['must'],
      properties: { must: text, may: { type: 'string', default: 'inner' } },
    },
    either: {
      type: 'object',
      properties: { left: text, right: text },
      oneOf: [{ required: ['left'] }, { required: ['right'] }],
    },
    ports: {
      type: 'array',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['name'],
      items: {
        type: 'object',
        required: ['name'],
        properties: {
          name: text,
          number: { type: 'integer', maximum: 65535 },
          protocol: { type: 'string', default: 'TCP' },
        },
      },
    },
    tags: { type: 'array', 'x-kubernetes-list-type': 'set', items: text },
    args: { type: 'array', 'x-kubernetes-list-type': 'atomic', items: text },
    point: {
      type: 'object',
      'x-kubernetes-map-type': 'atomic',
      properties: { x: { type: 'integer' }, y: { type: 'integer' } },
    },
    template: {
      type: 'object',
      'x-kubernetes-embedded-resource': true,
      'x-kubernetes-preserve-unknown-fields': true,
    },
  },
};

const widgetSchema = {
  type: 'object',
  properties: {
    spec: widgetSpec,
    status: {
      type: 'object',
      properties: { replicas: { type: 'integer' }, selector: text, phase: text, color: text },
    },
  },
};

/** Namespaced, with status, scale, columns, short names, a selectable field and a second, deprecated version. */
export function widgetDefinition(group: string, tag: string): Json {
  return definition({
    group,
    plural: 'widgets',
    kind: 'Widget',
    schema: widgetSchema,
    names: { shortNames: [`wd${tag}`], categories: [`all${tag}`] },
    subresources: {
      status: {},
      scale: {
        specReplicasPath: '.spec.replicas',
        statusReplicasPath: '.status.replicas',
        labelSelectorPath: '.status.selector',
      },
    },
    columns: [
      { name: 'Replicas', type: 'integer', jsonPath: '.spec.replicas' },
      { name: 'Color', type: 'string', jsonPath: '.spec.color', description: 'The colour.' },
      { name: 'Phase', type: 'string', jsonPath: '.status.phase', priority: 1 },
      { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
    ],
    version: { selectableFields: [{ jsonPath: '.spec.color' }] },
    moreVersions: [
      {
        name: 'v1beta1',
        served: true,
        storage: false,
        deprecated: true,
        deprecationWarning: 'widgets v1beta1 is on its way out',
        schema: { openAPIV3Schema: widgetSchema },
        subresources: { status: {} },
      },
      { name: 'v1alpha1', served: false, storage: false, schema: { openAPIV3Schema: widgetSchema } },
    ],
  });
}

/** Cluster-scoped, without subresources: status is a field as any other. */
export function gadgetDefinition(group: string): Json {
  return definition({
    group,
    plural: 'gadgets',
    kind: 'Gadget',
    scope: 'Cluster',
    spec: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
  });
}
