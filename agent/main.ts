#!/usr/bin/env node
import { exitCodeOf, Failure } from '#protocol/failure.ts';
import { applyCommandLine } from './cli/apply.ts';
import { dispatch } from './cli/arguments.ts';
import { checkCommand } from './cli/check.ts';
import { runCommand } from './cli/run.ts';
import { statusCommand } from './cli/status.ts';
import { verifyCommand } from './cli/verify.ts';
import { scrub } from './platform/log.ts';
import { requireNode } from './platform/node-version.ts';

try {
  requireNode();
  const commands = [runCommand, checkCommand, statusCommand, verifyCommand, applyCommandLine];
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
