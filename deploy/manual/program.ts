import { optionsOf as agentOptionsOf } from '#agent/cli/arguments.ts';
import { commands as agentCommands } from '#agent/cli/commands.ts';
import { roles } from '#protocol/policy.ts';
import { purposes } from '#protocol/purpose.ts';
import { optionsOf as hubOptionsOf } from '../hub/cli/command.ts';
import { commands as hubCommands } from '../hub/cli/commands.ts';
import { loginRoles } from '../hub/page/logins.ts';

/** What a program says of itself with `--help`, as data: manual pages and completions are made of it. */
export interface Program {
  /** As it is called once it is installed. */
  name: 'peio-agent' | 'peio-hub';
  commands: readonly CommandManual[];
}

export interface CommandManual {
  name: string;
  /** What stands behind the name. */
  usage: string;
  summary: string;
  notes: string | undefined;
  options: readonly OptionManual[];
}

export interface OptionManual {
  name: string;
  /** What its value is; undefined for a switch. */
  value: string | undefined;
  /** What it is one of, where that is known beforehand. */
  among: readonly string[];
  help: string;
}

/** Values of options that are one of a few: of every command, or of the one before the blank. */
const few: Readonly<Record<string, readonly string[]>> = {
  purpose: purposes,
  'hold-purpose': purposes,
  lang: ['it', 'en'],
  'login role': loginRoles,
  'policy role': roles,
  'run log': ['debug', 'info', 'warn', 'error'],
};

function amongOf(command: string, option: string): readonly string[] {
  return few[`${command} ${option}`] ?? few[option] ?? [];
}

export function agentProgram(): Program {
  return {
    name: 'peio-agent',
    commands: agentCommands.map((command) => ({
      name: command.name,
      usage: command.usage,
      summary: command.summary,
      notes: undefined,
      options: Object.entries(agentOptionsOf(command)).map(([name, { type, value, describe }]) => ({
        name,
        value: type === 'string' ? (value ?? 'VALUE') : undefined,
        among: amongOf(command.name, name),
        help: describe,
      })),
    })),
  };
}

export async function hubProgram(): Promise<Program> {
  const loaded = await Promise.all(
    Object.entries(hubCommands).map(async ([name, load]) => ({ name, command: await load() })),
  );
  return {
    name: 'peio-hub',
    commands: loaded.map(({ name, command }) => ({
      name,
      usage: command.usage,
      summary: command.summary,
      notes: command.notes,
      options: Object.entries(hubOptionsOf(command)).map(([option, { type, value, help }]) => ({
        name: option,
        value: type === 'string' ? (value ?? 'VALUE') : undefined,
        among: amongOf(name, option),
        help,
      })),
    })),
  };
}

/** Whether a value names something on disk: a shell then offers paths. */
export function takesPath({ value }: OptionManual): boolean {
  return value !== undefined && /^(?:FILE|DIR|PATH|FOLDER|STICK)$/.test(value);
}
