import type { Command } from '#protocol/command.ts';
import type { Runner } from './runner.ts';

/** `probe`: health now, whatever its interval. Done when health has been handed on; keeps nothing. */
export function probeRunner(reportHealth: () => Promise<void>): Runner<Extract<Command, { type: 'probe' }>> {
  return {
    admit: async () => {},
    async run() {
      await reportHealth();
      return {};
    },
    forget: async () => {},
    keepOnly: async () => {},
  };
}
