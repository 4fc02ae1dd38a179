import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { formatDeviceRule, parseDeviceRules } from '../values.ts';
import { intersectDeviceRules } from './effective.ts';
import { anyRule, rulesAllow } from './testing.ts';

void test('law: allowed by the intersection is allowed by each list', () => {
  const list = fc.array(anyRule, { maxLength: 8 });
  fc.assert(
    fc.property(fc.array(list, { maxLength: 3 }), fc.array(anyRule, { maxLength: 20 }), (lists, asked) => {
      const common = intersectDeviceRules(lists) ?? assert.fail();
      for (const access of asked) {
        const concrete = { ...access, major: access.major ?? 1, minor: access.minor ?? 1 };
        assert.equal(
          rulesAllow(common, concrete),
          lists.every((rules) => rulesAllow(rules, concrete)),
        );
      }
    }),
  );
});

void test('open lists change nothing, unknown ones leave all unknown', () => {
  const open = parseDeviceRules('a *:* rwm\n');
  const rules = parseDeviceRules('c 1:3 rw\nc *:* m\nc 1:3 r\n');
  assert.deepEqual(intersectDeviceRules([])?.map(formatDeviceRule), ['a *:* rwm']);
  assert.deepEqual(intersectDeviceRules([open, rules, open])?.map(formatDeviceRule), ['c 1:3 rw', 'c *:* m']);
  assert.equal(intersectDeviceRules([rules, undefined]), undefined);
  assert.deepEqual(intersectDeviceRules([rules, []]), []);
});
