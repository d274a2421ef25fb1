import { sha256 } from '#protocol/envelope.ts';
import type { GapReason } from '#protocol/gap.ts';
import { instantText } from '#protocol/time.ts';

/** A gap of a camera; UTC milliseconds. */
export interface Fault {
  from: number;
  to: number;
  reason: GapReason;
}

/** A camera's week: since when it is recorded, and what is missing of it. */
export interface CameraWeek {
  node: string;
  camera: string;
  since: number;
  faults: Fault[];
  /** Why it records nothing at the end; undefined while it does. */
  silent?: GapReason;
}

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

/**
 * The last week of a town as weeks are: an update of the program everywhere, a power cut at one site, a camera that
 * came and went, one whose password was changed, a disk that filled up, a clock that stepped, a new camera. The same
 * for the same list and moment; nothing overlaps.
 */
export function weekOfFaults(
  nodes: readonly { id: string; cameras: readonly { id: string }[] }[],
  nowUtc: number,
): CameraWeek[] {
  const start = nowUtc - 7 * day;
  const sites = nodes.filter(({ cameras }) => cameras.length > 0);
  return sites.flatMap(({ id: node, cameras }, site) =>
    cameras.map(({ id: camera }, index): CameraWeek => {
      const faults: Fault[] = [];
      const add = (atHours: number, lengthMs: number, reason: GapReason): void => {
        const from = start + atHours * hour;
        faults.push({ from, to: Math.min(from + lengthMs, nowUtc), reason });
      };
      add(34 + site * 0.01, 22_000 + index * 300, 'agent-stopped');
      if (site === 4) add(61, 2.6 * hour, 'power-lost');
      if (site === 8 && index === 0)
        for (let i = 0; i < 45; i++) add(80 + i * 0.7 + (i % 7) * 0.05, (1 + (i % 9)) * minute, 'no-data');
      if (site === 2) add(112, 5.5 * hour, 'auth-failed');
      if (site === 0 && index < 4) add(128, 1.2 * hour, 'disk-full');
      if (site === 6 && index === 0) add(140.2, 6 * minute, 'clock-step');
      if (site === 11) add(20, 9 * hour, 'no-connection');
      if (site === 1 && index === 1) add(150, 18 * hour, 'no-connection');
      const isNew = site === 5 && index === 1;
      const since = isNew ? start + 60 * hour : start - day;
      return {
        node,
        camera,
        since,
        faults: faults.filter(({ from }) => from > since).sort((a, b) => a.from - b.from),
        ...(site === 1 && index === 1 ? { silent: 'no-connection' as const } : {}),
      };
    }),
  );
}

/**
 * The log of a node that had such a week, as its copy lies at the town hall: its start, a statement of every day, a
 * line at the end of each interruption; chained.
 */
export function weekLog(weeks: readonly CameraWeek[], nowUtc: number): string[] {
  const begin = Math.min(...weeks.map(({ since }) => since), nowUtc - 8 * day);
  const lines: { at: number; fields: Record<string, unknown> }[] = [
    { at: begin, fields: { kind: 'start', after: 'first-start' } },
  ];
  for (const { camera, since, faults } of weeks) {
    for (const { from, to, reason } of faults)
      if (to < nowUtc)
        lines.push({
          at: to,
          fields: { kind: 'gap', camera, start: instantText(from), end: instantText(to), reason },
        });
    for (let midnight = Math.ceil(since / day) * day; midnight < nowUtc; midnight += day) {
      const of = instantText(midnight - day).slice(0, 10);
      const oldest = instantText(Math.max(since, midnight - 7 * day));
      lines.push({ at: midnight + hour, fields: { kind: 'statement', camera, day: of, oldest } });
    }
  }
  let prev = '';
  return lines
    .filter(({ at }) => at <= nowUtc)
    .sort((a, b) => a.at - b.at)
    .map(({ at, fields }, index) => {
      const text = JSON.stringify({ seq: index + 1, at: instantText(at), prev, ...fields });
      prev = sha256(text);
      return text;
    });
}
