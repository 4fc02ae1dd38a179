/**
 * What a command is. The spec is cheap to load: every start of `vmlet` reads all specs to parse the command line and to
 * print help; `load` brings in the code that does the work, of the one command that runs.
 */
export interface CommandSpec {
  readonly name: string;
  /** commander's form: `[name]`, `<name>`. */
  readonly arguments?: readonly ArgumentSpec[];
  readonly summary: string;
  /** More than the summary, for `--help`. */
  readonly description?: string;
  readonly options?: readonly OptionSpec[];
  readonly examples: readonly (readonly [command: string, what: string])[];
  readonly load: () => Promise<CommandRunner>;
  /** Which objects complete the name. */
  readonly completes?: 'vm' | 'vmi';
  /** Words that may stand before the name: `vm`, `net`. */
  readonly subjects?: readonly string[];
  /** Of those the ones after which names of another kind complete. */
  readonly completesAfter?: Readonly<Record<string, 'vm' | 'vmi'>>;
}

export interface ArgumentSpec {
  readonly syntax: string;
  readonly description: string;
  readonly choices?: readonly string[];
}

export interface OptionSpec {
  /** commander's form: `-o, --output <format>`. */
  readonly flags: string;
  readonly description: string;
  readonly choices?: readonly string[];
  readonly defaultValue?: string | boolean;
}

export interface Invocation {
  readonly arguments: readonly (string | undefined)[];
  readonly options: Readonly<Record<string, string | boolean | undefined>>;
  readonly io: Io;
}

export interface Io {
  out(text: string): void;
  err(text: string): void;
  /** Aborted by Ctrl-C or SIGTERM. */
  readonly signal: AbortSignal;
  /** Colours only on a terminal, and never with NO_COLOR. */
  readonly color: boolean;
}

/** Resolves to the exit code. Thrown errors are printed by main: UsageError ends with 2, others with 1. */
export type CommandRunner = (invocation: Invocation) => Promise<number>;

/** Options that every command talking to the API takes. */
export const apiOptions: readonly OptionSpec[] = [
  {
    flags: '--kubeconfig <file>',
    description: 'kubeconfig to use (default: $KUBECONFIG, then the one of vmlet on this host)',
  },
  { flags: '--context <name>', description: 'context of the kubeconfig' },
  { flags: '-n, --namespace <namespace>', description: 'namespace (default: that of the context)' },
];

export const outputOption: OptionSpec = {
  flags: '-o, --output <format>',
  description: 'output format',
  choices: ['wide', 'json', 'yaml', 'name'],
};
