#!/usr/bin/env node
import { exitCodeOf, Failure } from '#protocol/failure.ts';
import { dispatch } from './cli/arguments.ts';
import { commands } from './cli/commands.ts';
import { scrub } from './platform/log.ts';
import { requireNode } from './platform/node-version.ts';
import { outliveReaders } from './platform/standard-streams.ts';

try {
  outliveReaders();
  requireNode();
  process.exitCode = await dispatch('peio-agent', commands, process.argv.slice(2), (text) =>
    process.stdout.write(text),
  );
} catch (error) {
  // A failure with a name is for a person; anything else is a bug, and its stack is what the next engineer needs.
  process.stderr.write(
    `${scrub(error instanceof Failure ? error.message : String((error as Error)?.stack ?? error))}\n`,
  );
  process.exitCode = exitCodeOf(error);
}
