import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { startDriftLoop, type DriftFinding, type DriftLoop, type DriftPlan, type DriftPolicy } from './loop.ts';

type FacetName = 'cgroup' | 'network';

/** A machine of which a test breaks parts: facet -> steps that would put it back. */
function fakeMachine(t: TestContext, options: { policy?: DriftPolicy; resyncMs?: number } = {}) {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const broken = new Map<FacetName, string[]>();
  const findings: DriftFinding<FacetName>[] = [];
  const looks: (readonly FacetName[])[] = [];
  const errors: unknown[] = [];
  const policy: DriftPolicy = options.policy ?? 'repair';
  const state: { policy: DriftPolicy; problem: string; blind: boolean; nowMs: number } = {
    policy,
    problem: '',
    blind: false,
    nowMs: 0,
  };
  const planOf = (facets: readonly FacetName[]): DriftPlan<FacetName>[] =>
    facets.flatMap((facet) => {
      const steps = broken.get(facet);
      return steps === undefined
        ? []
        : [
            {
              facet,
              steps: steps.map((what) => ({
                what,
                why: 'the VM needs it',
                ...(what.startsWith('told: ') ? { report: true as const } : {}),
              })),
            },
          ];
    });
  const loop: DriftLoop<FacetName> = startDriftLoop({
    facets: ['cgroup', 'network'],
    resyncMs: options.resyncMs ?? 3_600_000,
    policy: () => state.policy,
    onFinding: (finding) => findings.push(finding),
    onError: (error) => errors.push(error),
    nowMs: () => state.nowMs,
    target: {
      async plan(facets) {
        if (state.blind) {
          throw new Error('libvirt does not answer');
        }
        looks.push(facets);
        return planOf(facets);
      },
      async repair(facets) {
        if (state.problem !== '') {
          throw new Error(state.problem);
        }
        const done = planOf(facets);
        facets.forEach((facet) => broken.delete(facet));
        return done;
      },
    },
  });
  t.after(() => loop.close());
  /** Until everything noticed is looked at and told. */
  const settle = async (): Promise<void> => {
    await loop.idle();
    t.mock.timers.tick(50);
  };
  return { broken, errors, findings, looks, state, loop, settle };
}

test('what differs is put back and told once, with who did it', async (t) => {
  const { broken, findings, loop, looks, settle } = fakeMachine(t);
  broken.set('network', ['create TAP tap0']);
  loop.notice(['network'], { processId: 7, name: 'ip' });
  loop.notice(['network'], { processId: 7, name: 'ip' });
  await settle();
  assert.equal(broken.size, 0);
  assert.deepEqual(looks, [['network']], 'notices that come together are one look, at the named facets only');
  assert.equal(findings.length, 1);
  const [finding] = findings;
  assert.ok(finding?.kind === 'repaired');
  assert.deepEqual(finding.culprits, [{ processId: 7, name: 'ip' }]);
  assert.deepEqual(
    finding.plan.steps.map(({ what }) => what),
    ['create TAP tap0'],
  );
});

test('who did it is told also when the kernel names it a moment after the repair', async (t) => {
  const { broken, findings, loop, settle, state } = fakeMachine(t);
  broken.set('network', ['create TAP tap0']);
  state.nowMs = 1000;
  loop.notice(['network']);
  await loop.idle();
  assert.equal(broken.size, 0);
  state.nowMs = 1010;
  loop.notice(['network'], { processId: 7, name: 'ip' });
  await settle();
  assert.deepEqual(
    findings.map((finding) => finding.kind === 'repaired' && finding.culprits),
    [[{ processId: 7, name: 'ip' }]],
  );
});

test('who changed something long before is not blamed', async (t) => {
  const { broken, findings, loop, settle, state } = fakeMachine(t);
  loop.notice(['network'], { processId: 7, name: 'ip' });
  await settle();
  state.nowMs = 5000;
  broken.set('network', ['create TAP tap0']);
  loop.notice(['network']);
  await settle();
  assert.deepEqual(
    findings.map((finding) => finding.kind === 'repaired' && finding.culprits),
    [[]],
  );
});

test('a notice without a difference is nothing', async (t) => {
  const { findings, loop, settle } = fakeMachine(t);
  loop.notice(['network']);
  await settle();
  assert.deepEqual(findings, []);
});

test('with policy report nothing is put back and each difference is told once', async (t) => {
  const { broken, findings, loop, settle } = fakeMachine(t, { policy: 'report' });
  broken.set('network', ['create TAP tap0']);
  for (let look = 0; look < 3; look++) {
    loop.notice(['network']);
    await settle();
  }
  assert.deepEqual(
    findings.map(({ kind }) => kind),
    ['reported'],
  );
  assert.equal(broken.size, 1);
  broken.set('network', ['create TAP tap0', 'load nftables table']);
  loop.notice(['network']);
  await settle();
  assert.equal(findings.length, 2, 'another difference is told');
  broken.clear();
  loop.notice(['network']);
  await settle();
  broken.set('network', ['create TAP tap0']);
  loop.notice(['network']);
  await settle();
  assert.equal(findings.length, 3, 'the same difference after it was gone is told again');
});

test('with policy ignore nothing is looked at, and a change of the policy counts at once', async (t) => {
  const { broken, looks, loop, state, settle } = fakeMachine(t, { policy: 'ignore' });
  broken.set('network', ['create TAP tap0']);
  loop.notice(['network']);
  await settle();
  assert.deepEqual(looks, []);
  state.policy = 'repair';
  loop.notice(['network']);
  await settle();
  assert.equal(broken.size, 0);
});

test('what nobody repairs by itself is told once and left, beside what is repaired', async (t) => {
  const { broken, findings, loop, settle } = fakeMachine(t);
  broken.set('network', ['told: a card was taken away']);
  for (let look = 0; look < 2; look++) {
    loop.notice(['network']);
    await settle();
  }
  assert.deepEqual(
    findings.map(({ kind }) => kind),
    ['reported'],
  );
  broken.set('network', ['told: a card was taken away', 'create TAP tap0']);
  loop.notice(['network']);
  await settle();
  assert.deepEqual(
    findings.map(({ kind }) => kind),
    ['reported', 'repaired'],
  );
});

test('a fight is held back, reported, and goes on later', async (t) => {
  const { broken, findings, loop, state, settle } = fakeMachine(t);
  for (let round = 0; round < 5; round++) {
    state.nowMs += 10;
    broken.set('network', ['set link tap0: MTU 1500']);
    loop.notice(['network']);
    await settle();
  }
  assert.deepEqual(
    findings.map((finding) => (finding.kind === 'repaired' ? finding.heldMs : -1)),
    [0, 0, 0, 0, 1000],
  );
  broken.set('network', ['set link tap0: MTU 1500']);
  loop.notice(['network']);
  await settle();
  assert.equal(broken.size, 1, 'held back');
  state.nowMs += 1001;
  t.mock.timers.tick(1001);
  await settle();
  assert.equal(broken.size, 0, 'repaired when the hold is over');
});

test('a repair that fails is told once and tried again', async (t) => {
  const { broken, findings, loop, state, settle } = fakeMachine(t);
  state.problem = 'EPERM';
  broken.set('cgroup', ['set memory.max to 1']);
  loop.notice(['cgroup']);
  await settle();
  t.mock.timers.tick(1000);
  await settle();
  assert.deepEqual(
    findings.map((finding) => (finding.kind === 'failed' ? finding.problem : finding.kind)),
    ['EPERM'],
  );
  state.problem = '';
  t.mock.timers.tick(1000);
  await settle();
  assert.equal(broken.size, 0);
});

test('a look that fails is taken again', async (t) => {
  const { broken, errors, findings, loop, state, settle } = fakeMachine(t);
  state.blind = true;
  broken.set('network', ['create TAP tap0']);
  loop.notice(['network']);
  await settle();
  assert.equal(errors.length, 1);
  state.blind = false;
  t.mock.timers.tick(1000);
  await settle();
  assert.equal(broken.size, 0);
  assert.equal(findings.length, 1);
});

test('the resync finds what nobody told', async (t) => {
  const { broken, settle } = fakeMachine(t, { resyncMs: 5 });
  broken.set('cgroup', ['move process 9 back']);
  const endMs = Date.now() + 5000;
  while (broken.size > 0 && Date.now() < endMs) {
    await new Promise(setImmediate);
  }
  await settle();
  assert.equal(broken.size, 0);
});

test('after close nothing is looked at', async (t) => {
  const { broken, loop, looks, settle } = fakeMachine(t);
  broken.set('cgroup', ['x']);
  loop.close();
  loop.notice(['cgroup']);
  await settle();
  assert.deepEqual(looks, []);
});
