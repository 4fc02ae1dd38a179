import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Explanation } from './explanation.ts';
import { formatExplanation } from './format.ts';

const explanation: Explanation = {
  vmi: { namespace: 'default', name: 'web' },
  node: 'host1',
  emulated: '/dev/kvm is missing',
  parts: [
    {
      part: 'network',
      steps: [
        { what: 'create TAP tap0', why: 'the guest card needs it' },
        { what: 'load nftables table', why: 'the guest shares the address of the Pod', detail: 'a\nb' },
      ],
    },
  ],
  conflicts: [{ problem: 'Secret "x" is missing', meaning: 'the start waits', remedy: 'create it' }],
};

test('every step stands with its reason, details only when asked for', () => {
  const plain = formatExplanation(explanation, { color: false, details: false });
  assert.equal(
    plain,
    [
      'default/web on node host1: 2 steps; nothing was changed',
      'The guest would be emulated: /dev/kvm is missing',
      '',
      'network',
      '  create TAP tap0',
      '    the guest card needs it',
      '  load nftables table',
      '    the guest shares the address of the Pod',
      '',
      'Conflicts (1)',
      '  Secret "x" is missing',
      '    so:     the start waits',
      '    remedy: create it',
      '',
    ].join('\n'),
  );
  assert.match(formatExplanation(explanation, { color: false, details: true }), /^ {6}a\n {6}b$/m);
});

test('without conflicts it says so', () => {
  const text = formatExplanation({ ...explanation, conflicts: [] }, { color: false, details: false });
  assert.match(text, /^No conflicts found$/m);
});

test('a VM that is as planned says so', () => {
  const text = formatExplanation({ ...explanation, parts: [], conflicts: [] }, { color: false, details: false });
  assert.match(text, /nothing to do, all is as planned/);
});
