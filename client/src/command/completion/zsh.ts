import type { CompletedCommand, CompletedOption } from './command-tree.ts';

/** A completion script of zsh, for `source` and for a folder of `$fpath`. */
export function zshScript(commands: readonly CompletedCommand[]): string {
  return `#compdef coffer
# coffer: completion for zsh. Use it with: source <(coffer completion zsh)
_coffer() {
  if (( CURRENT == 2 )); then
    local -a commands=(
${commands.map(({ name, summary }) => `      ${quote(`${name}:${summary}`)}`).join('\n')}
    )
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
${commands.map(commandCase).join('\n')}
  esac
}
if [[ $funcstack[1] == _coffer ]]; then _coffer "$@"; else compdef _coffer coffer; fi
`;
}

function commandCase({ name, options, choices }: CompletedCommand): string {
  const rest = choices.length > 0 ? `:argument:(${choices.join(' ')})` : '*:argument:_default';
  return `    ${name}) _arguments ${[...options.map(optionSpec), rest].map(quote).join(' ')} ;;`;
}

/** @see https://zsh.sourceforge.io/Doc/Release/Completion-System.html#Completion-Functions _arguments */
function optionSpec({ flag, description, takesValue, choices, isPath }: CompletedOption): string {
  const spec = `${flag}[${description.replaceAll(/[\\[\]:]/g, String.raw`\$&`)}]`;
  if (!takesValue) return spec;
  return `${spec}:value:${choices.length > 0 ? `(${choices.join(' ')})` : isPath ? '_files' : ''}`;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
