import type { CompletedCommand } from './command-tree.ts';

/** A completion script of bash. Where nothing is known, names of files are completed. */
export function bashScript(commands: readonly CompletedCommand[]): string {
  return `# coffer: completion for bash. Use it with: source <(coffer completion bash)
_coffer() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} command= word words=
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    [[ $word == -- ]] && return
    [[ -z $command && $word != -* ]] && command=$word
  done
  case "$command $previous" in
${commands.flatMap(valueCases).join('\n')}
    *)
      case $command in
        '') words='${commands.map(({ name }) => name).join(' ')}' ;;
${commands.map(commandCase).join('\n')}
      esac ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _coffer coffer
`;
}

/** What may follow an option that takes a value. */
function valueCases({ name, options }: CompletedCommand): readonly string[] {
  return options.flatMap(({ flag, takesValue, choices }) =>
    takesValue ? [`    '${name} ${flag}') words='${choices.join(' ')}' ;;`] : [],
  );
}

function commandCase({ name, options, choices }: CompletedCommand): string {
  return `        ${name}) words='${[...choices, ...options.map(({ flag }) => flag)].join(' ')}' ;;`;
}
