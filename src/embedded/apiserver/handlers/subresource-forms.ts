/** What discovery says of subresources: how they may be used, and of what kind they are. Source: kube-apiserver's /api/v1. */
import type { ResourceDefinition, ResourceVersion } from '../resource.ts';
import type { ApiResource } from '../types.ts';

type Form = Pick<ApiResource, 'verbs'> & Partial<Pick<ApiResource, 'group' | 'version' | 'kind'>>;

/** Parts of the object itself. */
const part: Form = { verbs: ['get', 'patch', 'update'] };

/** Those that a strategy names. Where there is no kind it is the resource's. */
const forms: Readonly<Record<string, Form>> = {
  attach: { verbs: ['create', 'get'], kind: 'PodAttachOptions' },
  binding: { verbs: ['create'], kind: 'Binding' },
  eviction: { verbs: ['create'], group: 'policy', version: 'v1', kind: 'Eviction' },
  exec: { verbs: ['create', 'get'], kind: 'PodExecOptions' },
  finalize: { verbs: ['update'] },
  log: { verbs: ['get'] },
  portforward: { verbs: ['create', 'get'], kind: 'PodPortForwardOptions' },
  token: { verbs: ['create'], group: 'authentication.k8s.io', version: 'v1', kind: 'TokenRequest' },
};

export function describeSubresources(definition: ResourceDefinition, version: ResourceVersion): ApiResource[] {
  const { kind, namespaced, resource, strategy } = definition;
  const served: [name: string, form: Form | undefined][] = [
    ...(version.hasStatus ? [['status', part] as [string, Form]] : []),
    ...(version.scale
      ? [['scale', { ...part, group: 'autoscaling', version: 'v1', kind: 'Scale' }] as [string, Form]]
      : []),
    ...(strategy.subresources ?? []).map((name): [string, Form | undefined] => [name, forms[name]]),
  ];
  return served.flatMap(([name, form]) =>
    form === undefined ? [] : [{ name: `${resource}/${name}`, singularName: '', namespaced, kind, ...form }],
  );
}
