import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '../../../apimachinery/core.ts';
import { budgetStatus } from './budget.ts';
import type { PodDisruptionBudget } from './budget.ts';

const now = Date.parse('2026-01-01T00:10:00Z');
/** `+` ready, `-` not, `x` ended, `d` ready and being deleted, `o` ready but of no concern. */
const pods = (text: string): Pod[] =>
  text.split('').map((sign, index) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `p${index}`,
      labels: sign === 'o' ? {} : { app: 'a' },
      ...(sign === 'd' && { deletionTimestamp: '2026-01-01T00:00:00Z' }),
    },
    spec: { containers: [] },
    status: {
      phase: sign === 'x' ? 'Succeeded' : 'Running',
      conditions: [{ type: 'Ready', status: sign === '-' ? 'False' : 'True' }],
    },
  }));
const selector = { matchLabels: { app: 'a' } };

type Spec = NonNullable<PodDisruptionBudget['spec']>;
type Expected = readonly [allowed: number, healthy: number, desired: number, expected: number];
const cases: readonly (readonly [spec: Spec, pods: string, expected: Expected, disrupted?: Record<string, string>])[] =
  [
    [{ selector, minAvailable: 1 }, '++', [1, 2, 1, 2]],
    [{ selector, minAvailable: 2 }, '++', [0, 2, 2, 2]],
    [{ selector, minAvailable: 1 }, '+-', [0, 1, 1, 2]],
    [{ selector, minAvailable: '50%' }, '+++', [1, 3, 2, 3]],
    [{ selector, maxUnavailable: 1 }, '+++', [1, 3, 2, 3]],
    [{ selector, maxUnavailable: 1 }, '++-', [0, 2, 2, 3]],
    [{ selector, maxUnavailable: '34%' }, '+++', [2, 3, 1, 3]],
    [{ selector, maxUnavailable: 0 }, '+++', [0, 3, 3, 3]],
    [{ selector, minAvailable: 0 }, '', [0, 0, 0, 0]],
    [{ selector, minAvailable: 1 }, '++xx', [1, 2, 1, 2]],
    [{ selector, minAvailable: 1 }, '+doo', [0, 1, 1, 2]],
    [{ minAvailable: 1 }, '++', [0, 0, 1, 0]],
    [{ selector: {}, minAvailable: 1 }, '+oo', [2, 3, 1, 3]],
    [{ selector, minAvailable: 1 }, '++', [0, 1, 1, 2], { p0: '2026-01-01T00:09:30Z' }],
    [{ selector, minAvailable: 1 }, '++', [1, 2, 1, 2], { p0: '2026-01-01T00:05:00Z' }],
    [{ selector, minAvailable: 1 }, '++', [1, 2, 1, 2], { gone: '2026-01-01T00:09:59Z' }],
  ];

for (const [spec, text, expected, disruptedPods] of cases) {
  test(`${JSON.stringify(spec)} with "${text}"${disruptedPods ? ` and ${JSON.stringify(disruptedPods)}` : ''}`, () => {
    const budget: PodDisruptionBudget = {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: { name: 'b' },
      spec,
      ...(disruptedPods && { status: { disruptedPods } }),
    };
    const status = budgetStatus(budget, pods(text), now);
    const { disruptionsAllowed, currentHealthy, desiredHealthy, expectedPods } = status;
    assert.deepEqual([disruptionsAllowed, currentHealthy, desiredHealthy, expectedPods], expected);
    assert.equal(status.conditions?.[0]?.status, expected[0] > 0 ? 'True' : 'False');
  });
}
