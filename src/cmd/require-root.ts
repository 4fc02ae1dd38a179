import { VmletError } from '../base/errors.ts';

export function requireRoot(command: string): void {
  if (process.getuid?.() !== 0) {
    throw new VmletError('NotRoot', `\`vmlet ${command}\` needs root: run it with sudo`);
  }
}
