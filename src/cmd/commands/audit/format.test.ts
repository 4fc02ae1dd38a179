import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AuditFinding, AuditReport } from '../../../embedded/audit/model.ts';
import { formatAudit } from './format.ts';

const orphan: AuditFinding = {
  verdict: 'orphan',
  kind: 'link',
  object: 'vml0123456789a',
  what: 'link of a pod; of Pod 1\n\u001b[2Jx, which does not exist',
  meaning: 'costs a little memory',
  remedy: 'ip link delete vml0123456789a',
};
const image: AuditFinding = { ...orphan, verdict: 'reclaimable', kind: 'image', object: '/i', what: 'unused' };
const report = (...findings: AuditFinding[]): AuditReport => ({ instance: 'vmlet0', daemon: 'running', findings });
const plain = { color: false, repair: false };

test('clean is one line', () => {
  assert.equal(formatAudit(report(), plain), 'instance vmlet0: 0 orphaned, 0 missing, 0 undecided, 0 reclaimable\n');
  assert.match(formatAudit({ ...report(), daemon: 'down' }, plain), /vmlet is down/);
});

test('a finding says what, what it means and the command; nothing in it commands the terminal', () => {
  const text = formatAudit(report(orphan, image), plain);
  assert.match(text, /^ORPHAN {2}link vml0123456789a\n {2}seen: {5}link of a pod/);
  assert.match(text, /\n {2}remedy: {3}ip link delete vml0123456789a\n/);
  assert.match(text, /\nreclaimable {2}image \/i: unused\n/);
  assert.match(text, /1 orphaned, 0 missing, 0 undecided, 1 reclaimable; `vmlet audit --repair` mends what it can\n$/);
  assert.ok(!text.includes('\u001b'));
  assert.ok(formatAudit(report(orphan), { color: true, repair: false }).startsWith('\u001b[31;1mORPHAN'));
});

test('after a repair: what was done, or why not', () => {
  const done: AuditFinding = { ...orphan, outcome: 'repaired' };
  const failed: AuditFinding = { ...orphan, outcome: 'failed', problem: 'EBUSY' };
  const text = formatAudit(report(done, failed), { color: false, repair: true });
  assert.match(text, /\n {2}repaired: ip link delete/);
  assert.match(text, /\n {2}failed: {3}EBUSY\n/);
  assert.match(text, /; 1 repaired/);
});
