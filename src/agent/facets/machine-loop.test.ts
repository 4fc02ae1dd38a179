import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { facets } from './facets.ts';
import { explainMachine, facetNames } from './machine-loop.ts';
import { hostFacts, machineInput, secretText } from './testing/machines.ts';

test('a facet stands after those that it needs, under a name of its own', () => {
  const names = facets.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  for (const [index, facet] of facets.entries()) {
    for (const need of facet.needs) {
      assert.ok(names.slice(0, index).includes(need), `${facet.name} needs ${need} before it`);
    }
  }
  assert.throws(() => facetNames(['nettwork']), {
    code: 'NoFacet',
    message: /"nettwork" is no part of a VM: cgroup, network/,
  });
});

test('explain: any VM, every step with its reason, in the order of a start, no secret', () => {
  fc.assert(
    fc.property(machineInput, hostFacts, (input, host) => {
      const plans = explainMachine(input, host);
      assert.deepEqual(plans, explainMachine(input, host), 'the same twice');
      const order = facets.map(({ name }): string => name);
      assert.deepEqual(
        plans.map(({ facet }) => facet),
        order.filter((name) => plans.some(({ facet }) => facet === name)),
      );
      for (const { steps } of plans) {
        assert.ok(steps.length > 0);
        assert.ok(steps.every(({ what, why, report }) => what !== '' && why !== '' && report === undefined));
      }
      assert.ok(!JSON.stringify(plans).includes(secretText));
      const domain = plans.find(({ facet }) => facet === 'domain');
      assert.match(domain?.steps[0]?.detail ?? '', /^<domain type="(kvm|qemu)"/);
      assert.equal(domain?.steps.length, 2);
    }),
    { numRuns: 300 },
  );
});
