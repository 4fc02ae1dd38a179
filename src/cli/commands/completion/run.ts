import { assert } from '../../../base/assert.ts';
import type { Invocation } from '../../command.ts';

/** Each calls `vmlet __complete WORDS...` with the words up to the cursor, the last one perhaps empty. */
const scripts: Readonly<Record<string, string>> = {
  bash: `_vmlet() {
  mapfile -t COMPREPLY < <(vmlet __complete "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -F _vmlet vmlet
`,
  zsh: `#compdef vmlet
_vmlet() {
  local -a candidates
  candidates=(\${(f)"$(vmlet __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)"})
  if (( $#candidates )); then compadd -a candidates; else _files; fi
}
if [ "$funcstack[1]" = _vmlet ]; then _vmlet "$@"; else compdef _vmlet vmlet; fi
`,
  fish: `function __vmlet_complete
  set -l words (commandline -opc)
  set -l last (commandline -ct)
  vmlet __complete $words[2..] "$last" 2>/dev/null
end
complete -c vmlet -f -a '(__vmlet_complete)'
`,
};

export function run(invocation: Invocation): Promise<number> {
  const script = scripts[invocation.arguments[0] ?? ''];
  assert(script !== undefined, 'the command line parser knows the shells');
  invocation.io.out(script);
  return Promise.resolve(0);
}
