import assert from 'node:assert/strict';
import { test } from 'node:test';
import { settleFamilies } from './families.ts';
import type { IpFamily, Service } from './types.ts';

type Spec = Service['spec'];
const one = ['IPv4'] as const;
const both = ['IPv4', 'IPv6'] as const;
const selector = { app: 'web' };

function settle(spec: Spec, configured: readonly [IpFamily, ...IpFamily[]], old?: Spec) {
  const make = (of: Spec): Service => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web' },
    spec: { selector, ...structuredClone(of) },
  });
  const service = make(spec);
  const errors = settleFamilies(service, old && make(old), configured);
  const { ipFamilies, ipFamilyPolicy, clusterIPs } = service.spec;
  return { errors: errors.map(({ field, detail }) => `${field}: ${detail}`), ipFamilies, ipFamilyPolicy, clusterIPs };
}

const settled: readonly (readonly [
  what: string,
  spec: Spec,
  configured: readonly [IpFamily, ...IpFamily[]],
  policy: string | undefined,
  families: readonly string[] | undefined,
])[] = [
  ['nothing said', {}, both, 'SingleStack', ['IPv4']],
  ['one family', { ipFamilies: ['IPv6'] }, both, 'SingleStack', ['IPv6']],
  ['an address of one', { clusterIP: 'fd00::1', clusterIPs: ['fd00::1'] }, both, 'SingleStack', ['IPv6']],
  ['two families', { ipFamilies: ['IPv6', 'IPv4'] }, both, 'RequireDualStack', ['IPv6', 'IPv4']],
  ['two addresses', { clusterIPs: ['10.0.0.1', 'fd00::1'] }, both, 'RequireDualStack', ['IPv4', 'IPv6']],
  ['two if there are two', { ipFamilyPolicy: 'PreferDualStack' }, both, 'PreferDualStack', ['IPv4', 'IPv6']],
  ['two if there are two, and there is one', { ipFamilyPolicy: 'PreferDualStack' }, one, 'PreferDualStack', ['IPv4']],
  [
    'the second first',
    { ipFamilyPolicy: 'PreferDualStack', ipFamilies: ['IPv6'] },
    both,
    'PreferDualStack',
    ['IPv6', 'IPv4'],
  ],
  ['two in any case', { ipFamilyPolicy: 'RequireDualStack' }, both, 'RequireDualStack', ['IPv4', 'IPv6']],
  ['headless', { clusterIP: 'None', clusterIPs: ['None'] }, one, 'SingleStack', ['IPv4']],
  [
    'headless without a selector',
    { clusterIP: 'None', clusterIPs: ['None'], selector: {} },
    one,
    'RequireDualStack',
    ['IPv4', 'IPv6'],
  ],
  ['a name elsewhere', { type: 'ExternalName', ipFamilies: ['IPv4'] }, both, undefined, undefined],
];
for (const [what, spec, configured, policy, families] of settled) {
  test(`families: ${what}`, () => {
    const { errors, ipFamilies, ipFamilyPolicy } = settle(spec, configured);
    assert.deepEqual(errors, []);
    assert.deepEqual([ipFamilyPolicy, ipFamilies], [policy, families]);
  });
}

test('what cannot be is refused', () => {
  for (const [spec, configured, complaint] of [
    [{ ipFamilies: ['IPv6'] }, one, 'spec.ipFamilies[0]: not configured on this cluster'],
    [
      { ipFamilyPolicy: 'RequireDualStack' },
      one,
      'spec.ipFamilyPolicy: this cluster is not configured for dual-stack services',
    ],
    [
      { ipFamilyPolicy: 'SingleStack', ipFamilies: ['IPv4', 'IPv6'] },
      both,
      'spec.ipFamilyPolicy: must be RequireDualStack or PreferDualStack when multiple IP families are specified',
    ],
    [
      { ipFamilies: ['IPv4'], clusterIPs: ['fd00::1'] },
      both,
      'spec.clusterIPs[0]: expected an IPv4 value as indicated by `ipFamilies[0]`',
    ],
    [{ ipFamilies: ['IPv4', 'IPv4'] }, both, 'spec.ipFamilies: may only hold each family once'],
  ] as const) {
    assert.deepEqual(settle(structuredClone(spec) as Spec, configured).errors, [complaint]);
  }
  assert.match(settle({ ipFamilyPolicy: 'Both' }, both).errors.join(), /ipFamilyPolicy: supported values/u);
  assert.match(settle({ ipFamilies: ['IPX' as IpFamily] }, both).errors.join(), /ipFamilies\[0\]: supported values/u);
});

test('an update keeps what it does not name, and gives up the second family with the policy', () => {
  const two: Spec = {
    ipFamilyPolicy: 'PreferDualStack',
    ipFamilies: ['IPv6', 'IPv4'],
    clusterIP: 'fd00::1',
    clusterIPs: ['fd00::1', '10.0.0.1'],
  };
  const kept = settle({ clusterIP: 'fd00::1', clusterIPs: two.clusterIPs ?? [] }, both, two);
  assert.deepEqual([kept.errors, kept.ipFamilyPolicy, kept.ipFamilies], [[], 'PreferDualStack', ['IPv6', 'IPv4']]);
  const less = settle({ ...two, ipFamilyPolicy: 'SingleStack' }, both, two);
  assert.deepEqual([less.errors, less.ipFamilies, less.clusterIPs], [[], ['IPv6'], ['fd00::1']]);
  const single: Spec = {
    ipFamilyPolicy: 'SingleStack',
    ipFamilies: ['IPv4'],
    clusterIP: '10.0.0.1',
    clusterIPs: ['10.0.0.1'],
  };
  const more = settle({ ...single, ipFamilyPolicy: 'PreferDualStack' }, both, single);
  assert.deepEqual([more.errors, more.ipFamilies, more.clusterIPs], [[], ['IPv4', 'IPv6'], ['10.0.0.1']]);
});
