import { applyCommandLine } from './apply.ts';
import type { Command } from './arguments.ts';
import { checkCommand } from './check.ts';
import { discoverCommand } from './discover.ts';
import { enrolCommand } from './enrol.ts';
import { runCommand } from './run.ts';
import { statusCommand } from './status.ts';
import { verifyCommand } from './verify.ts';

/** Every command of the agent, in the order of `--help`, of its manual and of its completion. */
export const commands: readonly Command[] = [
  runCommand,
  checkCommand,
  statusCommand,
  verifyCommand,
  applyCommandLine,
  enrolCommand,
  discoverCommand,
];
