import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { AuthorizationAttributes } from '../apiserver/types.ts';
import { gatheredRules } from './aggregation.ts';
import { formatRule, ruleAllows, uncoveredRules } from './rules.ts';
import type { ClusterRole, PolicyRule } from './types.ts';

const nothing = { verb: '', group: '', resource: '', subresource: '', namespace: '', name: '', path: '' };

/** `get pods/log of apps named x` or `get /path`. */
function asked(text: string): AuthorizationAttributes {
  const [verb = '', what = '', ...rest] = text.split(' ');
  if (what.startsWith('/')) {
    return { ...nothing, verb, path: what };
  }
  const [resource = '', subresource = ''] = what.split('/');
  const after = (word: string): string => (rest.includes(word) ? (rest[rest.indexOf(word) + 1] ?? '') : '');
  return { ...nothing, verb, resource, subresource, group: after('of'), name: after('named') };
}

const pods: PolicyRule = { verbs: ['get', 'list'], apiGroups: [''], resources: ['pods'] };
const logs: PolicyRule = { verbs: ['get'], apiGroups: [''], resources: ['pods/log'] };
const named: PolicyRule = {
  verbs: ['get', 'update'],
  apiGroups: ['apps'],
  resources: ['things'],
  resourceNames: ['a', 'b'],
};
const everySubresource: PolicyRule = { verbs: ['get'], apiGroups: ['*'], resources: ['*/status'] };
const everything: PolicyRule = { verbs: ['*'], apiGroups: ['*'], resources: ['*'] };
const paths: PolicyRule = { verbs: ['get'], nonResourceURLs: ['/healthz', '/apis/*'] };

const cases: readonly (readonly [rule: PolicyRule, asked: string, allowed: boolean])[] = [
  [pods, 'get pods', true],
  [pods, 'get pods named x', true],
  [pods, 'watch pods', false],
  [pods, 'get pods/log', false],
  [pods, 'get pods of apps', false],
  [pods, 'get Pods', false],
  [pods, 'get /pods', false],
  [logs, 'get pods/log named x', true],
  [logs, 'get pods', false],
  [logs, 'get pods/logs', false],
  [named, 'get things of apps named a', true],
  [named, 'get things of apps named c', false],
  [named, 'update things of apps', false],
  [everySubresource, 'get nodes/status named n', true],
  [everySubresource, 'get nodes', false],
  [everything, 'escalate roles of rbac.authorization.k8s.io', true],
  [everything, 'get pods/exec', true],
  [everything, 'get /metrics', false],
  [paths, 'get /healthz', true],
  [paths, 'get /healthz/ping', false],
  [paths, 'get /apis/', true],
  [paths, 'get /apis/x/v1', true],
  [paths, 'get /apis', false],
  [paths, 'post /healthz', false],
  [{ verbs: ['get'], nonResourceURLs: ['*'] }, 'get /anything', true],
  [{ verbs: ['*'], apiGroups: [''], resources: ['pods'] }, 'deletecollection pods', true],
  [{ verbs: [], apiGroups: ['*'], resources: ['*'] }, 'get pods', false],
  [{ verbs: ['get'] }, 'get pods', false],
];

describe('a rule', () => {
  for (const [rule, text, allowed] of cases) {
    test(`${formatRule(rule)} ${allowed ? 'allows' : 'does not allow'} ${text}`, () => {
      assert.equal(ruleAllows(rule, asked(text)), allowed);
    });
  }
});

const covering: readonly (readonly [title: string, held: PolicyRule[], wanted: PolicyRule[], missing: number])[] = [
  ['nothing wanted', [], [], 0],
  ['nothing held', [], [pods], 2],
  ['the same', [pods], [pods], 0],
  ['everything held', [everything], [pods, logs, named], 0],
  ['resources do not cover paths', [everything], [paths], 2],
  ['one verb too many', [pods], [{ ...pods, verbs: ['get', 'watch'] }], 1],
  ['verb * is more than all verbs named', [pods], [{ ...pods, verbs: ['*'] }], 1],
  ['a resource does not cover its subresources', [pods], [{ ...logs }], 1],
  [
    '* with a subresource covers that of each',
    [everySubresource],
    [{ verbs: ['get'], apiGroups: ['x'], resources: ['y/status'] }],
    0,
  ],
  ['names held do not cover all names', [named], [{ ...named, resourceNames: [] }], 2],
  ['names held cover fewer names', [named], [{ ...named, resourceNames: ['a'] }], 0],
  ['all names cover some', [{ ...named, resourceNames: [] }], [named], 0],
  ['paths by prefix', [paths], [{ verbs: ['get'], nonResourceURLs: ['/apis/x/*', '/apis/y'] }], 0],
  ['* of paths is more than a prefix', [paths], [{ verbs: ['get'], nonResourceURLs: ['*'] }], 1],
  [
    'two rules do not add up to a *',
    [
      { ...pods, apiGroups: [''] },
      { ...pods, apiGroups: ['apps'] },
    ],
    [{ ...pods, apiGroups: ['*'] }],
    2,
  ],
];

describe('rights held and wanted', () => {
  for (const [title, held, wanted, missing] of covering) {
    test(title, () => assert.equal(uncoveredRules(held, wanted).length, missing));
  }

  test('rules that multiply out to very many are refused, not worked through', () => {
    const many = Array.from({ length: 1000 }, (_, index) => `r${index}`);
    const startMs = performance.now();
    const missing = uncoveredRules([everything], [{ verbs: many, apiGroups: many, resources: many }]);
    assert.equal(missing.length, 1);
    assert.ok(performance.now() - startMs < 2000);
  });
});

describe('gathering', () => {
  const role = (name: string, labels: Record<string, string>, rules: PolicyRule[]): ClusterRole => ({
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name, labels },
    rules,
  });
  const gatherer: ClusterRole = {
    ...role('all', {}, []),
    aggregationRule: { clusterRoleSelectors: [{ matchLabels: { to: 'all' } }] },
  };

  test('takes the rules of roles with the labels, each once', () => {
    const others = [role('b', { to: 'all' }, [logs, pods]), role('a', { to: 'all' }, [pods]), role('c', {}, [named])];
    const rules = gatheredRules(gatherer, [gatherer, ...others]);
    assert.deepEqual(rules, [pods, logs]);
    assert.equal(gatheredRules({ ...gatherer, rules: rules ?? [] }, [gatherer, ...others]), undefined);
  });

  test('does not gather itself', () => {
    const own = { ...gatherer, metadata: { name: 'all', labels: { to: 'all' } }, rules: [named] };
    assert.deepEqual(gatheredRules(own, [own]), []);
  });

  test('leaves ordinary roles alone', () => assert.equal(gatheredRules(role('x', {}, [pods]), []), undefined));
});
