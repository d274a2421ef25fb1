import { type AlertBoard, openAlertBoard } from '#agent/alert/board.ts';
import { type Conditions, openConditions } from '#agent/alert/open-conditions.ts';
import type { Clock } from '#agent/platform/clock.ts';
import { memoryDisk } from './memory-disk.ts';

export interface Told {
  board: AlertBoard;
  conditions: Conditions;
  /** `link-down.uplink raised no-answer`, in order. */
  said: string[];
  /** Details of what was raised, in order. */
  details: string[];
}

/** Conditions over a board that is kept nowhere. */
export async function toldConditions(clock: Clock): Promise<Told> {
  const said: string[] = [];
  const details: string[] = [];
  const board = await openAlertBoard({
    files: memoryDisk(() => clock.utc()).files,
    clock,
    path: '/alerts.json',
    changed({ key, state, reason, detail }) {
      said.push(`${key} ${state}${state === 'raised' ? ` ${reason}` : ''}`);
      if (state === 'raised') details.push(detail);
    },
    failed: (error) => {
      throw error;
    },
  });
  return { board, conditions: openConditions({ board, clock, lang: 'it' }), said, details };
}
