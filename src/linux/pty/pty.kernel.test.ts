import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, existsSync } from 'node:fs';
import { test } from 'node:test';
import { openPseudoterminal, setWindowSize } from './pty.ts';

test(
  'the other end is a terminal of the size that was set',
  { skip: existsSync('/dev/ptmx') ? false : 'no /dev/ptmx' },
  () => {
    const { master, slave } = openPseudoterminal();
    try {
      setWindowSize(master, { columns: 101, rows: 33 });
      const text = execFileSync('stty', ['size'], { stdio: [slave, 'pipe', 'pipe'], encoding: 'utf8', timeout: 5000 });
      assert.equal(text.trim(), '33 101');
    } finally {
      closeSync(master);
      closeSync(slave);
    }
  },
);
