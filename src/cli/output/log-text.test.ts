import assert from 'node:assert/strict';
import { test } from 'node:test';
import { logText } from './log-text.ts';

test('a log keeps its lines, and its colours only where there are any', () => {
  const text = '[\u001b[0;32m  OK  \u001b[0m] Started\r\n\tlogin: ';
  assert.equal(logText(text, { color: false }), '[  OK  ] Started\n\tlogin: \n');
  assert.equal(logText(text, { color: true }), '[\u001b[0;32m  OK  \u001b[0m] Started\n\tlogin: \u001b[0m\n');
  assert.equal(logText('done\n', { color: false }), 'done\n');
});

test('a log cannot command the terminal', () => {
  for (const attack of [
    '\u001b[2J',
    '\u001b[H',
    '\u001b[?1049h',
    '\u001b[6n',
    '\u001b]0;title\u0007',
    '\u001b]52;c;aGk=\u001b\\',
    '\u001bc',
    '\u001b(0',
    '\u0008',
    '\u0000',
    '\u001b',
  ]) {
    assert.equal(logText(`a${attack}`, { color: true }), 'a\u001b[0m\n', JSON.stringify(attack));
  }
  assert.equal(logText('\u009b2Jx', { color: false }), '2Jx\n');
  assert.equal(logText('\u001b\u001b[2Jx', { color: false }), 'x\n');
});
