/** Schema of `spec.volumes` and `spec.networks`. */
import { flag, list, notYet, object, opaque, quantity, text, type SchemaNode } from '../schema/dsl.ts';

const claims = 'persistent volumes are not built';

const secretReference = (what: string): SchemaNode =>
  object(what, { name: text('Name of the Secret.', { minLength: 1, maxLength: 253 }) }, ['name']);

function cloudInit(description: string): SchemaNode {
  return object(description, {
    userData: text('User data, up to 2048 bytes; longer data goes into a Secret.', { maxLength: 65_536 }),
    userDataBase64: text('The same, base64.', { maxLength: 65_536 }),
    secretRef: secretReference('Secret with the key userdata.'),
    networkData: text('Network configuration, up to 2048 bytes.', { maxLength: 65_536 }),
    networkDataBase64: text('The same, base64.', { maxLength: 65_536 }),
    networkDataSecretRef: secretReference('Secret with the key networkdata.'),
  });
}

const volume = object(
  'What a disk holds. Exactly one source.',
  {
    name: text('Name, a DNS label; a disk of the same name uses it.', { minLength: 1, maxLength: 63 }),
    containerDisk: object(
      'A disk image in a container image; the guest’s writes are lost when the VM stops.',
      {
        image: text('Image reference.', { minLength: 1, maxLength: 512 }),
        path: text('Absolute path of the disk in the image; the only file in /disk when absent.', { maxLength: 1024 }),
        imagePullSecret: text('Secret with registry credentials, in the same namespace.', { maxLength: 253 }),
        imagePullPolicy: text('When the image is fetched.', { enum: ['Always', 'IfNotPresent', 'Never'] }),
      },
      ['image'],
    ),
    cloudInitNoCloud: cloudInit('A cloud-init seed in NoCloud form.'),
    cloudInitConfigDrive: cloudInit('A cloud-init seed in ConfigDrive form.'),
    emptyDisk: object('A new empty disk that lives as long as the VM runs.', { capacity: quantity('Size.') }, [
      'capacity',
    ]),
    persistentVolumeClaim: notYet(opaque('A PersistentVolumeClaim.'), claims),
    dataVolume: notYet(opaque('A DataVolume.'), claims),
    ephemeral: notYet(opaque('An overlay on a PersistentVolumeClaim.'), claims),
    hostDisk: notYet(opaque('A disk image on the node.')),
    configMap: notYet(opaque('A ConfigMap as a disk.')),
    secret: notYet(opaque('A Secret as a disk.')),
    downwardAPI: notYet(opaque('Fields of the VMI as a disk.')),
    serviceAccount: notYet(opaque('A service account token as a disk.')),
    sysprep: notYet(opaque('Windows answer files.')),
    downwardMetrics: notYet(opaque('Host metrics as a disk.')),
    memoryDump: notYet(opaque('A volume for memory dumps.'), claims),
    containerPath: notYet(opaque('A path of the launcher’s container.')),
  },
  ['name'],
);

const network = object(
  'A network that an interface of the same name joins.',
  {
    name: text('Name, a DNS label.', { minLength: 1, maxLength: 63 }),
    pod: object('The Pod’s network.', {
      vmNetworkCIDR: text('Private IPv4 network of the masquerade binding; 10.0.2.0/24 when absent.', {
        maxLength: 18,
      }),
      vmIPv6NetworkCIDR: text('The same for IPv6; fd10:0:2::/120 when absent.', { maxLength: 43 }),
    }),
    multus: notYet(
      object(
        'A further network.',
        { networkName: text('namespace/name.'), default: flag('Replaces the pod network.') },
        ['networkName'],
      ),
      'only the pod network works',
    ),
    resourceClaim: notYet(opaque('A network device by resource claim.')),
  },
  ['name'],
);

export const volumesSchema: SchemaNode = list('What the disks hold.', volume, { mapKey: 'name' });
export const networksSchema: SchemaNode = list('Networks that interfaces join.', network, { mapKey: 'name' });
