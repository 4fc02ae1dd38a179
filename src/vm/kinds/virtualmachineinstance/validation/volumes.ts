/** Disks and volumes: `spec.domain.devices.disks` and `spec.volumes`. */
import { forbiddenField, invalidField, requiredField, type FieldError } from '../../../../apimachinery/field-error.ts';
import type { Disk } from '../device-types.ts';
import type { VirtualMachineInstanceSpec } from '../types.ts';
import type { CloudInitSource, Volume } from '../volume-types.ts';
import { checkDnsLabel, checkDnsSubdomain, checkImage, checkImagePath, checkUnique, readQuantity } from './checks.ts';

/** Bytes of user or network data inside a manifest; longer data goes into a Secret. KubeVirt's number. */
const maxInlineBytes = 2048;
const diskKinds = ['disk', 'cdrom', 'lun'] as const;
/** The last PCI function number is 7, the last slot 1f. */
const pciAddress = /^[0-9a-f]{4}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]$/iu;
const diskSerial = /^[A-Za-z0-9_.+-]+$/u;
/** What SeaBIOS, OVMF and QEMU's buses take for each kind of disk. */
const cdromBuses: readonly string[] = ['sata', 'scsi', 'usb'];

export function validateVolumes(
  spec: VirtualMachineInstanceSpec,
  field: string,
  options: { readonly everyVolumeUsed: boolean },
): FieldError[] {
  const disks = spec.domain.devices.disks ?? [];
  const volumes = spec.volumes ?? [];
  const disksField = `${field}.domain.devices.disks`;
  const errors = [
    ...checkUnique(disks.map(({ name }, index) => ({ value: name, field: `${disksField}[${index}].name` }))),
    ...checkUnique(volumes.map(({ name }, index) => ({ value: name, field: `${field}.volumes[${index}].name` }))),
  ];
  const volumeNames = new Set(volumes.map(({ name }) => name));
  for (const [index, disk] of disks.entries()) {
    errors.push(...validateDisk(disk, `${disksField}[${index}]`));
    if (!volumeNames.has(disk.name)) {
      errors.push({
        type: 'NotFound',
        field: `${disksField}[${index}].name`,
        badValue: disk.name,
        detail: `no entry of ${field}.volumes has this name`,
      });
    }
  }
  const diskNames = new Set(disks.map(({ name }) => name));
  for (const [index, volume] of volumes.entries()) {
    errors.push(...validateVolume(volume, `${field}.volumes[${index}]`));
    if (options.everyVolumeUsed && !diskNames.has(volume.name)) {
      errors.push({
        type: 'NotFound',
        field: `${field}.volumes[${index}].name`,
        badValue: volume.name,
        detail: `no entry of ${disksField} has this name`,
      });
    }
  }
  return errors;
}

function validateDisk(disk: Disk, field: string): FieldError[] {
  const errors = checkDnsLabel(disk.name, `${field}.name`);
  const kinds = diskKinds.filter((kind) => disk[kind] !== undefined);
  if (kinds.length > 1) {
    errors.push(forbiddenField(field, `one kind of disk, not ${kinds.join(' and ')}`));
  }
  if (disk.serial !== undefined && !diskSerial.test(disk.serial)) {
    errors.push(invalidField(`${field}.serial`, disk.serial, 'must be made of letters, digits and _ . + -'));
  }
  if (disk.cdrom?.readonly === false) {
    errors.push(invalidField(`${field}.cdrom.readonly`, false, 'a CD-ROM is always read-only'));
  }
  if (disk.cdrom?.bus !== undefined && !cdromBuses.includes(disk.cdrom.bus)) {
    errors.push(invalidField(`${field}.cdrom.bus`, disk.cdrom.bus, `must be one of ${cdromBuses.join(', ')}`));
  }
  if (disk.disk?.pciAddress !== undefined) {
    if (disk.disk.bus !== 'virtio') {
      errors.push(forbiddenField(`${field}.disk.pciAddress`, 'only a virtio disk has a PCI address of its own'));
    }
    errors.push(...checkPciAddress(disk.disk.pciAddress, `${field}.disk.pciAddress`));
  }
  if (disk.io === 'native' && disk.cache !== undefined && disk.cache !== 'none') {
    errors.push(invalidField(`${field}.io`, disk.io, 'native needs cache none'));
  }
  return errors;
}

export function checkPciAddress(address: string, field: string): FieldError[] {
  return pciAddress.test(address) ? [] : [invalidField(field, address, 'must be a PCI address such as 0000:81:01.0')];
}

const sources = [
  'containerDisk',
  'cloudInitNoCloud',
  'cloudInitConfigDrive',
  'emptyDisk',
  'persistentVolumeClaim',
  'dataVolume',
  'ephemeral',
  'hostDisk',
  'configMap',
  'secret',
  'downwardAPI',
  'serviceAccount',
  'sysprep',
  'downwardMetrics',
  'memoryDump',
  'containerPath',
] as const;

function validateVolume(volume: Volume, field: string): FieldError[] {
  const errors = checkDnsLabel(volume.name, `${field}.name`);
  const set = sources.filter((source) => volume[source] !== undefined);
  if (set.length === 0) {
    errors.push(requiredField(field, 'a volume needs a source: containerDisk, cloudInitNoCloud, emptyDisk, ...'));
  } else if (set.length > 1) {
    errors.push(forbiddenField(field, `one source, not ${set.join(' and ')}`));
  }
  const { containerDisk, emptyDisk } = volume;
  if (containerDisk !== undefined) {
    errors.push(...checkImage(containerDisk.image, `${field}.containerDisk.image`));
    if (containerDisk.path !== undefined && containerDisk.path !== '') {
      errors.push(...checkImagePath(containerDisk.path, `${field}.containerDisk.path`));
    }
    if (containerDisk.imagePullSecret !== undefined && containerDisk.imagePullSecret !== '') {
      errors.push(...checkDnsSubdomain(containerDisk.imagePullSecret, `${field}.containerDisk.imagePullSecret`));
    }
  }
  if (emptyDisk !== undefined) {
    const read = readQuantity(emptyDisk.capacity, `${field}.emptyDisk.capacity`);
    if ('error' in read) {
      errors.push(read.error);
    } else if (read.milli < 1024n * 1024n * 1000n) {
      errors.push(invalidField(`${field}.emptyDisk.capacity`, emptyDisk.capacity, 'must be at least 1Mi'));
    }
  }
  for (const kind of ['cloudInitNoCloud', 'cloudInitConfigDrive'] as const) {
    const source = volume[kind];
    if (source !== undefined) {
      errors.push(...validateCloudInit(source, `${field}.${kind}`));
    }
  }
  return errors;
}

function validateCloudInit(source: CloudInitSource, field: string): FieldError[] {
  const groups = [
    ['userData', 'userDataBase64', 'secretRef'],
    ['networkData', 'networkDataBase64', 'networkDataSecretRef'],
  ] as const;
  const errors: FieldError[] = [];
  let given = 0;
  for (const group of groups) {
    const set = group.filter((name) => source[name] !== undefined && source[name] !== '');
    given += set.length;
    if (set.length > 1) {
      errors.push(forbiddenField(`${field}.${set[1] ?? ''}`, `one of ${group.join(', ')}, not ${set.join(' and ')}`));
    }
    errors.push(...checkInline(source[group[0]], 'utf8', `${field}.${group[0]}`, group[2]));
    errors.push(...checkInline(source[group[1]], 'base64', `${field}.${group[1]}`, group[2]));
    const reference = source[group[2]];
    if (reference !== undefined) {
      errors.push(...checkDnsSubdomain(reference.name, `${field}.${group[2]}.name`));
    }
  }
  if (given === 0) {
    errors.push(requiredField(field, 'user data or network data must be given'));
  }
  return errors;
}

function checkInline(
  value: string | undefined,
  encoding: 'utf8' | 'base64',
  field: string,
  instead: string,
): FieldError[] {
  if (value === undefined) {
    return [];
  }
  if (
    encoding === 'base64' &&
    !/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/u.test(value.replace(/\s/gu, ''))
  ) {
    return [invalidField(field, value.slice(0, 20), 'must be base64')];
  }
  const sizeBytes = Buffer.byteLength(value, encoding);
  return sizeBytes <= maxInlineBytes
    ? []
    : [
        {
          type: 'TooLong',
          field,
          detail: `may have ${maxInlineBytes} bytes, has ${sizeBytes}; put it into a Secret and use ${instead}`,
        },
      ];
}
