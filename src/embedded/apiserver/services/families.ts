/**
 * Which address families a Service has: what the user said, what its addresses say, and what this server has. Pure but for
 * the object, which is changed. Source: initIPFamilyFields of pkg/registry/core/service; texts as there.
 */
import { isDeepStrictEqual } from 'node:util';
import { invalidField, notSupportedField } from '../../../apimachinery/field-error.ts';
import type { FieldError } from '../../../apimachinery/field-error.ts';
import { familyOf } from './address-range.ts';
import { headless } from './types.ts';
import type { IpFamily, Service } from './types.ts';

const families = ['IPv4', 'IPv6'] as const;
const policies = ['PreferDualStack', 'RequireDualStack', 'SingleStack'] as const;

/** `configured`: the families that addresses are given of, the default one first. Nothing is settled when there are errors. */
export function settleFamilies(
  service: Service,
  old: Service | undefined,
  configured: readonly [IpFamily, ...IpFamily[]],
): FieldError[] {
  const { spec } = service;
  if (spec.type === 'ExternalName') {
    delete spec.ipFamilies;
    delete spec.ipFamilyPolicy;
    return [];
  }
  if (old !== undefined && old.spec.type !== 'ExternalName') {
    keep(service, old);
  }
  const given = spec.clusterIPs ?? [];
  const addresses = given[0] === headless ? [] : given;
  if ((spec.ipFamilies?.length ?? 0) > 1 || addresses.length > 1) {
    spec.ipFamilyPolicy ??= 'RequireDualStack';
  }
  const named = spec.ipFamilies ?? [];
  const found = [...named, ...addresses.slice(named.length).map(familyOf)];
  const isForeign = spec.clusterIP === headless && Object.keys(spec.selector ?? {}).length === 0;
  if (isForeign && spec.ipFamilyPolicy === undefined && named.length === 0) {
    // Its endpoints are its user's: any family may be among them.
    spec.ipFamilyPolicy = 'RequireDualStack';
    spec.ipFamilies = [...configured, ...families.filter((family) => !configured.includes(family))];
    return [];
  }
  spec.ipFamilyPolicy ??= 'SingleStack';
  const errors = check(service, { found, addresses, configured, isForeign });
  if (errors.length > 0) {
    return errors;
  }
  const primary = found[0] ?? configured[0];
  const rest = found.slice(1);
  const another = (isForeign ? families : configured).filter((family) => family !== primary);
  spec.ipFamilies =
    spec.ipFamilyPolicy === 'SingleStack' ? [primary] : [primary, ...(rest.length > 0 ? rest : another)];
  return [];
}

/** What the new object does not say stays, and a second family that its policy no longer allows goes. */
function keep({ spec }: Service, { spec: before }: Service): void {
  if (spec.ipFamilyPolicy === undefined && before.ipFamilyPolicy !== undefined) {
    spec.ipFamilyPolicy = before.ipFamilyPolicy;
  }
  if (spec.ipFamilies === undefined && before.ipFamilies !== undefined) {
    spec.ipFamilies = [...before.ipFamilies];
  }
  if (spec.ipFamilyPolicy !== 'SingleStack' || before.ipFamilyPolicy === 'SingleStack') {
    return;
  }
  if (isDeepStrictEqual([...(spec.ipFamilies ?? [])], [...(before.ipFamilies ?? [])])) {
    spec.ipFamilies = (spec.ipFamilies ?? []).slice(0, 1);
  }
  if (spec.clusterIPs !== undefined && isDeepStrictEqual([...spec.clusterIPs], [...(before.clusterIPs ?? [])])) {
    spec.clusterIPs = spec.clusterIPs.slice(0, 1);
  }
}

function check(
  { spec }: Service,
  about: {
    readonly found: readonly string[];
    readonly addresses: readonly string[];
    readonly configured: readonly string[];
    readonly isForeign: boolean;
  },
): FieldError[] {
  const { found, addresses, configured, isForeign } = about;
  const policy = spec.ipFamilyPolicy ?? 'SingleStack';
  if (!(policies as readonly string[]).includes(policy)) {
    return [notSupportedField('spec.ipFamilyPolicy', policy, policies)];
  }
  const errors: FieldError[] = [];
  const refuse = (field: string, value: unknown, why: string): void =>
    void errors.push(invalidField(field, value, why));
  if (found.length > 2 || new Set(found).size < found.length) {
    refuse('spec.ipFamilies', found, 'may only hold each family once');
  }
  for (const [index, family] of found.entries()) {
    const field = `spec.ipFamilies[${index}]`;
    if (!(families as readonly string[]).includes(family)) {
      errors.push(notSupportedField(field, family, families));
    } else if (!configured.includes(family) && !isForeign) {
      refuse(field, family, 'not configured on this cluster');
    }
    const address = addresses[index];
    if (address !== undefined && address !== '' && familyOf(address) !== family) {
      refuse(
        `spec.clusterIPs[${index}]`,
        address,
        `expected an ${family} value as indicated by \`ipFamilies[${index}]\``,
      );
    }
  }
  if (policy === 'SingleStack' && found.length > 1) {
    const what = addresses.length > 1 ? 'cluster IPs' : 'IP families';
    refuse(
      'spec.ipFamilyPolicy',
      policy,
      `must be RequireDualStack or PreferDualStack when multiple ${what} are specified`,
    );
  }
  if (policy === 'RequireDualStack' && configured.length < 2 && !isForeign) {
    refuse('spec.ipFamilyPolicy', policy, 'this cluster is not configured for dual-stack services');
  }
  return errors;
}
