import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import { probeKvm } from './probe.ts';

void test('the real device gives a verdict within the deadline', async (t) => {
  if (!fs.existsSync('/dev/kvm')) {
    t.skip('this machine has no /dev/kvm');
    return;
  }
  const result = await probeKvm();
  t.diagnostic(JSON.stringify(result));
  assert.ok(result.durationMs < 4000);
  assert.equal(result.remedy === '', result.usable);
  if (result.device === 'present' && result.backend === 'kvm_pvm') {
    // Known to stop every stock kernel: the guest itself must find that out.
    assert.equal(result.usable, false);
    assert.match(result.reason, /user mode/);
  }
});
