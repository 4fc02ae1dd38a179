import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSubresourceGroup } from '../subresources/group.ts';
import type { SubresourceContext } from '../subresources/subresource.ts';
import { accessRoles } from './cluster-roles.ts';

const rulesOf = (name: string) => accessRoles.find((role) => role.name === name)?.rules ?? [];

test('an admin may do with VMs whatever is served', () => {
  const { resources, group } = createSubresourceGroup({} as SubresourceContext);
  const rules = [...rulesOf('kubevirt.io:admin'), ...rulesOf('kubevirt.io:default')];
  for (const { name, verbs } of resources.filter((resource) => !['healthz', 'audit'].includes(resource.name))) {
    for (const verb of verbs) {
      const allowed = rules.some(
        (rule) => rule.apiGroups.includes(group) && rule.resources.includes(name) && rule.verbs.includes(verb),
      );
      assert.ok(allowed, `${verb} ${name}`);
    }
  }
});

test('the audit reads and changes the host: no role of VM users has it', () => {
  assert.ok(accessRoles.every(({ rules }) => rules.every((rule) => !rule.resources.includes('audit'))));
});

test('who may edit may not delete all at once, who may view changes nothing', () => {
  const verbs = (name: string) => new Set(rulesOf(name).flatMap((rule) => rule.verbs));
  assert.ok(verbs('kubevirt.io:admin').has('deletecollection'));
  assert.ok(!verbs('kubevirt.io:edit').has('deletecollection'));
  const changing = rulesOf('kubevirt.io:view').filter((rule) =>
    rule.verbs.some((verb) => !/^(?:get|list|watch)$/.test(verb)),
  );
  assert.deepEqual(changing, [
    { apiGroups: ['subresources.kubevirt.io'], resources: ['expand-vm-spec'], verbs: ['update'] },
  ]);
});
