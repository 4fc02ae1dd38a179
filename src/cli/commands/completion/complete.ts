/** What `vmlet __complete WORDS...` answers: candidates for the last word, one a line. Errors are silence. */
import { vmType } from '../../../vm/kinds/virtualmachine/resource.ts';
import { vmiType } from '../../../vm/kinds/virtualmachineinstance/resource.ts';
import type { CommandSpec, Invocation, Io } from '../../command.ts';
import { openSession } from '../../session.ts';

export async function complete(words: readonly string[], commands: readonly CommandSpec[], io: Io): Promise<string[]> {
  const last = words.at(-1) ?? '';
  if (words.length <= 1) {
    return commands.map((command) => command.name).filter((name) => name.startsWith(last));
  }
  const command = commands.find((candidate) => candidate.name === words[0]);
  if (command === undefined) {
    return [];
  }
  if (last.startsWith('-')) {
    const flags = (command.options ?? []).flatMap((option) =>
      option.flags.split(/[ ,]+/).filter((flag) => flag.startsWith('--')),
    );
    return [...flags, '--help'].filter((flag) => flag.startsWith(last));
  }
  if (command.name === 'completion') {
    return ['bash', 'zsh', 'fish'].filter((shell) => shell.startsWith(last));
  }
  return command.completes === undefined ? [] : objectNames(command.completes, last, io);
}

async function objectNames(kind: 'vm' | 'vmi', prefix: string, io: Io): Promise<string[]> {
  const invocation: Invocation = { arguments: [], options: {}, io };
  const session = await openSession(invocation);
  const type = kind === 'vm' ? vmType : vmiType;
  const found = await session.client.list<{ apiVersion: string; kind: string; metadata: { name: string } }>(type, {
    namespace: session.namespace,
  });
  return found.items.map((object) => object.metadata.name).filter((name) => name.startsWith(prefix));
}
