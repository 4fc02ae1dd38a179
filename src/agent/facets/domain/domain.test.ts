import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { DomainObservation } from '../../machine/decide.ts';
import { checkLaws, type FakeKernel } from '../testing/laws.ts';
import { domainFacet } from './facet.ts';
import type { DomainObserved, DomainOp, DomainSpec } from './model.ts';

const spec: DomainSpec = {
  name: 'default_vm',
  xml: '<domain/>',
  devices: { disks: ['root', 'seed'], interfaces: ['default'] },
  startPaused: false,
  mayStart: true,
};

/** libvirt in memory, with one domain. */
class FakeLibvirt implements FakeKernel<DomainObserved, DomainOp> {
  #domain: DomainObservation;
  #devices: DomainObserved['devices'];

  constructor(domain: DomainObservation, devices: DomainObserved['devices']) {
    this.#domain = domain;
    this.#devices = devices;
  }

  clone(): FakeLibvirt {
    return new FakeLibvirt(this.#domain, this.#devices);
  }

  observe(): DomainObserved {
    return { domain: this.#domain, devices: this.#devices };
  }

  state(): unknown {
    return this.observe();
  }

  foreign(): unknown {
    return undefined;
  }

  apply(op: DomainOp): void {
    switch (op.kind) {
      case 'define':
        assert.equal(this.#devices, undefined, 'a running domain is not defined anew');
        this.#domain = this.#domain.state === 'absent' ? { state: 'shutoff', reason: 'unknown' } : this.#domain;
        break;
      case 'start':
        assert.equal(this.#domain.state, 'shutoff', 'only a defined domain that does not run can start');
        this.#domain = op.paused ? { state: 'paused', reason: 'user' } : { state: 'running', reason: 'booted' };
        this.#devices = spec.devices;
        break;
      case 'report':
        break;
    }
  }
}

const notRunning = fc.constantFrom<DomainObservation>(
  { state: 'absent', reason: 'unknown' },
  { state: 'shutoff', reason: 'unknown' },
  { state: 'shutoff', reason: 'failed' },
  { state: 'shutoff', reason: 'daemon' },
  { state: 'shutoff', reason: 'shutdown' },
  { state: 'shutoff', reason: 'crashed' },
  { state: 'crashed', reason: 'panicked' },
);

test('a start cut off anywhere is finished; a guest that ended by itself is not started again', () => {
  fc.assert(
    fc.property(notRunning, fc.boolean(), fc.boolean(), (domain, startPaused, mayStart) => {
      const wanted = { ...spec, startPaused, mayStart };
      const kernel = checkLaws(new FakeLibvirt(domain, undefined), (observed) => domainFacet.plan(wanted, observed));
      const wasStartable = domain.state === 'absent' || ['unknown', 'failed', 'daemon'].includes(domain.reason);
      const ended = kernel.observe().domain.state;
      const expected =
        mayStart && wasStartable && domain.state !== 'crashed' ? (startPaused ? 'paused' : 'running') : domain.state;
      assert.equal(ended, expected);
    }),
    { numRuns: 1000 },
  );
});

test('a device that somebody detached or attached is reported and nothing else', () => {
  const devices = { disks: ['root', 'extra'], interfaces: [] };
  const ops = domainFacet.plan(spec, { domain: { state: 'running', reason: 'booted' }, devices });
  assert.deepEqual(
    ops.map((op) => domainFacet.describe(op)),
    [
      'the running domain has lost disk seed',
      'the running domain has a disk extra that the manifest does not name',
      'the running domain has lost interface default',
    ],
  );
  assert.ok(ops.every((op) => domainFacet.isReport?.(op) === true));
  assert.deepEqual(
    domainFacet.plan(spec, { domain: { state: 'running', reason: 'booted' }, devices: spec.devices }),
    [],
  );
});
