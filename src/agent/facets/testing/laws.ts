/** The laws of facet.ts, checked on a kernel in memory. */
import assert from 'node:assert/strict';

/** A part of the kernel that a facet works on, as far as the facet sees it. */
export interface FakeKernel<Observed, Op> {
  clone(): FakeKernel<Observed, Op>;
  observe(): Observed;
  /** As the kernel would: throws when it would refuse. */
  apply(op: Op): void;
  /** All of its state, what is not the VM's too, as data that can be compared. */
  state(): unknown;
  /** What is somebody else's. */
  foreign(): unknown;
}

/** Plans and applies until done: once. Then checks that nothing is left to do. */
export function settle<Observed, Op>(
  kernel: FakeKernel<Observed, Op>,
  plan: (observed: Observed) => readonly Op[],
): void {
  for (const op of plan(kernel.observe())) {
    kernel.apply(op);
  }
  assert.deepEqual(plan(kernel.observe()), [], 'the plan after apply is empty');
}

/** Every law for one spec, from the state that `kernel` is in; it is left as it was. Gives the settled kernel. */
export function checkLaws<Observed, Op>(
  kernel: FakeKernel<Observed, Op>,
  plan: (observed: Observed) => readonly Op[],
): FakeKernel<Observed, Op> {
  const ops = plan(kernel.observe());
  assert.deepEqual(plan(kernel.observe()), ops, 'the same input gives the same plan');
  const settled = kernel.clone();
  settle(settled, plan);
  const end = settled.state();
  const again = settled.clone();
  settle(again, plan);
  assert.deepEqual(again.state(), end, 'applying twice equals once');
  for (let cut = 0; cut <= ops.length; cut++) {
    const cutOff = kernel.clone();
    for (const op of ops.slice(0, cut)) {
      cutOff.apply(op);
    }
    settle(cutOff, plan);
    assert.deepEqual(cutOff.state(), end, `cut off after ${cut} of ${ops.length} operations, it ends the same`);
    assert.deepEqual(cutOff.foreign(), kernel.foreign(), 'what is not ours stays');
  }
  return settled;
}
