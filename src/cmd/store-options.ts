/** Options of the commands that work on the store's files. Apart from `store-place.ts`, as every start reads them. */
import type { OptionSpec } from '../cli/command.ts';

export const stateDirOption: OptionSpec = {
  flags: '--state-dir <directory>',
  description: 'as given to `vmlet up` (default: $VMLET_STATE_DIR or /var/lib/vmlet)',
};

export const encryptionKeyOption: OptionSpec = {
  flags: '--encryption-key <file>',
  description: 'as given to `vmlet up` (default: pki/encryption.key in the state directory)',
};
