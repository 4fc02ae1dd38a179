/**
 * How strategic merge patch treats lists of the built-in kinds: by a key within the items, or as sets of primitives; all
 * others are replaced. Source: the `patchStrategy` and `patchMergeKey` tags of k8s.io/api. With few exceptions the key is the
 * same wherever a field name occurs in the kinds served here, so the field name is enough.
 */
const mergeKeys: Readonly<Record<string, string>> = {
  conditions: 'type',
  containers: 'name',
  initContainers: 'name',
  ephemeralContainers: 'name',
  env: 'name',
  volumes: 'name',
  volumeMounts: 'mountPath',
  volumeDevices: 'devicePath',
  ports: 'containerPort',
  imagePullSecrets: 'name',
  hostAliases: 'ip',
  ownerReferences: 'uid',
  secrets: 'name',
  addresses: 'type',
  podIPs: 'ip',
  hostIPs: 'ip',
  topologySpreadConstraints: 'topologyKey',
  resourceClaims: 'name',
  schedulingGates: 'name',
  webhooks: 'name',
  matchConditions: 'name',
  variables: 'name',
};
/** By kind; a list without a key is replaced. */
const exceptions: Readonly<Record<string, Readonly<Record<string, string | undefined>>>> = {
  Service: { ports: 'port' },
  EndpointSlice: { ports: undefined },
};
const mergedPrimitives: ReadonlySet<string> = new Set(['finalizers', 'podCIDRs']);

/** `kind` is that of the object that is patched. */
export function mergeKeyOf(kind: unknown, field: string): string | undefined {
  const own = typeof kind === 'string' && Object.hasOwn(exceptions, kind) ? exceptions[kind] : undefined;
  if (own !== undefined && Object.hasOwn(own, field)) {
    return own[field];
  }
  return Object.hasOwn(mergeKeys, field) ? mergeKeys[field] : undefined;
}

export function mergesPrimitives(field: string): boolean {
  return mergedPrimitives.has(field);
}
