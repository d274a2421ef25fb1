import { userInfo } from 'node:os';
import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';
import { Failure, sentenceOf } from '#protocol/failure.ts';
import { hubFolder, hubThere, readSettings, type Settings } from '../settings.ts';
import { type HubClient, openClient } from './client.ts';
import type { Terminal } from './terminal.ts';
import { type Texts, texts } from './texts.ts';

export interface OptionHelp {
  type: 'string' | 'boolean';
  multiple?: boolean;
  /** What stands behind it in the help. */
  value?: string;
  help: string;
}

/** What one command was given, and what it may use. */
export interface Call {
  /** Absent options are undefined; throws `usage` when a needed one is asked for with {@link Call.need}. */
  option(name: string): string | undefined;
  options(name: string): string[];
  flag(name: string): boolean;
  need(name: string): string;
  positionals: string[];
  terminal: Terminal;
  env: Readonly<Record<string, string | undefined>>;
  /** The hub's folder. Throws `unavailable` `no-hub` where there is none. */
  readonly dir: string;
  settings(): Settings;
  client(): HubClient;
  texts(): Texts;
  /** Login of whoever runs this. */
  by: string;
}

export interface Command {
  /** One line, for the list of commands. */
  summary: string;
  /** What stands behind `hub NAME`. */
  usage: string;
  /** More than the options say. */
  notes?: string;
  options: Record<string, OptionHelp>;
  /** How many arguments without a name it takes. */
  arguments?: { least: number; most: number };
  /** Returns the exit code; none is 0. */
  run(call: Call): Promise<number | undefined>;
}

const common: Record<string, OptionHelp> = {
  hub: { type: 'string', value: 'DIR', help: 'folder of the hub (else PEIO_HUB, else /var/lib/peio-hub)' },
  help: { type: 'boolean', help: 'this text' },
};

/** Those of the command, and those of all. */
export function optionsOf(command: Command): Record<string, OptionHelp> {
  return { ...command.options, ...common };
}

export function helpOf(name: string, command: Command): string {
  const rows = Object.entries(optionsOf(command)).map(
    ([option, { value, help, multiple }]): [string, string] => [
      `  --${option}${value ? ` ${value}` : ''}`,
      `${help}${multiple ? ' (may be repeated)' : ''}`,
    ],
  );
  const width = Math.min(32, Math.max(...rows.map(([left]) => left.length))) + 2;
  return [
    `hub ${name} ${command.usage}`.trim(),
    command.summary,
    ...(command.notes ? ['', command.notes] : []),
    '',
    ...rows.map(([left, right]) => left.padEnd(width) + right),
  ].join('\n');
}

/** Parses and runs. Throws `usage` failures for arguments that the command does not take. */
export async function runCommand(
  name: string,
  command: Command,
  argv: readonly string[],
  around: { terminal: Terminal; env: Call['env'] },
): Promise<number> {
  const wrong = (sentence: string, cause?: unknown): never => {
    throw new Failure('usage', 'usage', `${sentence}: see "hub ${name} --help"`, { cause });
  };
  const config: ParseArgsOptionsConfig = Object.fromEntries(
    Object.entries(optionsOf(command)).map(([option, { type, multiple }]) => [
      option,
      { type, ...(multiple ? { multiple } : {}) },
    ]),
  );
  let values: Record<string, unknown>;
  let positionals: string[];
  try {
    ({ values, positionals } = parseArgs({
      args: [...argv],
      options: config,
      allowPositionals: true,
      strict: true,
    }));
  } catch (cause) {
    return wrong(sentenceOf(cause).replace(/\. .*$/s, ''), cause);
  }
  if (values['help'] === true) {
    around.terminal.print(helpOf(name, command));
    return 0;
  }
  const { least, most } = command.arguments ?? { least: 0, most: 0 };
  if (positionals.length < least) wrong(`hub ${name} ${command.usage} needs more`);
  if (positionals.length > most) wrong(`"${positionals[most]}" is not expected`);

  const dir = (): string => hubThere(hubFolder(values['hub'] as string | undefined, around.env));
  let settings: Settings | undefined;
  const call: Call = {
    option: (option) => values[option] as string | undefined,
    options: (option) => (values[option] as string[] | undefined) ?? [],
    flag: (option) => values[option] === true,
    need: (option) => (values[option] as string | undefined) ?? wrong(`--${option} is needed`),
    positionals,
    terminal: around.terminal,
    env: around.env,
    get dir() {
      return dir();
    },
    settings: () => {
      settings ??= readSettings(dir());
      return settings;
    },
    client: () => openClient(dir()),
    texts: () => texts[call.settings().lang],
    by: login(),
  };
  return (await command.run(call)) ?? 0;
}

/** A container may run under a number that has no name. */
function login(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid-${process.getuid?.()}`;
  }
}
