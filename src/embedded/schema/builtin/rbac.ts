/** Who may do what. Source: rbac.authorization.k8s.io/v1. */
import { atomic, list, object, text, textList } from './build.ts';
import { labelSelector } from './common.ts';

const rule = object(
  'What may be done to what.',
  {
    verbs: textList('get, list, watch, create, update, patch, delete, deletecollection, or * for all.'),
    apiGroups: textList('API groups of the resources; the empty text is the core group, * is all.'),
    resources: textList('Resources in the plural, subresources behind a slash; * is all.'),
    resourceNames: textList('Only objects of these names; none means all.'),
    nonResourceURLs: textList('Paths that name no resource; * at the end stands for anything. In ClusterRoles only.'),
  },
  ['verbs'],
);
const rules = list('What may be done.', rule);

const subject = atomic(
  object(
    'Who.',
    {
      kind: text('User, Group or ServiceAccount.'),
      apiGroup: text('Empty for ServiceAccounts, else rbac.authorization.k8s.io.'),
      name: text('The name.'),
      namespace: text('Of a ServiceAccount.'),
    },
    ['kind', 'name'],
  ),
);

const roleRef = atomic(
  object(
    'The role that is given. Cannot be changed.',
    {
      apiGroup: text('rbac.authorization.k8s.io.'),
      kind: text('Role or ClusterRole.'),
      name: text('Name of the role.'),
    },
    ['kind', 'name'],
  ),
);

const subjects = list('Who gets the role.', subject);

export const roleSchema = object('Rights within one namespace.', { rules });
export const clusterRoleSchema = object('Rights in the whole cluster, or for use in several namespaces.', {
  rules,
  aggregationRule: object('Rules are gathered from other roles; what is written into them is lost.', {
    clusterRoleSelectors: list('Roles with these labels are gathered.', labelSelector('Labels of the roles.')),
  }),
});
export const roleBindingSchema = object('Gives a role to somebody within one namespace.', { subjects, roleRef }, [
  'roleRef',
]);
export const clusterRoleBindingSchema = object(
  'Gives a role to somebody in the whole cluster.',
  { subjects, roleRef },
  ['roleRef'],
);
