import type { Interval } from '#agent/view/strip.ts';
import type { Case } from '../cases/cases.ts';
import { releaseDelayMs } from '../cases/releases.ts';

/** Times that nodes keep beyond the seven days, by `<node>/<camera>`. For operators and officers alone. */
export function holdsOf(cases: readonly Case[], nowUtc: number): Map<string, Interval[]> {
  const released = new Set(
    cases.flatMap(({ command, executedAt }) =>
      command.type === 'release' && executedAt !== undefined && executedAt + releaseDelayMs <= nowUtc
        ? [command.hold]
        : [],
    ),
  );
  const holds = new Map<string, Interval[]>();
  for (const { id, command, state } of cases) {
    if (command.type !== 'hold' || state !== 'executed' || released.has(id) || command.until <= nowUtc)
      continue;
    const camera = `${command.node}/${command.camera}`;
    holds.set(camera, [...(holds.get(camera) ?? []), { from: command.from, to: command.to }]);
  }
  return holds;
}
