import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { judge, remedyOf } from './judge.ts';
import { countsAsFinding, type AuditItem, type KnownPods } from './model.ts';

const instance = { name: 'vmlet0', stateDir: '/state', runDir: '/run/x' };
const up = (...uids: string[]): KnownPods => ({ daemon: 'running', living: new Set(uids), isPlaceKnown: true });
const down = (...uids: string[]): KnownPods => ({ daemon: 'down', living: new Set(uids), isPlaceKnown: true });

const link: AuditItem = {
  kind: 'link',
  object: 'vml1',
  belongs: 'pod',
  pod: 'a',
  fix: { kind: 'delete-link', name: 'vml1', index: 7 },
};
const bridge: AuditItem = {
  kind: 'link',
  object: 'vmlet0',
  belongs: 'instance',
  fix: { kind: 'delete-link', name: 'vmlet0', index: 3 },
};
const directory: AuditItem = {
  kind: 'pod directory',
  object: '/state/kubelet/pods/a',
  belongs: 'pod',
  pod: 'a',
  fix: { kind: 'remove-tree', path: '/state/kubelet/pods/a' },
};
const staging: AuditItem = {
  kind: 'staging',
  object: '/run/x/staging/seed-1',
  belongs: 'start',
  ageMs: 1000,
  fix: { kind: 'remove-tree', path: '/run/x/staging/seed-1' },
};
const stranger: AuditItem = { kind: 'cgroup', object: '/vmlet/vmlet0/x', belongs: 'unknown' };

/** Item, what is known, verdict. */
const table: readonly (readonly [string, AuditItem, KnownPods, string | undefined])[] = [
  ["a living Pod's link", link, up('a'), undefined],
  ['a link of a Pod that is gone', link, up('b'), 'orphan'],
  ['a link of a VM that runs on while vmlet is down', link, down('a'), undefined],
  ['a link of which nothing runs', link, down('b'), 'orphan'],
  ['the bridge while vmlet runs', bridge, up(), undefined],
  ['the bridge while a VM runs', bridge, down('a'), undefined],
  ['the bridge without vmlet and VMs', bridge, down(), 'orphan'],
  ['a bridge of an instance that may run elsewhere', bridge, { ...down(), isPlaceKnown: false }, 'undecided'],
  ['a link of such a one', link, { ...down(), isPlaceKnown: false }, 'undecided'],
  ['a directory of a Pod that is gone', directory, up(), 'orphan'],
  ['a directory that may hold disks', directory, down(), 'undecided'],
  ['a start under way', staging, up(), undefined],
  ['a start that was cut off', staging, down(), 'orphan'],
  ['a start of yesterday', { ...staging, ageMs: 86_400_000 }, up(), 'orphan'],
  ['a cgroup of another name', stranger, up(), 'undecided'],
  ['an unused image', { kind: 'image', object: '/i', belongs: 'image' }, up(), 'reclaimable'],
];

for (const [name, item, known, verdict] of table) {
  test(`${name}: ${verdict ?? 'fine'}`, () => {
    const [finding] = judge([item], known, instance);
    assert.equal(finding?.verdict, verdict);
    if (finding !== undefined) {
      assert.notEqual(finding.meaning, '');
      assert.equal(countsAsFinding(finding), verdict !== 'reclaimable');
      assert.equal(countsAsFinding({ ...finding, outcome: 'repaired' }), false);
    }
  });
}

test('only orphans can be taken away, and nothing of a living Pod is one', () => {
  const kinds = ['link', 'cgroup', 'mount', 'namespace', 'sandbox', 'pod directory'] as const;
  const anyItem = fc.record({
    kind: fc.constantFrom(...kinds),
    object: fc.string({ minLength: 1 }),
    belongs: fc.constantFrom('pod' as const, 'instance' as const, 'start' as const, 'unknown' as const),
    pod: fc.constantFrom('a', 'b', 'c'),
    fix: fc.constant({ kind: 'remove-file', path: '/x' } as const),
  });
  fc.assert(
    fc.property(fc.array(anyItem), fc.subarray(['a', 'b', 'c']), fc.boolean(), (items, living, daemon) => {
      for (const item of items) {
        for (const { verdict, fix } of judge([item], daemon ? up(...living) : down(...living), instance)) {
          assert.equal(fix !== undefined, verdict === 'orphan');
          assert.ok(!(item.belongs === 'pod' && living.includes(item.pod)));
        }
      }
    }),
  );
});

test('remedies are commands', () => {
  assert.equal(remedyOf({ kind: 'delete-link', name: 'vml1', index: 7 }), 'ip link delete vml1');
  assert.equal(remedyOf({ kind: 'unpin', path: '/r/netns/a' }), 'umount -l /r/netns/a; rm -f /r/netns/a');
  assert.equal(
    remedyOf({ kind: 'delete-sandbox', id: 'a', root: '/r/runtime', bundle: '/r/bundles/a' }),
    'runc --root /r/runtime delete --force a; rm -rf /r/bundles/a',
  );
});

test('with vmlet down, what tells how a Pod ended is kept while its directory is there', () => {
  const sandbox: AuditItem = {
    kind: 'sandbox',
    object: 'a',
    belongs: 'pod',
    pod: 'a',
    fix: { kind: 'remove-file', path: '/x' },
  };
  const verdicts = (items: AuditItem[], known: KnownPods): string[] =>
    judge(items, known, instance).map(({ kind, verdict }) => `${kind} ${verdict}`);
  assert.deepEqual(verdicts([sandbox, link], down()), ['sandbox orphan', 'link orphan']);
  const kept = ['sandbox undecided', 'link orphan', 'pod directory undecided'];
  assert.deepEqual(verdicts([sandbox, link, directory], down()), kept);
  assert.deepEqual(verdicts([sandbox, directory], up()), ['sandbox orphan', 'pod directory orphan']);
});
