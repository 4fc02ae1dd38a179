/** Roles for users of VMs. Source: pkg/virt-operator/resource/generate/rbac/cluster.go of KubeVirt. */

export interface AccessRule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

export interface AccessRole {
  readonly name: string;
  /** The cluster's role that gathers this one. */
  readonly aggregateTo: 'admin' | 'edit' | 'view' | undefined;
  readonly rules: readonly AccessRule[];
  /** Groups that have the role without further ado. */
  readonly boundTo: readonly string[];
}

const subresources = 'subresources.kubevirt.io';
const read = ['get', 'list', 'watch'] as const;
const edit = ['get', 'delete', 'create', 'update', 'patch', 'list', 'watch'] as const;
const admin = [...edit, 'deletecollection'] as const;

/** Kinds by group, as far as the groups go; a group that is not served yet costs nothing here. */
const kinds: readonly (readonly [group: string, resources: readonly string[]])[] = [
  [
    'kubevirt.io',
    [
      'virtualmachines',
      'virtualmachineinstances',
      'virtualmachineinstancepresets',
      'virtualmachineinstancereplicasets',
    ],
  ],
  ['snapshot.kubevirt.io', ['virtualmachinesnapshots', 'virtualmachinesnapshotcontents', 'virtualmachinerestores']],
  ['export.kubevirt.io', ['virtualmachineexports']],
  ['clone.kubevirt.io', ['virtualmachineclones']],
  [
    'instancetype.kubevirt.io',
    [
      'virtualmachineinstancetypes',
      'virtualmachineclusterinstancetypes',
      'virtualmachinepreferences',
      'virtualmachineclusterpreferences',
    ],
  ],
  ['pool.kubevirt.io', ['virtualmachinepools']],
];

const migrationsRead: readonly AccessRule[] = [
  { apiGroups: ['kubevirt.io'], resources: ['virtualmachineinstancemigrations'], verbs: read },
  { apiGroups: ['migrations.kubevirt.io'], resources: ['migrationpolicies'], verbs: read },
];

const of = (resource: string, names: readonly string[]): string[] => names.map((name) => `${resource}/${name}`);

const seeGuest = ['guestosinfo', 'filesystemlist', 'userlist'] as const;
const reach = [
  'console',
  'vnc',
  'vnc/screenshot',
  'portforward',
  'sev/fetchcertchain',
  'sev/querylaunchmeasurement',
  'usbredir',
  'inspect',
  'inspectnetwork',
  'trace',
] as const;
const act = [
  'pause',
  'unpause',
  'addvolume',
  'removevolume',
  'freeze',
  'unfreeze',
  'softreboot',
  'reset',
  'sev/setupsession',
  'sev/injectlaunchsecret',
] as const;
const actOnMachine = ['start', 'stop', 'restart', 'addvolume', 'removevolume', 'memorydump'] as const;

const viewSubresources: readonly AccessRule[] = [
  {
    apiGroups: [subresources],
    resources: [...of('virtualmachineinstances', seeGuest), ...of('virtualmachines', ['expand-spec'])],
    verbs: ['get'],
  },
  { apiGroups: [subresources], resources: ['expand-vm-spec'], verbs: ['update'] },
];

const editSubresources: readonly AccessRule[] = [
  {
    apiGroups: [subresources],
    resources: [...of('virtualmachineinstances', reach), ...of('virtualmachines', ['portforward'])],
    verbs: ['get'],
  },
  {
    apiGroups: [subresources],
    resources: [...of('virtualmachineinstances', act), ...of('virtualmachines', actOnMachine), 'explain-vm'],
    verbs: ['update'],
  },
];

const onKinds = (verbs: readonly string[]): AccessRule[] =>
  kinds.map(([group, resources]) => ({ apiGroups: [group], resources, verbs }));

export const accessRoles: readonly AccessRole[] = [
  {
    name: 'kubevirt.io:default',
    aggregateTo: undefined,
    rules: [{ apiGroups: [subresources], resources: ['version', 'guestfs'], verbs: ['get', 'list'] }],
    boundTo: ['system:authenticated', 'system:unauthenticated'],
  },
  {
    name: 'kubevirt.io:admin',
    aggregateTo: 'admin',
    rules: [...viewSubresources, ...editSubresources, ...onKinds(admin), ...migrationsRead],
    boundTo: [],
  },
  {
    name: 'kubevirt.io:edit',
    aggregateTo: 'edit',
    rules: [...viewSubresources, ...editSubresources, ...onKinds(edit), ...migrationsRead],
    boundTo: [],
  },
  {
    name: 'kubevirt.io:view',
    aggregateTo: 'view',
    rules: [...viewSubresources, ...onKinds(read), ...migrationsRead],
    boundTo: [],
  },
  {
    name: 'kubevirt.io:migrate',
    aggregateTo: undefined,
    rules: [
      { apiGroups: [subresources], resources: ['virtualmachines/migrate'], verbs: ['update'] },
      { apiGroups: ['kubevirt.io'], resources: ['virtualmachineinstancemigrations'], verbs: admin },
    ],
    boundTo: [],
  },
];
