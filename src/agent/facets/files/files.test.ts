import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { checkLaws, type FakeKernel } from '../testing/laws.ts';
import { hostFacts, machineInput, secretText } from '../testing/machines.ts';
import { filesFacet } from './facet.ts';
import type { FilesObserved, FilesOp, FilesSpec } from './model.ts';

/** The emptyDirs of a sandbox in memory. */
class FakeFiles implements FakeKernel<FilesObserved, FilesOp> {
  readonly #files: Set<string>;
  #ownerUid: number | undefined;

  constructor(files: Iterable<string>, ownerUid: number | undefined) {
    this.#files = new Set(files);
    this.#ownerUid = ownerUid;
  }

  clone(): FakeFiles {
    return new FakeFiles(this.#files, this.#ownerUid);
  }

  observe(): FilesObserved {
    const uid = this.#ownerUid;
    return {
      privateDirectory: uid === undefined ? undefined : { owner: { uid, gid: uid } },
      files: new Set(this.#files),
    };
  }

  state(): unknown {
    return { files: [...this.#files].toSorted(), owner: this.#ownerUid };
  }

  foreign(): unknown {
    return [...this.#files].filter((path) => path.startsWith('foreign'));
  }

  apply(op: FilesOp): void {
    switch (op.kind) {
      case 'create-directory':
        assert.equal(this.#ownerUid, undefined, 'EEXIST');
        this.#ownerUid = op.directory.owner.uid;
        break;
      case 'set-owner':
        assert.notEqual(this.#ownerUid, undefined, 'ENOENT');
        this.#ownerUid = op.directory.owner.uid;
        break;
      case 'create-overlay':
      case 'create-empty-disk':
      case 'write-seed':
        assert.ok(!this.#files.has(op.file.place.path), 'a finished file is never written again');
        this.#files.add(op.file.place.path);
        break;
      case 'report-missing':
        break;
    }
  }
}

const cases = fc
  .tuple(machineInput, hostFacts)
  .map(([input, host]): FilesSpec => filesFacet.compile(input, filesFacet.assume(input, host), {}));

test('whichever files are there, a plan cut off anywhere ends with all of them', () => {
  fc.assert(
    fc.property(cases, fc.array(fc.nat(5)), fc.constantFrom(undefined, 0, 107), (spec, there, ownerUid) => {
      const files = there.flatMap((index) => spec.files[index]?.place.path ?? []);
      const kernel = new FakeFiles([...files, 'foreign/disk.qcow2'], ownerUid);
      const settled = checkLaws(kernel, (observed) => filesFacet.plan(spec, observed));
      for (const { place } of spec.files) {
        assert.ok(settled.observe().files.has(place.path));
      }
      assert.deepEqual(settled.observe().privateDirectory?.owner, { uid: 107, gid: 107 });
    }),
    { numRuns: 1000 },
  );
});

test('what the guest wrote is never replaced: after it ran, a missing file is told and not made', () => {
  fc.assert(
    fc.property(machineInput, hostFacts, (input, host) => {
      const running = { ...input, vmi: { ...input.vmi, status: { phase: 'Running' as const } } };
      const spec = filesFacet.compile(running, filesFacet.assume(running, host), {});
      const ops = filesFacet.plan(spec, { privateDirectory: { owner: { uid: 107, gid: 107 } }, files: new Set() });
      assert.equal(ops.length, spec.files.length);
      assert.ok(ops.every((op) => filesFacet.isReport?.(op) === true));
    }),
    { numRuns: 200 },
  );
});

test('a secret is neither in the spec nor in what is shown of it', () => {
  const encoded = Buffer.from(`password: ${secretText}`).toString('base64');
  fc.assert(
    fc.property(cases, (spec) => {
      const ops = filesFacet.plan(spec, filesFacet.nothing(spec));
      const shown = ops.map((op) => [filesFacet.describe(op), filesFacet.reason(op), filesFacet.detail?.(op)]);
      const text = JSON.stringify([spec, ops, shown]);
      assert.ok(!text.includes(secretText) && !text.includes(encoded));
    }),
    { numRuns: 1000 },
  );
});
