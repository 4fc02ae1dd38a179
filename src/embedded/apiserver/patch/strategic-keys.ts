/**
 * How strategic merge patch treats lists of the built-in kinds: by a key within the items, or as sets of primitives; all
 * others are replaced. Source: the `patchStrategy` and `patchMergeKey` tags of k8s.io/api. The keys are the same wherever a
 * field name occurs in the kinds served here, so the field name is enough.
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
};
const mergedPrimitives: ReadonlySet<string> = new Set(['finalizers', 'podCIDRs']);

export function mergeKeyOf(field: string): string | undefined {
  return Object.hasOwn(mergeKeys, field) ? mergeKeys[field] : undefined;
}

export function mergesPrimitives(field: string): boolean {
  return mergedPrimitives.has(field);
}
