import { parseArgs } from 'node:util';
import { Failure, sentenceOf } from '#protocol/failure.ts';

/** A command of the command line: what `--help` says of it is all there is. */
export interface Command {
  name: string;
  /** After the name, e.g. `--config FILE`. */
  usage: string;
  summary: string;
  /** `value` is what the option takes, e.g. FILE. */
  options: Record<string, { type: 'string' | 'boolean'; value?: string; describe: string }>;
  /** How many words may follow the options. */
  words: number;
  /** Returns the exit code. */
  run(values: Record<string, string | boolean | undefined>, words: string[]): Promise<number>;
}

/** Finds and runs the command that `argv` names; throws `usage` for anything it does not understand. */
export function dispatch(
  program: string,
  commands: readonly Command[],
  argv: string[],
  out: (text: string) => void,
): Promise<number> {
  const [name, ...rest] = argv;
  if (name === undefined || ['--help', '-h', 'help'].includes(name)) {
    out(overview(program, commands));
    return Promise.resolve(name === undefined ? 64 : 0);
  }
  const command = commands.find((one) => one.name === name);
  if (command === undefined)
    throw new Failure(
      'usage',
      'usage',
      `${program}: there is no command "${name}"; ${program} --help lists them`,
    );
  const { help, ...options } = optionsOf(command);
  const asked = { ...options, help: { ...help, type: 'boolean', short: 'h' } } as const;
  let parsed: { values: Record<string, string | boolean | undefined>; positionals: string[] };
  try {
    parsed = parseArgs({ args: rest, options: asked, allowPositionals: true, strict: true }) as typeof parsed;
  } catch (error) {
    throw new Failure('usage', 'usage', `${program} ${name}: ${sentenceOf(error)}`);
  }
  if (parsed.values['help']) {
    out(details(program, command));
    return Promise.resolve(0);
  }
  if (parsed.positionals.length > command.words)
    throw new Failure(
      'usage',
      'usage',
      `${program} ${name}: "${parsed.positionals[command.words]}" is one word too many`,
    );
  return command.run(parsed.values, parsed.positionals);
}

/** The value of a mandatory option. */
export function required(values: Record<string, string | boolean | undefined>, option: string): string {
  const value = values[option];
  if (typeof value !== 'string' || value === '')
    throw new Failure('usage', 'usage', `--${option} is missing`);
  return value;
}

function overview(program: string, commands: readonly Command[]): string {
  const width = Math.max(...commands.map(({ name }) => name.length));
  return `Usage: ${program} COMMAND [options]\n\n${commands
    .map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`)
    .join('\n')}\n\n${program} COMMAND --help tells more.\n`;
}

function details(program: string, command: Command): string {
  const rows = Object.entries(optionsOf(command)).map(
    ([name, { type, value, describe }]): [string, string] => [
      `--${name}${type === 'string' ? ` ${value ?? 'VALUE'}` : ''}`,
      describe,
    ],
  );
  const width = Math.max(...rows.map(([left]) => left.length));
  return `${command.summary}\n\nUsage: ${program} ${command.name} ${command.usage}\n\n${rows
    .map(([left, right]) => `  ${left.padEnd(width)}  ${right}`)
    .join('\n')}\n`;
}

/** Those of the command, and those of all. */
export function optionsOf(command: Command): Command['options'] {
  return { ...command.options, help: { type: 'boolean', describe: 'this text' } };
}
