import { writeFileSync } from 'node:fs';
import { codeOf, Failure } from '#protocol/failure.ts';
import type { Call } from './command.ts';

export const saveOption = {
  save: { type: 'string', value: 'FILE', help: 'write the signed command to a file too, for a stick' },
} as const;

/** Where the broker does not reach, a person carries it: `agent apply FILE`. Never over a file. */
export function saveCommand(call: Call, envelope: string): void {
  const file = call.option('save');
  if (file === undefined) return;
  try {
    writeFileSync(file, envelope, { flag: 'wx', flush: true });
  } catch (cause) {
    throw new Failure(
      'usage',
      'usage',
      `the command is kept at the hub, but ${file} cannot be written (${codeOf(cause)})`,
      {
        cause,
      },
    );
  }
}
