import type { Command } from '#protocol/command.ts';
import { instantText } from '#protocol/time.ts';

/** What the register says of a prepared command: everything by which it is found again, and its names. */
export function preparedFacts(
  command: Command,
  attending: string | undefined,
  review: number,
): Record<string, unknown> {
  const { type, node, operator } = command;
  const window = (): Record<string, unknown> =>
    'from' in command
      ? { camera: command.camera, from: instantText(command.from), to: instantText(command.to) }
      : {};
  switch (command.type) {
    case 'extract':
      return { node, ...window(), purpose: command.purpose, operator, review: instantText(review) };
    case 'hold': {
      const { purpose, until } = command;
      return { type, node, ...window(), purpose, until: instantText(until), operator };
    }
    case 'release':
      return { type, node, hold: command.hold, operator };
    case 'snapshot': {
      const { camera, purpose } = command;
      return { type, node, camera, purpose, attending, operator, review: instantText(review) };
    }
    case 'probe':
      return { type, node, operator };
  }
}
