/** Rules for metadata that hold for every kind. Source: k8s.io/apimachinery/pkg/api/validation, registry/rest. */
import { formatTime } from '../../apimachinery/time.ts';
import { randomBytes, randomUUID } from 'node:crypto';
import type { FieldError } from '../../apimachinery/field-error.ts';
import { forbiddenField, invalidField, requiredField } from '../../apimachinery/field-error.ts';
import type { KubeObject, ObjectMeta } from '../../apimachinery/object.ts';
import { isLabelValue, isQualifiedName } from '../../apimachinery/selectors.ts';
import { isObject } from './json.ts';
import type { NameRule } from './resource.ts';

const labelPattern = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/u;
const subdomainPattern = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/u;
const maxNameLength = 253;
const maxAnnotationsBytes = 256 * 1024;
const generatedSuffixLength = 5;
/** So that the name fits a DNS label, as kube-apiserver has it. */
const maxGeneratedPrefix = 63 - generatedSuffixLength;
/** Without vowels and look-alikes, as kube-apiserver's. */
const suffixAlphabet = 'bcdfghjklmnpqrstvwxz2456789';

/** undefined: the name is fine. */
export function nameProblem(name: string, rule: NameRule): string | undefined {
  switch (rule) {
    case 'label':
      return labelPattern.test(name)
        ? undefined
        : "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character";
    case 'subdomain':
      return name.length <= maxNameLength && subdomainPattern.test(name)
        ? undefined
        : "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character";
    case 'path':
      return name !== '.' && name !== '..' && /^[\u0021-\u007e]{1,253}$/u.test(name) && !/[/%\\]/u.test(name)
        ? undefined
        : "may not be '.', '..', contain '/', '%' or '\\'";
  }
}

export function generateName(prefix: string): string {
  const bytes = randomBytes(generatedSuffixLength);
  const suffix = [...bytes].map((byte) => suffixAlphabet[byte % suffixAlphabet.length]).join('');
  return prefix.slice(0, maxGeneratedPrefix) + suffix;
}

/** Sets what only the server may set on a new object. */
export function initializeMetadata(metadata: ObjectMeta): void {
  metadata.uid = randomUUID();
  metadata.creationTimestamp = formatTime();
  delete metadata.deletionTimestamp;
  delete metadata.deletionGracePeriodSeconds;
  delete metadata.resourceVersion;
  delete metadata.generation;
  delete (metadata as { selfLink?: unknown }).selfLink;
}

/** Carries over what an update cannot change. */
export function carryMetadata(metadata: ObjectMeta, old: ObjectMeta): void {
  const carried = [
    'uid',
    'creationTimestamp',
    'generation',
    'deletionTimestamp',
    'deletionGracePeriodSeconds',
  ] as const;
  for (const field of carried) {
    const value = old[field];
    if (value === undefined) {
      delete metadata[field];
    } else {
      Object.assign(metadata, { [field]: value });
    }
  }
  if (old.generateName !== undefined) {
    metadata.generateName = old.generateName;
  }
  delete (metadata as { selfLink?: unknown }).selfLink;
}

export function validateMetadata(object: KubeObject, rule: NameRule): FieldError[] {
  const { metadata } = object;
  const errors: FieldError[] = [];
  if (typeof metadata.name !== 'string' || metadata.name === '') {
    errors.push(requiredField('metadata.name', 'name or generateName is required'));
  } else {
    const problem = nameProblem(metadata.name, rule);
    if (problem !== undefined) {
      errors.push(invalidField('metadata.name', metadata.name, problem));
    }
  }
  return [...errors, ...validateLabels(metadata), ...validateAnnotations(metadata), ...validateReferences(metadata)];
}

/** Field types that the rest of the server relies on; checked before anything else looks at the object. */
export function metadataShapeProblem(metadata: Record<string, unknown>): string | undefined {
  const strings = [
    'name',
    'generateName',
    'namespace',
    'uid',
    'resourceVersion',
    'creationTimestamp',
    'deletionTimestamp',
  ];
  for (const field of strings) {
    const value = metadata[field];
    if (value === null) {
      delete metadata[field];
    } else if (value !== undefined && typeof value !== 'string') {
      return `metadata.${field} must be a string`;
    }
  }
  for (const field of ['labels', 'annotations']) {
    const value = metadata[field];
    if (value === null) {
      delete metadata[field];
    } else if (
      value !== undefined &&
      !(isObject(value) && Object.values(value).every((item) => typeof item === 'string'))
    ) {
      return `metadata.${field} must be a map of strings to strings`;
    }
  }
  const { finalizers, ownerReferences } = metadata;
  if (finalizers === null) {
    delete metadata['finalizers'];
  } else if (finalizers !== undefined && !isArrayOf(finalizers, (item) => typeof item === 'string')) {
    return 'metadata.finalizers must be a list of strings';
  }
  if (ownerReferences === null) {
    delete metadata['ownerReferences'];
  } else if (ownerReferences !== undefined && !isArrayOf(ownerReferences, isObject)) {
    return 'metadata.ownerReferences must be a list of objects';
  }
  return undefined;
}

export function validateMetadataUpdate(object: KubeObject, old: KubeObject): FieldError[] {
  const errors: FieldError[] = [];
  if (old.metadata.deletionTimestamp !== undefined) {
    const before = new Set(old.metadata.finalizers);
    const added = (object.metadata.finalizers ?? []).filter((finalizer) => !before.has(finalizer));
    if (added.length > 0) {
      const detail = `no new finalizers can be added if the object is being deleted, found new finalizers ${JSON.stringify(added)}`;
      errors.push(forbiddenField('metadata.finalizers', detail));
    }
  }
  return errors;
}

function isArrayOf(value: unknown, check: (item: unknown) => boolean): boolean {
  return Array.isArray(value) && value.every(check);
}

function validateLabels(metadata: ObjectMeta): FieldError[] {
  const errors: FieldError[] = [];
  for (const [key, value] of Object.entries(metadata.labels ?? {})) {
    if (!isQualifiedName(key)) {
      errors.push(
        invalidField('metadata.labels', key, "name part must consist of alphanumeric characters, '-', '_' or '.'"),
      );
    }
    if (!isLabelValue(value)) {
      const detail = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.'";
      errors.push(invalidField('metadata.labels', value, detail));
    }
  }
  return errors;
}

function validateAnnotations(metadata: ObjectMeta): FieldError[] {
  const errors: FieldError[] = [];
  let bytes = 0;
  for (const [key, value] of Object.entries(metadata.annotations ?? {})) {
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value);
    if (!isQualifiedName(key.toLowerCase())) {
      errors.push(
        invalidField('metadata.annotations', key, "name part must consist of alphanumeric characters, '-', '_' or '.'"),
      );
    }
  }
  if (bytes > maxAnnotationsBytes) {
    errors.push({
      type: 'TooLong',
      field: 'metadata.annotations',
      detail: `may not be more than ${maxAnnotationsBytes} bytes`,
    });
  }
  return errors;
}

function validateReferences(metadata: ObjectMeta): FieldError[] {
  const errors: FieldError[] = [];
  for (const [index, finalizer] of (metadata.finalizers ?? []).entries()) {
    if (!isQualifiedName(finalizer)) {
      errors.push(invalidField(`metadata.finalizers[${index}]`, finalizer, 'name is not a qualified name'));
    }
  }
  let controllers = 0;
  for (const [index, owner] of (metadata.ownerReferences ?? []).entries()) {
    for (const field of ['apiVersion', 'kind', 'name', 'uid'] as const) {
      if (typeof owner[field] !== 'string' || owner[field] === '') {
        errors.push(requiredField(`metadata.ownerReferences[${index}].${field}`, 'must not be empty'));
      }
    }
    if (owner.kind === 'Event' && (owner.apiVersion === 'v1' || owner.apiVersion === 'events.k8s.io/v1')) {
      const detail = `${owner.apiVersion}, Kind=Event is disallowed from being an owner`;
      errors.push(invalidField(`metadata.ownerReferences[${index}]`, owner.name, detail));
    }
    controllers += owner.controller === true ? 1 : 0;
  }
  if (controllers > 1) {
    const detail = 'Only one reference can have Controller set to true';
    errors.push(invalidField('metadata.ownerReferences', controllers, detail));
  }
  return errors;
}
