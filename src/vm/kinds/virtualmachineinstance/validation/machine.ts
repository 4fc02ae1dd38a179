/** Firmware, machine type, clock and features: `spec.domain.{machine,firmware,clock,features}`. */
import { forbiddenField, invalidField, requiredField, type FieldError } from '../../../../apimachinery/field-error.ts';
import type { Clock, DomainSpec, Features, FeatureState, Firmware } from '../domain-types.ts';
import { checkImage, checkImagePath } from './checks.ts';

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/iu;
const plainText = /^[A-Za-z0-9_.+-]+$/u;
const timezone = /^[A-Za-z0-9_+-]+(\/[A-Za-z0-9_+-]+){0,2}$/u;

export function validateMachine(domain: DomainSpec, field: string): FieldError[] {
  const errors: FieldError[] = [];
  const type = domain.machine?.type;
  if (type !== undefined && !plainText.test(type)) {
    errors.push(invalidField(`${field}.machine.type`, type, 'must be a machine type name such as q35 or virt'));
  }
  if (domain.firmware !== undefined) {
    errors.push(...validateFirmware(domain.firmware, `${field}.firmware`));
  }
  const { efi } = domain.firmware?.bootloader ?? {};
  const smm = domain.features?.smm !== undefined && domain.features.smm.enabled !== false;
  if (efi !== undefined && efi.secureBoot !== false && !smm) {
    const detail = 'secure boot, which is the default of efi, needs it; enable it or set efi.secureBoot to false';
    errors.push(requiredField(`${field}.features.smm`, detail));
  }
  if (domain.devices.video !== undefined && domain.devices.autoattachGraphicsDevice === false) {
    errors.push(forbiddenField(`${field}.devices.video`, 'autoattachGraphicsDevice is false'));
  }
  if (domain.clock !== undefined) {
    errors.push(...validateClock(domain.clock, `${field}.clock`));
  }
  if (domain.features !== undefined) {
    errors.push(...validateFeatures(domain.features, `${field}.features`));
  }
  return errors;
}

function validateFirmware(firmware: Firmware, field: string): FieldError[] {
  const errors: FieldError[] = [];
  if (firmware.uuid !== undefined && !uuid.test(firmware.uuid)) {
    errors.push(invalidField(`${field}.uuid`, firmware.uuid, 'must be a UUID: 8-4-4-4-12 hexadecimal digits'));
  }
  if (firmware.serial !== undefined && !plainText.test(firmware.serial)) {
    errors.push(invalidField(`${field}.serial`, firmware.serial, 'must be made of letters, digits and _ . + -'));
  }
  if (firmware.bootloader?.bios !== undefined && firmware.bootloader.efi !== undefined) {
    errors.push(forbiddenField(`${field}.bootloader.efi`, 'either bios or efi, not both'));
  }
  const { kernelBoot } = firmware;
  if (kernelBoot === undefined) {
    return errors;
  }
  const { container } = kernelBoot;
  if (container === undefined) {
    if (kernelBoot.kernelArgs !== undefined && kernelBoot.kernelArgs !== '') {
      errors.push(requiredField(`${field}.kernelBoot.container`, 'kernelArgs need a kernel'));
    }
    return errors;
  }
  const place = `${field}.kernelBoot.container`;
  errors.push(...checkImage(container.image, `${place}.image`));
  // A kernel of its own is what makes this direct boot; QEMU takes an initial RAM disk only beside one.
  if (container.kernelPath === undefined || container.kernelPath === '') {
    errors.push(requiredField(`${place}.kernelPath`, 'path of the kernel in the image'));
  }
  for (const part of ['kernelPath', 'initrdPath'] as const) {
    const path = container[part];
    if (path !== undefined && path !== '') {
      errors.push(...checkImagePath(path, `${place}.${part}`));
    }
  }
  return errors;
}

function validateClock(clock: Clock, field: string): FieldError[] {
  const errors: FieldError[] = [];
  if (clock.utc !== undefined && clock.timezone !== undefined) {
    errors.push(forbiddenField(`${field}.timezone`, 'either utc or timezone, not both'));
  }
  if (clock.timezone !== undefined && !timezone.test(clock.timezone)) {
    errors.push(invalidField(`${field}.timezone`, clock.timezone, 'must be a time zone such as Europe/Vienna'));
  }
  return errors;
}

/** An enlightenment and the one that it builds on. Source: KubeVirt's and libvirt's rules. */
const hypervNeeds = [
  ['synictimer', 'synic'],
  ['synic', 'vpindex'],
  ['tlbflush', 'vpindex'],
  ['ipi', 'vpindex'],
  ['evmcs', 'vapic'],
] as const;

function validateFeatures(features: Features, field: string): FieldError[] {
  const errors: FieldError[] = [];
  const { hyperv } = features;
  const isOn = (state: FeatureState | undefined): boolean => state !== undefined && state.enabled !== false;
  for (const [name, needed] of hyperv === undefined ? [] : hypervNeeds) {
    if (isOn(hyperv?.[name]) && !isOn(hyperv?.[needed])) {
      errors.push(requiredField(`${field}.hyperv.${needed}`, `${name} needs it`));
    }
  }
  const vendor = hyperv?.vendorid?.vendorid;
  if (vendor !== undefined && !/^[ -+\--~]*$/u.test(vendor)) {
    errors.push(invalidField(`${field}.hyperv.vendorid.vendorid`, vendor, 'must be printable ASCII without a comma'));
  }
  return errors;
}
