/**
 * Child process of the KVM probe: runs the guest and writes one JSON line per step at once, so that the parent knows how
 * far it came even when it has to kill a hung run. Argument: the device. Lines: {"step":0} before anything is asked of KVM,
 * {"step":n}, then {"done":true} or {"error":"..."}.
 */
import fs from 'node:fs';
import { errorMessage } from '../../base/errors.ts';
import { runGuest } from './run-guest.ts';

const STDOUT = 1;

function say(line: object): void {
  fs.writeSync(STDOUT, `${JSON.stringify(line)}\n`);
}

try {
  say({ step: 0 });
  runGuest(process.argv[2] ?? '/dev/kvm', (step) => say({ step }));
  say({ done: true });
} catch (error) {
  say({ error: errorMessage(error) });
}
