/** `arcade completion SHELL`: what a shell reads once. Each Tab then asks `arcade __complete`. */
import type { Run } from '../invocation.ts';
import { say } from '../terminal/visible.ts';

/** In bash `=` ends a word, so what stands before it is left out of the candidates. */
const BASH = say`# arcade completion for bash
_arcade() {
  local value line current=\${COMP_WORDS[COMP_CWORD]}
  [[ $current == '=' ]] && current=
  COMPREPLY=()
  while read -r value _; do
    if [[ $value == ':files' ]]; then
      compopt -o filenames 2> /dev/null
      while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "$current")
    elif [[ $value == "$current"* ]]; then
      COMPREPLY+=("$value")
    fi
  done < <(printf '%s\\n' "\${COMP_WORDS[@]:1:COMP_CWORD}" | "\${COMP_WORDS[0]}" __complete bash 2> /dev/null)
}
complete -F _arcade arcade`;

const ZSH = say`#compdef arcade
# arcade completion for zsh
_arcade() {
  local line
  local -a lines candidates
  lines=("\${(@f)$(print -rl -- "\${(@Q)words[2,CURRENT-1]}" "$PREFIX" | "\${words[1]}" __complete zsh 2> /dev/null)}")
  for line in "\${(@)lines}"; do
    [[ -z $line ]] && continue
    if [[ $line == ':files' ]]; then
      compset -P '--*='
      _files
      return
    fi
    candidates+=("\${\${line%% *}//:/\\\\:}\${\${line#* }:+:\${line#* }}")
  done
  _describe -t values arcade candidates
}
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit; }
if [[ $funcstack[1] == _arcade ]]; then _arcade "$@"; else compdef _arcade arcade; fi`;

const FISH = say`# arcade completion for fish
function __arcade_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    for line in (printf '%s\\n' $words[2..] "$current" | $words[1] __complete fish 2> /dev/null)
        if test "$line" = ':files'
            __fish_complete_path "$current"
        else
            string replace ' ' \\t -- $line
        end
    end
end
complete -c arcade -f -a '(__arcade_complete)'`;

/** Prints the script for a shell. */
export const run: Run = async ({ output, positionals }) => {
  const [shell] = positionals;
  output.line(shell === 'zsh' ? ZSH : shell === 'fish' ? FISH : BASH);
  return undefined;
};
