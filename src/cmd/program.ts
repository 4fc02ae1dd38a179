/** The command line as commander sees it: made from the specs, with help that teaches. */
import { Argument, Command, Option } from 'commander';
import { stateDirectory } from '../base/directories.ts';
import { version } from '../base/version.ts';
import type { CommandSpec, Invocation } from '../cli/command.ts';

type Run = (spec: CommandSpec, invocation: Omit<Invocation, 'io'>) => Promise<void>;

export interface CommandGroup {
  /** Heading in the help, with its colon. */
  readonly title: string;
  readonly commands: readonly CommandSpec[];
}

/** Throws CommanderError instead of ending the process; its text is already printed then. */
export function buildProgram(groups: readonly CommandGroup[], run: Run): Command {
  const program = new Command('vmlet')
    .usage('<command> [options]')
    .description(
      'Virtual machines as Kubernetes resources, straight on the Linux kernel. A VM is a kubevirt.io/v1 ' +
        'manifest that you apply with kubectl; vmlet runs it on this host and shows it.',
    )
    .version(version(), '-V, --version', 'print the version of this command')
    .helpOption('-h, --help', 'show this')
    .enablePositionalOptions()
    .configureHelp({ subcommandTerm: term })
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'vmlet: ')) })
    .exitOverride()
    .commandsGroup(groups.at(-1)?.title ?? 'Commands:')
    .helpCommand('help [command]', 'Show the help of a command')
    .showHelpAfterError('(`vmlet --help` shows all commands)')
    .addHelpText('after', firstSteps());
  for (const { title, commands } of groups) {
    for (const spec of commands) {
      program.addCommand(buildCommand(program, spec, run).helpGroup(title));
    }
  }
  return program;
}

function firstSteps(): string {
  return `
First steps, as root:
${columns([
  ['vmlet demo', 'watch one VM come up, serve a web page, and go'],
  ['vmlet up --detach', 'start vmlet in the background'],
  [`export KUBECONFIG=${stateDirectory()}/kubeconfig`, 'let kubectl talk to it'],
  ['kubectl apply -f examples/vm.yaml', 'create a VM'],
  ['vmlet list', 'see its state and addresses'],
  ['vmlet console NAME', 'its serial console; ^] leaves'],
])}

\`vmlet <command> --help\` explains a command and shows examples.`;
}

function buildCommand(program: Command, spec: CommandSpec, run: Run): Command {
  const command = new Command(spec.name).copyInheritedSettings(program).summary(spec.summary);
  command.description(spec.description === undefined ? `${spec.summary}.` : `${spec.summary}.\n\n${spec.description}`);
  command.helpOption('-h, --help', 'show this');
  command.showHelpAfterError(`(\`vmlet ${spec.name} --help\` shows how it is used)`);
  for (const { syntax, description, choices } of spec.arguments ?? []) {
    const argument = new Argument(syntax, description);
    command.addArgument(choices === undefined ? argument : argument.choices(choices));
  }
  for (const { flags, description, choices, defaultValue } of spec.options ?? []) {
    const option = new Option(flags, description);
    if (choices !== undefined) {
      option.choices(choices);
    }
    if (defaultValue !== undefined) {
      option.default(defaultValue);
    }
    command.addOption(option);
  }
  command.addHelpText('after', `\nExamples:\n${columns(spec.examples)}`);
  return command.action(async (...received: unknown[]) => {
    // commander passes each argument, then the options, then the command itself.
    const count = spec.arguments?.length ?? 0;
    await run(spec, { arguments: received.slice(0, count) as (string | undefined)[], options: command.opts() });
  });
}

/** `console <name>`: what must be given, without the options. */
function term(command: Command): string {
  const words = command.registeredArguments.map((argument) =>
    argument.required ? `<${argument.name()}>` : `[${argument.name()}]`,
  );
  return [command.name(), ...words].join(' ');
}

function columns(lines: CommandSpec['examples']): string {
  const width = Math.max(...lines.map(([command]) => command.length));
  return lines.map(([command, what]) => `  ${command.padEnd(width)}   ${what}`).join('\n');
}
