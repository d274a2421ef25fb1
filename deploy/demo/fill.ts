import { appendFileSync, closeSync, ftruncateSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ledgerText } from '#agent/store/ledger-line.ts';
import { segmentDay, segmentName } from '#protocol/segment-name.ts';
import type { CameraWeek } from './week.ts';

/** Long segments: a week of a camera is 2016 files. */
const segmentMs = 300_000;
/** Five minutes of 4 Mbit/s; the files are sparse. */
const bytes = 150_000_000;

/**
 * A store as such a week leaves it: a file of footage's size without contents for each segment, its line in the
 * ledger, a line for each gap; and the log beside it.
 */
export function fillStore(
  dir: string,
  weeks: readonly CameraWeek[],
  log: readonly string[],
  nowUtc: number,
): void {
  for (const week of weeks) fillCamera(join(dir, 'segments', week.camera), week, nowUtc);
  mkdirSync(join(dir, 'audit'), { recursive: true, mode: 0o700 });
  for (const line of log) {
    const { at } = JSON.parse(line) as { at: string };
    appendFileSync(join(dir, 'audit', `${at.slice(0, 7)}.jsonl`), `${line}\n`, { mode: 0o600 });
  }
}

function fillCamera(folder: string, week: CameraWeek, nowUtc: number): void {
  const lines: string[] = [];
  const days = new Set<string>();
  const segment = (start: number, end: number, run: number): void => {
    const durationMs = end - start;
    const file = segmentName({ state: 'sealed', start, durationMs, torn: false });
    const day = segmentDay(start);
    if (!days.has(day)) mkdirSync(join(folder, day), { recursive: true, mode: 0o700 });
    days.add(day);
    const handle = openSync(join(folder, day, file), 'wx', 0o600);
    const size = Math.max(1, Math.round((bytes * durationMs) / segmentMs));
    ftruncateSync(handle, size);
    closeSync(handle);
    const sha256 = start.toString(16).padStart(64, '0');
    lines.push(
      ledgerText({
        kind: 'segment',
        start,
        end,
        durationMs,
        file,
        bytes: size,
        sha256,
        clock: 'synced',
        run,
        torn: false,
      }),
    );
  };
  const run = (from: number, to: number): void => {
    for (let start = from; start < to; start += segmentMs)
      segment(start, Math.min(start + segmentMs, to), from);
  };
  // What is older than the week is swept by now.
  let at = Math.max(week.since, nowUtc - 7 * 86_400_000);
  for (const { from, to, reason } of week.faults) {
    run(at, from);
    if (from < to) lines.push(ledgerText({ kind: 'gap', start: from, end: to, reason }));
    at = Math.max(at, to);
  }
  run(at, nowUtc);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  writeFileSync(join(folder, 'ledger.jsonl'), lines.join(''), { mode: 0o600 });
}
