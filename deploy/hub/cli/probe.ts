import type { Command } from './command.ts';
import { prepare, prepareOptions } from './prepare.ts';

const { officer: _, ...options } = prepareOptions;

export const probe: Command = {
  summary: 'Asks a node for its health now, signed as operator, and prints {"id"}.',
  usage: 'NODE',
  notes: '"hub follow ID" says when it has answered; what it said is in "hub status".',
  arguments: { least: 1, most: 1 },
  options,
  run: (call) => prepare(call, call.positionals[0] as string, (head) => ({ ...head, type: 'probe' })),
};
