import { scrub } from '#agent/platform/log.ts';
import { outliveReaders } from '#agent/platform/standard-streams.ts';
import { exitCodeOf, exitCodes, Failure } from '#protocol/failure.ts';
import { runCommand } from './cli/command.ts';
import { commands } from './cli/commands.ts';
import { openTerminal } from './cli/terminal.ts';

async function main(argv: readonly string[]): Promise<number> {
  const terminal = openTerminal();
  const [name, ...rest] = argv;
  if (name === undefined || name === '--help' || name === 'help') {
    terminal.print(
      'hub COMMAND [options]: requests, commands, deliveries and the register of the town hall.\n',
    );
    for (const [command, load] of Object.entries(commands))
      terminal.print(`  ${command.padEnd(10)} ${(await load()).summary}`);
    terminal.print(
      '\nEach takes --help. Exit codes: 0 done, 1 a check failed, 2 refused, 64 usage, 69 unavailable, 78 configuration.',
    );
    return name === undefined ? exitCodes.usage : exitCodes.done;
  }
  const load = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (load === undefined)
    throw new Failure('usage', 'usage', `there is no command "${name}": see "hub --help"`);
  return await runCommand(name, await load(), rest, { terminal, env: process.env });
}

try {
  outliveReaders();
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  // Anything without a name is a bug: its stack is what helps.
  const text = error instanceof Failure ? error.message : String((error as Error)?.stack ?? error);
  process.stderr.write(`hub: ${scrub(text)}\n`);
  process.exitCode = exitCodeOf(error);
}
