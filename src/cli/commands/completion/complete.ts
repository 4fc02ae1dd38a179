/** What `vmlet __complete WORDS...` answers: candidates for the last word, one a line. Errors are silence. */
import { namespaceType } from '../../../apimachinery/core.ts';
import type { KubeObject, ResourceType } from '../../../apimachinery/object.ts';
import { vmType } from '../../../vm/kinds/virtualmachine/resource.ts';
import { vmiType } from '../../../vm/kinds/virtualmachineinstance/resource.ts';
import type { CommandSpec, Io, OptionSpec } from '../../command.ts';

/** A person waits for the Tab key. */
const timeoutMs = 2000;

const types = { vm: vmType, vmi: vmiType } as const;

interface Line {
  /** Values of options before the word being completed, by long name without dashes. */
  readonly options: Readonly<Record<string, string>>;
  readonly positionals: readonly string[];
  /** The option whose value is being completed. */
  readonly pending: OptionSpec | undefined;
}

export async function complete(words: readonly string[], commands: readonly CommandSpec[], io: Io): Promise<string[]> {
  // bash takes --output=json apart into three words.
  const last = words.at(-1) === '=' ? '' : (words.at(-1) ?? '');
  const before = words.slice(0, -1).filter((word) => word !== '=');
  return (await candidates(before, last, commands, io)).filter((word) => word.startsWith(last));
}

async function candidates(
  before: readonly string[],
  last: string,
  commands: readonly CommandSpec[],
  io: Io,
): Promise<readonly string[]> {
  const names = [...commands.map((command) => command.name), 'help'];
  if (before.length === 0) {
    return last.startsWith('-') ? ['--help', '--version'] : names;
  }
  const command = commands.find((candidate) => candidate.name === before[0]);
  if (command === undefined) {
    return before[0] === 'help' && before.length === 1 ? names : [];
  }
  const line = readLine(before.slice(1), command.options ?? []);
  if (line.pending !== undefined) {
    return longName(line.pending) === 'namespace' ? objectNames(namespaceType, line, io) : (line.pending.choices ?? []);
  }
  if (last.startsWith('-')) {
    return [...(command.options ?? []).map((option) => `--${longName(option)}`), '--help'];
  }
  const [first, ...more] = line.positionals;
  const afterSubject = first !== undefined && command.subjects?.includes(first) === true;
  const argument = command.arguments?.[0];
  if (argument === undefined || (first !== undefined && !afterSubject) || more.length > 0) {
    return [];
  }
  if (argument.choices !== undefined) {
    return argument.choices;
  }
  const subjects = afterSubject ? [] : (command.subjects ?? []);
  if (command.completes === undefined) {
    return subjects;
  }
  const kind = (afterSubject ? command.completesAfter?.[first] : undefined) ?? command.completes;
  // The words before the name are known without a server.
  const known = await objectNames(types[kind], line, io).catch(() => []);
  return [...subjects, ...known];
}

function readLine(words: readonly string[], options: readonly OptionSpec[]): Line {
  const values: Record<string, string> = {};
  const positionals: string[] = [];
  let pending: OptionSpec | undefined;
  for (const word of words) {
    if (pending !== undefined) {
      values[longName(pending)] = word;
      pending = undefined;
    } else if (word.startsWith('-')) {
      const [flag = '', ...value] = word.split('=');
      const option = options.find((candidate) => candidate.flags.split(/[ ,]+/).includes(flag));
      if (option !== undefined && takesValue(option)) {
        if (value.length > 0) {
          values[longName(option)] = value.join('=');
        } else {
          pending = option;
        }
      }
    } else {
      positionals.push(word);
    }
  }
  return { options: values, positionals, pending };
}

function longName(option: OptionSpec): string {
  return /--([a-z0-9-]+)/.exec(option.flags)?.[1] ?? '';
}

function takesValue(option: OptionSpec): boolean {
  return option.flags.includes('<');
}

async function objectNames(type: ResourceType, line: Line, io: Io): Promise<string[]> {
  const { openSession } = await import('../../session.ts');
  const signal = AbortSignal.any([io.signal, AbortSignal.timeout(timeoutMs)]);
  const session = await openSession({ arguments: [], options: line.options, io: { ...io, signal } });
  const scope = type.namespaced ? { namespace: session.namespace } : {};
  const found = await session.client.list<KubeObject>(type, scope);
  return found.items.map((object) => object.metadata.name);
}
