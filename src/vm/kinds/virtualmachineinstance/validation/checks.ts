/** Small checks that several validations share. */
import { parseQuantity } from '../../../../apimachinery/quantity.ts';
import { invalidField, type FieldError } from '../../../../apimachinery/field-error.ts';

const dnsLabel = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/u;

/** A label of RFC 1123: what names of volumes, networks and hosts must be. */
export function checkDnsLabel(value: string, field: string): FieldError[] {
  return dnsLabel.test(value)
    ? []
    : [
        invalidField(
          field,
          value,
          'must be a DNS label: at most 63 lower case letters, digits or "-", first and last a letter or digit',
        ),
      ];
}

/** Dot-separated labels, 253 characters in all. */
export function checkDnsSubdomain(value: string, field: string): FieldError[] {
  const valid = value.length <= 253 && value.split('.').every((label) => dnsLabel.test(label));
  return valid ? [] : [invalidField(field, value, 'must be DNS labels joined by "."')];
}

/** One Duplicate error for each item whose name was there before. */
export function checkUnique(
  items: readonly { readonly value: string | number; readonly field: string }[],
): FieldError[] {
  const seen = new Set<string | number>();
  const errors: FieldError[] = [];
  for (const { value, field } of items) {
    if (seen.has(value)) {
      errors.push({ type: 'Duplicate', field, badValue: value, detail: '' });
    }
    seen.add(value);
  }
  return errors;
}

/** The amount in thousandths, or why it is none. */
export function readQuantity(value: string, field: string): { milli: bigint } | { error: FieldError } {
  try {
    return { milli: parseQuantity(value).milli };
  } catch {
    return { error: invalidField(field, value, 'must be a quantity such as 512Mi, 2 or 1500m') };
  }
}

/** A path inside an image. Not the place where traversal is stopped, but where it is told in words. */
export function checkImagePath(path: string, field: string): FieldError[] {
  if (!path.startsWith('/')) {
    return [invalidField(field, path, 'must be an absolute path')];
  }
  if (path.split('/').some((part) => part === '..' || part === '.') || path.endsWith('/') || path.includes('//')) {
    return [invalidField(field, path, 'must be a plain path without ".", ".." or empty parts')];
  }
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  return /[\u0000-\u001f\u007f]/u.test(path) ? [invalidField(field, path, 'must not hold control characters')] : [];
}
const imageReference = /^[a-z0-9][\w.:/@+-]*$/iu;

export function checkImage(image: string, field: string): FieldError[] {
  return imageReference.test(image) && !image.split('/').includes('..')
    ? []
    : [invalidField(field, image, 'must be an image reference such as registry.example/name:tag')];
}
