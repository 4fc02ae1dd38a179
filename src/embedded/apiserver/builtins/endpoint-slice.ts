/** What an EndpointSlice may hold. Source: pkg/apis/discovery/validation; texts as there. */
import { isDeepStrictEqual } from 'node:util';
import { invalidField, notSupportedField, requiredField } from '../../../apimachinery/field-error.ts';
import type { FieldError } from '../../../apimachinery/field-error.ts';
import type { KubeObject } from '../../../apimachinery/object.ts';
import { canonicalAddress, familyOf } from '../services/address-range.ts';

export type EndpointSlice = KubeObject & {
  addressType: string;
  endpoints?: { addresses?: string[] }[] | null;
  ports?: { name?: string; port?: number }[] | null;
};

const maxSliceEndpoints = 1000;
const maxEndpointAddresses = 100;
const addressTypes = ['FQDN', 'IPv4', 'IPv6'] as const;

export function validateSlice(object: KubeObject): FieldError[] {
  const { addressType, endpoints, ports } = object as EndpointSlice;
  const errors: FieldError[] = (addressTypes as readonly string[]).includes(addressType)
    ? []
    : [notSupportedField('addressType', addressType, addressTypes)];
  if ((endpoints ?? []).length > maxSliceEndpoints) {
    errors.push(tooMany('endpoints', (endpoints ?? []).length, maxSliceEndpoints));
  }
  for (const [index, { addresses = [] }] of (endpoints ?? []).slice(0, maxSliceEndpoints).entries()) {
    const field = `endpoints[${index}].addresses`;
    if (addresses.length === 0) {
      errors.push(requiredField(field, 'must contain at least 1 address'));
    } else if (addresses.length > maxEndpointAddresses) {
      errors.push(tooMany(field, addresses.length, maxEndpointAddresses));
    }
    for (const [number, address] of addresses.slice(0, maxEndpointAddresses).entries()) {
      const why = wrongAddress(address, addressType);
      if (why !== undefined) {
        errors.push(invalidField(`${field}[${number}]`, address, why));
      }
    }
  }
  const names = new Set<string>();
  for (const [index, { name = '' }] of (ports ?? []).entries()) {
    if (names.has(name)) {
      errors.push({ type: 'Duplicate', field: `ports[${index}].name`, badValue: name, detail: '' });
    }
    names.add(name);
  }
  return errors;
}

function tooMany(field: string, count: number, max: number): FieldError {
  return { type: 'TooMany', field, badValue: count, detail: `must have at most ${max} items` };
}

/** An endpoint is somewhere else: an address of this host alone, or of nobody, is none. Source: ValidateEndpointIP. */
function wrongAddress(address: string, addressType: string): string | undefined {
  if (addressType !== 'IPv4' && addressType !== 'IPv6') {
    return undefined;
  }
  const canonical = canonicalAddress(address);
  if (canonical === undefined || familyOf(canonical) !== addressType) {
    return `must be a valid ${addressType} address`;
  }
  if (canonical === '0.0.0.0' || canonical === '::') {
    return `may not be unspecified (${canonical})`;
  }
  if (/^127\.|^::1$/u.test(canonical)) {
    return 'may not be in the loopback range (127.0.0.0/8, ::1/128)';
  }
  if (/^169\.254\.|^fe[89ab][0-9a-f]:/u.test(canonical)) {
    return 'may not be in the link-local range (169.254.0.0/16, fe80::/10)';
  }
  return /^224\.0\.0\.|^ff[0-9a-f]2:/u.test(canonical)
    ? 'may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)'
    : undefined;
}

export function validateSliceUpdate(object: KubeObject, old: KubeObject): FieldError[] {
  const [now, before] = [(object as EndpointSlice).addressType, (old as EndpointSlice).addressType];
  return isDeepStrictEqual(now, before) ? [] : [invalidField('addressType', now, 'field is immutable')];
}
