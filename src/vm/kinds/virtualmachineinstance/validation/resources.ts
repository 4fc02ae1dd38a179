/** CPU, memory and resources: `spec.domain.{cpu,memory,resources}`. */
import { forbiddenField, invalidField, requiredField, type FieldError } from '../../../../apimachinery/field-error.ts';
import type { DomainSpec } from '../domain-types.ts';
import { checkUnique, readQuantity } from './checks.ts';

/** QEMU's own bound for q35 without extended interrupt remapping is lower for some machines; KubeVirt's is this. */
const maxVcpus = 512;
const minGuestBytes = 1024n * 1024n;
const cpuModel = /^[A-Za-z0-9_.+-]+$/u;

export function validateResources(domain: DomainSpec, field: string): FieldError[] {
  return [...validateCpu(domain, field), ...validateAmounts(domain, field)];
}

function validateCpu(domain: DomainSpec, field: string): FieldError[] {
  const { cpu } = domain;
  if (cpu === undefined) {
    return [];
  }
  const errors: FieldError[] = [];
  let vcpus = 1;
  for (const part of ['sockets', 'cores', 'threads'] as const) {
    const count = cpu[part];
    if (count !== undefined && count < 1) {
      errors.push(invalidField(`${field}.cpu.${part}`, count, 'must be 1 or more'));
    }
    vcpus *= count ?? 1;
  }
  if (vcpus > maxVcpus) {
    errors.push(invalidField(`${field}.cpu`, vcpus, `sockets x cores x threads must be at most ${maxVcpus}`));
  }
  if (cpu.model !== undefined && !cpuModel.test(cpu.model)) {
    errors.push(invalidField(`${field}.cpu.model`, cpu.model, 'must be host-model, host-passthrough or a model name'));
  }
  const features = cpu.features ?? [];
  for (const [index, feature] of features.entries()) {
    if (!cpuModel.test(feature.name)) {
      errors.push(invalidField(`${field}.cpu.features[${index}].name`, feature.name, 'must be the name of a CPU flag'));
    }
  }
  errors.push(
    ...checkUnique(features.map(({ name }, index) => ({ value: name, field: `${field}.cpu.features[${index}].name` }))),
  );
  return errors;
}

type Amounts = Partial<Record<'guest' | 'requests.cpu' | 'requests.memory' | 'limits.cpu' | 'limits.memory', bigint>>;

function validateAmounts(domain: DomainSpec, field: string): FieldError[] {
  const errors: FieldError[] = [];
  const amounts: Amounts = {};
  for (const side of ['requests', 'limits'] as const) {
    for (const [name, text] of Object.entries(domain.resources?.[side] ?? {})) {
      const path = `${field}.resources.${side}.${name}`;
      if (name !== 'cpu' && name !== 'memory') {
        errors.push(forbiddenField(path, 'not supported by vmlet yet (only cpu and memory are)'));
        continue;
      }
      const amount = readAmount(text, path, errors);
      if (amount !== undefined) {
        amounts[`${side}.${name}`] = amount;
      }
    }
  }
  if (domain.memory?.guest !== undefined) {
    const guest = readAmount(domain.memory.guest, `${field}.memory.guest`, errors);
    if (guest !== undefined && guest < minGuestBytes * 1000n) {
      errors.push(invalidField(`${field}.memory.guest`, domain.memory.guest, 'must be at least 1Mi'));
    } else if (guest !== undefined) {
      amounts.guest = guest;
    }
  } else if (
    domain.resources?.requests?.['memory'] === undefined &&
    domain.resources?.limits?.['memory'] === undefined
  ) {
    errors.push(requiredField(`${field}.memory.guest`, 'say how much memory the guest has'));
  }
  return [...errors, ...compareAmounts(amounts, domain, field)];
}

function readAmount(text: string, path: string, errors: FieldError[]): bigint | undefined {
  const read = readQuantity(text, path);
  if ('error' in read) {
    errors.push(read.error);
    return undefined;
  }
  if (read.milli <= 0n) {
    errors.push(invalidField(path, text, 'must be greater than 0'));
    return undefined;
  }
  return read.milli;
}

function compareAmounts(amounts: Amounts, domain: DomainSpec, field: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const name of ['cpu', 'memory'] as const) {
    const request = amounts[`requests.${name}`];
    const limit = amounts[`limits.${name}`];
    if (request !== undefined && limit !== undefined && request > limit) {
      const path = `${field}.resources.requests.${name}`;
      errors.push(invalidField(path, domain.resources?.requests?.[name], `must not exceed resources.limits.${name}`));
    }
  }
  const limit = amounts['limits.memory'];
  if (amounts.guest !== undefined && limit !== undefined && amounts.guest > limit) {
    errors.push(invalidField(`${field}.memory.guest`, domain.memory?.guest, 'must not exceed resources.limits.memory'));
  }
  return errors;
}
