/**
 * The shape of the built-in kinds as far as the server itself relies on it; other fields are kept as they come. Whoever has
 * complete schemas passes them to `createApiServer` instead. These are too coarse to be published in OpenAPI documents.
 */
import { compileStructuralSchema } from '../../schema/structural-schema.ts';
import { apiVersionOf } from '../resource.ts';
import type { BuiltinSchema, BuiltinSchemas } from './define.ts';

type Schema = Parameters<typeof compileStructuralSchema>[0];

const text: Schema = { type: 'string' };
const integer: Schema = { type: 'integer' };
const flag: Schema = { type: 'boolean' };
const texts: Schema = { type: 'object', additionalProperties: text };
const textList: Schema = { type: 'array', items: text };

function open(properties: Record<string, Schema> = {}, required: string[] = []): Schema {
  return {
    type: 'object',
    'x-kubernetes-preserve-unknown-fields': true,
    properties,
    ...(required.length > 0 && { required }),
  };
}

function list(items: Schema): Schema {
  return { type: 'array', items };
}

const conditions = list(open({ type: text, status: text }, ['type', 'status']));
const env = list(open({ name: text, value: text }, ['name']));
const resources = open({ requests: open(), limits: open() });
const volumeMounts = list(open({ name: text, mountPath: text }, ['name', 'mountPath']));
const containers = list(
  open({ name: text, image: text, command: textList, args: textList, env, resources, volumeMounts }, ['name']),
);
const containerStatuses = list(
  open({
    name: text,
    ready: flag,
    restartCount: integer,
    state: open({ waiting: open({ reason: text }), terminated: open({ reason: text }) }),
  }),
);
const pod = open(
  {
    spec: open(
      {
        containers,
        initContainers: containers,
        volumes: list(open({ name: text }, ['name'])),
        nodeName: text,
        nodeSelector: texts,
        tolerations: list(open()),
        readinessGates: list(open({ conditionType: text })),
        terminationGracePeriodSeconds: integer,
      },
      ['containers'],
    ),
    status: open({ phase: text, reason: text, podIP: text, conditions, containerStatuses }),
  },
  ['spec'],
);
const column = open({ name: text, type: text, jsonPath: text, priority: integer }, ['name', 'type', 'jsonPath']);
const crdVersion = open(
  {
    name: text,
    served: flag,
    storage: flag,
    schema: open({ openAPIV3Schema: open() }),
    subresources: open({
      status: open(),
      scale: open({ specReplicasPath: text, statusReplicasPath: text }, ['specReplicasPath', 'statusReplicasPath']),
    }),
    additionalPrinterColumns: list(column),
    selectableFields: list(open({ jsonPath: text }, ['jsonPath'])),
  },
  ['name', 'served', 'storage'],
);
const crdNames = open(
  { plural: text, singular: text, kind: text, listKind: text, shortNames: textList, categories: textList },
  ['plural', 'kind'],
);
const eventFields = { reason: text, type: text, action: text, reportingInstance: text };
const reference = open({ kind: text, namespace: text, name: text, uid: text });

const shapes: Readonly<Record<string, Schema>> = {
  'v1 Namespace': open({ spec: open({ finalizers: textList }), status: open({ phase: text, conditions }) }),
  'v1 Node': open({
    spec: open({
      unschedulable: flag,
      podCIDRs: textList,
      taints: list(open({ key: text, effect: text }, ['key', 'effect'])),
    }),
    status: open({ conditions, addresses: list(open({ type: text, address: text })), nodeInfo: open() }),
  }),
  'v1 Pod': pod,
  'v1 Secret': open({ type: text, data: texts, stringData: texts, immutable: flag }),
  'v1 ConfigMap': open({ data: texts, binaryData: texts, immutable: flag }),
  'v1 ServiceAccount': open({ secrets: list(open()), imagePullSecrets: list(open()) }),
  'v1 Event': open({ ...eventFields, involvedObject: reference, message: text, source: open(), count: integer }, [
    'involvedObject',
  ]),
  'events.k8s.io/v1 Event': open({ ...eventFields, regarding: reference, note: text, deprecatedSource: open() }),
  'coordination.k8s.io/v1 Lease': open({ spec: open({ leaseDurationSeconds: integer, leaseTransitions: integer }) }),
  'apiextensions.k8s.io/v1 CustomResourceDefinition': open(
    {
      spec: open(
        { group: text, scope: text, names: crdNames, versions: list(crdVersion), conversion: open({ strategy: text }) },
        ['group', 'scope', 'names', 'versions'],
      ),
      status: open({ conditions, storedVersions: textList }),
    },
    ['spec'],
  ),
};

const compiled = new Map<string, BuiltinSchema>();

export const builtinSchemas: BuiltinSchemas = (group, version, kind) => {
  const name = `${apiVersionOf(group, version)} ${kind}`;
  const source = Object.hasOwn(shapes, name) ? shapes[name] : undefined;
  if (source === undefined) {
    return undefined;
  }
  const known = compiled.get(name) ?? { compiled: compileStructuralSchema(source) };
  compiled.set(name, known);
  return known;
};
