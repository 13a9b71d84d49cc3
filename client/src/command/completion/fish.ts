import type { CompletedCommand, CompletedOption } from './command-tree.ts';

/** A completion script of fish. */
export function fishScript(commands: readonly CompletedCommand[]): string {
  const lines = commands.flatMap((command) => [
    `complete -c coffer -f -n __fish_use_subcommand -a ${command.name} -d ${quote(command.summary)}`,
    ...command.options.map((option) => optionLine(command.name, option)),
    ...(command.choices.length > 0
      ? [
          `complete -c coffer -f -n '__fish_seen_subcommand_from ${command.name}' -a ${quote(command.choices.join(' '))}`,
        ]
      : []),
  ]);
  return `# coffer: completion for fish. Use it with: coffer completion fish | source\n${lines.join('\n')}\n`;
}

function optionLine(command: string, { flag, description, takesValue, choices, isPath }: CompletedOption): string {
  const value = [
    takesValue ? '-r' : '',
    takesValue && !isPath ? '-f' : '',
    choices.length > 0 ? `-a ${quote(choices.join(' '))}` : '',
  ];
  const words = ['-l', flag.replace(/^--/, ''), ...value.filter((word) => word !== ''), '-d', quote(description)];
  return `complete -c coffer -n '__fish_seen_subcommand_from ${command}' ${words.join(' ')}`;
}

function quote(text: string): string {
  return `'${text.replaceAll(/[\\']/g, String.raw`\$&`)}'`;
}
