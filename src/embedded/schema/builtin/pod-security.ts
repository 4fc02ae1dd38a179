/** Rights of Pods and containers. Source: core/v1 PodSecurityContext. */
import { flag, list, long, object, open, text } from './build.ts';

export const seLinuxOptions = object('SELinux label.', {
  level: text('Level.'),
  role: text('Role.'),
  type: text('Type.'),
  user: text('User.'),
});

export const seccompProfile = object(
  'Which system calls are allowed.',
  {
    type: text('RuntimeDefault, Localhost or Unconfined.'),
    localhostProfile: text('File on the node, for Localhost.'),
  },
  ['type'],
);

export const appArmorProfile = object(
  'AppArmor profile.',
  { type: text('RuntimeDefault, Localhost or Unconfined.'), localhostProfile: text('Its name, for Localhost.') },
  ['type'],
);

export const podSecurityContext = object('Rights of all containers of the Pod.', {
  appArmorProfile,
  fsGroup: long('Group that owns the volumes.'),
  fsGroupChangePolicy: text('Always, or OnRootMismatch.'),
  runAsGroup: long('Group id.'),
  runAsNonRoot: flag('Refuse to start as root?'),
  runAsUser: long('User id.'),
  seLinuxChangePolicy: text('How volumes are labelled.'),
  seLinuxOptions,
  seccompProfile,
  supplementalGroups: list('Further groups.', { type: 'integer', format: 'int64' }),
  supplementalGroupsPolicy: text('Merge, or Strict.'),
  sysctls: list(
    'Kernel settings of the Pod.',
    object('A setting.', { name: text('Its name.'), value: text('Its value.') }, ['name', 'value']),
  ),
  windowsOptions: open('For Windows only.'),
});
