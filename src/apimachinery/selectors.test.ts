import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  formatLabelSelector,
  labelSelectorRequirements,
  matchesFields,
  matchesLabels,
  parseFieldSelector,
  parseLabelSelector,
} from './selectors.ts';
import { DecodeError } from '../base/errors.ts';

test('label selectors select as upstream', () => {
  const labels = { app: 'web', tier: 'front', n: '5' };
  const cases: [string, boolean][] = [
    ['', true],
    ['app=web', true],
    ['app==web,tier!=back', true],
    ['app = other', false],
    ['app in (web, api),tier notin (back)', true],
    ['absent notin (x)', true],
    ['absent!=x', true],
    ['app', true],
    ['!app', false],
    ['!kubevirt.io/x', true],
    ['n>4,n<6', true],
    ['n>5', false],
    ['app=', false],
    ['constructor', false],
  ];
  for (const [text, expected] of cases) {
    assert.equal(matchesLabels(parseLabelSelector(text), labels), expected, text);
  }
});

test('refuses malformed label selectors', () => {
  for (const text of ['a=b=c', 'a in b', '-a', 'a=-', 'a>x', 'a/b/c', 'a '.repeat(20_000)]) {
    assert.throws(() => parseLabelSelector(text), DecodeError, text.slice(0, 20));
  }
});

test('text and structure are the same selector', () => {
  const requirements = labelSelectorRequirements({
    matchLabels: { a: 'b' },
    matchExpressions: [
      { key: 'c', operator: 'In', values: ['d', 'e'] },
      { key: 'f', operator: 'DoesNotExist' },
    ],
  });
  assert.equal(formatLabelSelector(requirements), 'a=b,c in (d,e),!f');
  assert.deepEqual(parseLabelSelector('a=b,c in (d,e),!f'), requirements);
});

test('field selectors', () => {
  const parsed = parseFieldSelector('metadata.name=a\\,b,status.phase!=Running,spec.nodeName==');
  assert.deepEqual(parsed, [
    { field: 'metadata.name', equal: true, value: 'a,b' },
    { field: 'status.phase', equal: false, value: 'Running' },
    { field: 'spec.nodeName', equal: true, value: '' },
  ]);
  assert.ok(matchesFields(parsed, (field) => (field === 'metadata.name' ? 'a,b' : '')));
  assert.throws(() => parseFieldSelector('x'), DecodeError);
});
