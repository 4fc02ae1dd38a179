/** The `vmlet` command: parses the command line, runs one command, turns an error into one line and an exit code. */
import { enableCompileCache } from 'node:module';
import process from 'node:process';
import type { CommandSpec, Invocation, Io } from '../cli/command.ts';

// Before anything else is loaded, so that the rest comes from the cache: a command starts in about half the time.
enableCompileCache();

const exitUsage = 2;
const exitInterrupted = 130;

const { Command, Option, CommanderError } = await import('commander');
const { apiCommands } = await import('../cli/commands/commands.ts');
const { hostCommands } = await import('./commands/commands.ts');
const commands: readonly CommandSpec[] = [...hostCommands, ...apiCommands];

const interrupted = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.once(name, () => interrupted.abort());
}
const io: Io = {
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  signal: interrupted.signal,
  color: process.stdout.isTTY && process.env['NO_COLOR'] === undefined,
};
// `vmlet list | head` closes our output: that is no error of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') {
    process.exit(0);
  }
  throw error;
});

process.exitCode = await main(process.argv.slice(2));
if (interrupted.signal.aborted && process.exitCode === 0) {
  process.exitCode = exitInterrupted;
}

async function main(words: string[]): Promise<number> {
  if (words[0] === '__complete') {
    return printCompletions(words.slice(1));
  }
  let code = 0;
  const program = new Command('vmlet')
    .description(
      'Virtual machines as Kubernetes resources, straight on the Linux kernel.\n\n' +
        'Start with `vmlet up`, apply a kubevirt.io/v1 manifest with kubectl, and look at it with `vmlet list`.',
    )
    .enablePositionalOptions()
    .showHelpAfterError('(--help shows what there is)')
    .exitOverride();
  program.configureHelp({ showGlobalOptions: false });
  for (const spec of commands) {
    program.addCommand(
      buildCommand(spec, async (invocation) => {
        code = await (await spec.load())(invocation);
      }),
    );
  }
  program.action(() => {
    program.outputHelp();
  });
  try {
    await program.parseAsync(words, { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) {
      return error.exitCode === 0 ? 0 : exitUsage;
    }
    return reportError(error);
  }
}

function buildCommand(spec: CommandSpec, run: (invocation: Invocation) => Promise<void>): InstanceType<typeof Command> {
  const command = new Command(spec.name).summary(spec.summary).exitOverride();
  command.description(spec.description === undefined ? spec.summary : `${spec.summary}.\n\n${spec.description}`);
  for (const argument of spec.arguments ?? []) {
    command.argument(argument.syntax, argument.description);
  }
  for (const option of spec.options ?? []) {
    const built = new Option(option.flags, option.description);
    if (option.choices !== undefined) {
      built.choices(option.choices);
    }
    if (option.defaultValue !== undefined) {
      built.default(option.defaultValue);
    }
    command.addOption(built);
  }
  const width = Math.max(...spec.examples.map(([line]) => line.length));
  command.addHelpText(
    'after',
    `\nExamples:\n${spec.examples.map(([line, what]) => `  ${line.padEnd(width)}   ${what}`).join('\n')}`,
  );
  command.action(async (...received: unknown[]) => {
    // commander passes each argument, then the options, then the command itself.
    const count = (spec.arguments ?? []).length;
    await run({
      arguments: received.slice(0, count) as (string | undefined)[],
      options: command.opts(),
      io,
    });
  });
  return command;
}

async function printCompletions(words: readonly string[]): Promise<number> {
  const { complete } = await import('../cli/commands/completion/complete.ts');
  try {
    io.out((await complete(words, commands, io)).map((word) => `${word}\n`).join(''));
  } catch {
    // Completion never disturbs the line being typed.
  }
  return 0;
}

function reportError(error: unknown): number {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (interrupted.signal.aborted) {
    return exitInterrupted;
  }
  io.err(`vmlet: ${error instanceof Error ? error.message : String(error)}\n`);
  if (process.env['VMLET_DEBUG'] !== undefined && error instanceof Error) {
    io.err(`${error.stack ?? ''}\n`);
  }
  return code === 'Usage' ? exitUsage : 1;
}
