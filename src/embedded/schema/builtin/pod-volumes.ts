/** Volumes of a Pod. Source: core/v1 Volume. */
import type { JsonSchema } from '../json-schema.ts';
import { flag, integer, list, long, object, open, quantity, text, texts } from './build.ts';
import { keyToPaths, localReference } from './common.ts';
import { fieldReference, resourceFieldReference } from './pod-container.ts';

const downwardFiles = list(
  'The files.',
  object(
    'A file.',
    {
      path: text('The file, relative to the volume.'),
      fieldRef: fieldReference,
      resourceFieldRef: resourceFieldReference,
      mode: integer('Permission bits of the file.'),
    },
    ['path'],
  ),
);

/** Kinds of storage that no node of vmlet offers: taken as they are, so that manifests made for others are understood. */
const foreign = Object.fromEntries(
  [
    'awsElasticBlockStore',
    'azureDisk',
    'azureFile',
    'cephfs',
    'cinder',
    'fc',
    'flexVolume',
    'flocker',
    'gcePersistentDisk',
    'gitRepo',
    'glusterfs',
    'iscsi',
    'photonPersistentDisk',
    'portworxVolume',
    'quobyte',
    'rbd',
    'scaleIO',
    'storageos',
    'vsphereVolume',
  ].map((name): [string, JsonSchema] => [name, open(`Storage of the kind ${name}.`)]),
);

const volume = object(
  'A directory or device that containers can mount.',
  {
    ...foreign,
    name: text('Name of the volume, unique in the Pod.'),
    configMap: object('The entries of a ConfigMap as files.', {
      name: text('The ConfigMap.'),
      items: keyToPaths('Which entries; all by default.'),
      defaultMode: integer('Permission bits of the files.'),
      optional: flag('May it be missing?'),
    }),
    csi: object(
      'Storage that a driver makes for the Pod.',
      {
        driver: text('The driver.'),
        fsType: text('File system.'),
        nodePublishSecretRef: localReference('A Secret for the driver.'),
        readOnly: flag('Is it read-only?'),
        volumeAttributes: texts('Settings of the driver.'),
      },
      ['driver'],
    ),
    downwardAPI: object('Facts about the Pod as files.', {
      items: downwardFiles,
      defaultMode: integer('Permission bits of the files.'),
    }),
    emptyDir: object('Empty at the start of the Pod, gone at its end.', {
      medium: text('Memory: keep it in memory.'),
      sizeLimit: quantity('At most this large.'),
    }),
    ephemeral: open('A claim that lives as long as the Pod.'),
    hostPath: object(
      'A path of the host.',
      { path: text('The path.'), type: text('What must be there: Directory, File, Socket, ...') },
      ['path'],
    ),
    image: object('The files of an image, read-only.', {
      reference: text('The image.'),
      pullPolicy: text('Always, IfNotPresent or Never.'),
    }),
    nfs: object(
      'A directory of an NFS server.',
      { server: text('The server.'), path: text('The directory.'), readOnly: flag('Is it read-only?') },
      ['server', 'path'],
    ),
    persistentVolumeClaim: object(
      'Storage that outlives the Pod.',
      { claimName: text('The claim.'), readOnly: flag('Is it read-only?') },
      ['claimName'],
    ),
    projected: object('Several sources in one directory.', {
      defaultMode: integer('Permission bits of the files.'),
      sources: list(
        'The sources.',
        object('A source.', {
          clusterTrustBundle: open('Certificates of a bundle.'),
          configMap: object('Entries of a ConfigMap.', {
            name: text('The ConfigMap.'),
            items: keyToPaths('Which entries.'),
            optional: flag('May it be missing?'),
          }),
          downwardAPI: object('Facts about the Pod.', { items: downwardFiles }),
          podCertificate: open('A certificate for the Pod.'),
          secret: object('Entries of a Secret.', {
            name: text('The Secret.'),
            items: keyToPaths('Which entries.'),
            optional: flag('May it be missing?'),
          }),
          serviceAccountToken: object(
            'A token of the service account.',
            {
              path: text('The file.'),
              audience: text('Who takes the token.'),
              expirationSeconds: long('How long it is valid.'),
            },
            ['path'],
          ),
        }),
      ),
    }),
    secret: object('The entries of a Secret as files.', {
      secretName: text('The Secret.'),
      items: keyToPaths('Which entries; all by default.'),
      defaultMode: integer('Permission bits of the files.'),
      optional: flag('May it be missing?'),
    }),
  },
  ['name'],
);

export const podVolumes: JsonSchema = {
  ...list('Directories and devices that containers can mount.', volume),
  'x-kubernetes-patch-merge-key': 'name',
  'x-kubernetes-patch-strategy': 'merge,retainKeys',
};
