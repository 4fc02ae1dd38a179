import type { Invocation } from '../../command.ts';
import { UsageError } from '../../options.ts';

const scripts: Readonly<Record<string, string>> = {
  bash: `_vmlet() {
  local IFS=$'\\n'
  COMPREPLY=($(vmlet __complete "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _vmlet vmlet
`,
  zsh: `#compdef vmlet
_vmlet() {
  local -a candidates
  candidates=("\${(@f)$(vmlet __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  compadd -a candidates
}
compdef _vmlet vmlet
`,
  fish: `complete -c vmlet -f -a '(vmlet __complete (commandline -opc)[2..] (commandline -ct) 2>/dev/null)'
`,
};

export function run(invocation: Invocation): Promise<number> {
  const shell = invocation.arguments[0] ?? '';
  const script = scripts[shell];
  if (script === undefined) {
    throw new UsageError(`no completion for "${shell}": bash, zsh and fish have one`);
  }
  invocation.io.out(script);
  return Promise.resolve(0);
}
