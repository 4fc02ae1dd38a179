/** The `vmlet` command: runs one command, turns an error into one line and an exit code. */
import process from 'node:process';
import { CommanderError } from 'commander';
import type { CommandSpec, Io } from '../cli/command.ts';
import { generalCommands, machineCommands } from '../cli/commands/commands.ts';
import { wantsColor } from '../cli/output/color.ts';
import { hostCommands } from './commands/commands.ts';
import { buildProgram } from './program.ts';

/** A command line that makes no sense. */
const exitUsage = 2;
/** As a shell reports the end by these signals: 128 and the signal's number. */
const signals = { SIGINT: 130, SIGTERM: 143 } as const;

const groups: readonly { readonly title: string; readonly commands: readonly CommandSpec[] }[] = [
  { title: 'This host:', commands: hostCommands },
  { title: 'VMs:', commands: machineCommands },
  { title: 'General:', commands: generalCommands },
];

const stop = new AbortController();
let exitStopped = 0;
for (const [name, code] of Object.entries(signals)) {
  // Once: a second Ctrl-C ends a command that does not heed the first.
  process.once(name, () => {
    exitStopped = code;
    stop.abort();
  });
}
const io: Io = {
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  signal: stop.signal,
  color: wantsColor(process.stdout, process.env),
};
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // `vmlet list | head` closes our output: that is no error of ours, and nobody is left to work for.
  if (error.code === 'EPIPE' || error.code === 'ERR_STREAM_DESTROYED') {
    stop.abort();
    return;
  }
  process.stderr.write(`vmlet: cannot write the output: ${error.message}\n`);
  process.exit(1);
});
process.stderr.on('error', () => undefined);

process.exitCode = await main(process.argv.slice(2));

async function main(words: string[]): Promise<number> {
  if (words[0] === '__complete') {
    return printCompletions(words.slice(1));
  }
  let code = 0;
  const program = buildProgram(groups, async (spec, invocation) => {
    code = await (await spec.load())({ ...invocation, io });
  });
  if (words.length === 0) {
    program.outputHelp();
    return 0;
  }
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

async function printCompletions(words: readonly string[]): Promise<number> {
  const { complete } = await import('../cli/commands/completion/complete.ts');
  const commands = groups.flatMap((group) => group.commands);
  try {
    io.out((await complete(words, commands, io)).map((word) => `${word}\n`).join(''));
  } catch {
    // Completion never disturbs the line being typed.
  }
  return 0;
}

async function reportError(error: unknown): Promise<number> {
  if (stop.signal.aborted) {
    return exitStopped;
  }
  const { errorText } = await import('../cli/output/error-text.ts');
  io.err(`vmlet: ${errorText(error)}\n`);
  if ((process.env['VMLET_DEBUG'] ?? '') !== '' && error instanceof Error) {
    io.err(`${error.stack ?? ''}\n`);
  }
  return error instanceof Error && 'code' in error && error.code === 'Usage' ? exitUsage : 1;
}
