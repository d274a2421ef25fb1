import { type CommandManual, type Program, takesPath } from './program.ts';

/** Shells that have a completion, and where Debian looks for it. */
export const shells = {
  bash: (program: string) => `usr/share/bash-completion/completions/${program}`,
  zsh: (program: string) => `usr/share/zsh/vendor-completions/_${program}`,
  fish: (program: string) => `usr/share/fish/vendor_completions.d/${program}.fish`,
} as const;
export type Shell = keyof typeof shells;

export function completionOf(shell: Shell, program: Program): string {
  return { bash, zsh, fish }[shell](program);
}

function bash({ name, commands }: Program): string {
  const words = ({ options }: CommandManual): string => options.map((option) => `--${option.name}`).join(' ');
  const values = commands.flatMap((command) =>
    command.options
      .filter(({ value }) => value !== undefined)
      .map((option) => {
        const offer = takesPath(option)
          ? 'compopt -o filenames; COMPREPLY=($(compgen -f -- "$current"))'
          : `COMPREPLY=($(compgen -W '${option.among.join(' ')}' -- "$current"))`;
        return `    '${command.name} --${option.name}') ${offer}; return ;;\n`;
      }),
  );
  return `# Completion of ${name} for bash.
_${identifier(name)}() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD - 1]} options=
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W '${commands.map((command) => command.name).join(' ')}' -- "$current"))
    return
  fi
  case "\${COMP_WORDS[1]} $previous" in
${values.join('')}  esac
  case "\${COMP_WORDS[1]}" in
${commands.map((command) => `    ${command.name}) options='${words(command)}' ;;\n`).join('')}  esac
  if [ "\${current#-}" != "$current" ]; then
    COMPREPLY=($(compgen -W "$options" -- "$current"))
  else
    compopt -o filenames
    COMPREPLY=($(compgen -f -- "$current"))
  fi
}
complete -F _${identifier(name)} ${name}
`;
}

function zsh({ name, commands }: Program): string {
  const about = (text: string): string => text.replaceAll(/[\\:[\]]/g, '\\$&');
  const cases = commands.map(({ name: command, options }) => {
    const rows = options.map((option) => {
      const value =
        option.value === undefined
          ? ''
          : `:${about(option.value)}:${takesPath(option) ? '_files' : option.among.length > 0 ? `(${option.among.join(' ')})` : ' '}`;
      return ` \\\n        ${single(`*--${option.name}[${about(option.help)}]${value}`)}`;
    });
    return `    ${command})\n      _arguments${rows.join('')} \\\n        '*:file:_files'\n      ;;\n`;
  });
  return `#compdef ${name}
_${identifier(name)}() {
  local -a commands
  commands=(
${commands.map((command) => `    ${single(`${command.name}:${about(command.summary)}`)}\n`).join('')}  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
${cases.join('')}  esac
}
_${identifier(name)} "$@"
`;
}

function fish({ name, commands }: Program): string {
  const rows = commands.flatMap((command) => [
    `complete -c ${name} -n __fish_use_subcommand -f -a ${command.name} -d ${fishQuoted(command.summary)}`,
    ...command.options.map((option) => {
      const value =
        option.value === undefined
          ? ''
          : takesPath(option)
            ? ' -r -F'
            : ` -x${option.among.length > 0 ? ` -a '${option.among.join(' ')}'` : ''}`;
      return `complete -c ${name} -n '__fish_seen_subcommand_from ${command.name}' -l ${option.name}${value} -d ${fishQuoted(option.help)}`;
    }),
  ]);
  return `# Completion of ${name} for fish.\n${rows.join('\n')}\n`;
}

function identifier(name: string): string {
  return name.replaceAll('-', '_');
}

function single(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function fishQuoted(text: string): string {
  return `'${text.replaceAll(/['\\]/g, '\\$&')}'`;
}
