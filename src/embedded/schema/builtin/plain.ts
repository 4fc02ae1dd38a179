/** Kinds that are little more than data. Source: core/v1 and coordination.k8s.io/v1. */
import { flag, integer, keyed, object, text, texts, time, textList } from './build.ts';
import { conditions, localReference, objectReference } from './common.ts';

export const namespaceSchema = object('A space for names: objects of different namespaces may have the same name.', {
  spec: object('How the namespace behaves.', {
    finalizers: textList('Who has to agree before the namespace is gone.'),
  }),
  status: object('The state of the namespace.', {
    phase: text('Active, or Terminating while its content is deleted.'),
    conditions: conditions('What holds up a deletion.'),
  }),
});

export const configMapSchema = object('Settings that Pods and virtual machines read.', {
  data: texts('Texts by key.'),
  binaryData: texts('Bytes by key, in base64.'),
  immutable: flag('Refuse every later change of the data?'),
});

export const secretSchema = object('Data that is not for everyone: passwords, keys, cloud-init user data.', {
  type: text('What the data is for: Opaque, kubernetes.io/dockerconfigjson, ... Cannot be changed.'),
  data: texts('Bytes by key, in base64.'),
  stringData: texts('Texts by key, for writing only: they become data.'),
  immutable: flag('Refuse every later change of the data?'),
});

export const serviceAccountSchema = object('An identity for the programs in a Pod.', {
  secrets: keyed('Secrets that Pods of this account may use.', 'name', objectReference('A Secret.')),
  imagePullSecrets: {
    type: 'array',
    description: 'Secrets for pulling the images of Pods of this account.',
    items: localReference('A Secret.'),
  },
  automountServiceAccountToken: flag('Give Pods a token of this account?'),
});

export const leaseSchema = object('A right that one holder at a time has, until it runs out.', {
  spec: object('Who holds the lease, and until when.', {
    holderIdentity: text('The holder.'),
    leaseDurationSeconds: integer('Seconds after renewTime at which others may take the lease.'),
    acquireTime: time('When the holder got it.'),
    renewTime: time('When the holder last renewed it.'),
    leaseTransitions: integer('How often the holder changed.'),
    strategy: text('How a holder is chosen among candidates.'),
    preferredHolder: text('Who should hold it instead.'),
  }),
});
