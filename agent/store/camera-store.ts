import { dirname, join } from 'node:path';
import { type Clock, pause } from '#agent/platform/clock.ts';
import type { Files, OpenFile } from '#agent/platform/files.ts';
import type { ClockState } from '#protocol/clock-state.ts';
import { codeOf } from '#protocol/failure.ts';
import { parseSegmentName, segmentDay, segmentName } from '#protocol/segment-name.ts';
import { type Ledger, openLedger } from './ledger.ts';
import type { GapRow, SegmentRow } from './ledger-line.ts';
import { type OpenSegment, openSegment } from './open-segment.ts';
import { recall } from './recall.ts';
import { listCamera, type Recovered, recoverCamera } from './recover.ts';
import { emptyIndex, nameStartOf } from './segment-index.ts';

/** What a camera has for an interval: segments and gaps that overlap it, each by start. */
export interface Coverage {
  segments: SegmentRow[];
  gaps: GapRow[];
}

/** What is recorded without a break, and why the rest is not; each by start. */
export interface Stretches {
  recorded: { from: number; to: number }[];
  gaps: GapRow[];
}

export interface SegmentBegin {
  start: number;
  /** Start of the run's first segment; undefined makes this one the first. */
  run: number | undefined;
  clock: ClockState;
  /** The first bytes of the file: the head of its seal. */
  head: Uint8Array;
}

/** One camera's part of the store. */
export interface CameraStore {
  readonly id: string;
  count(): number;
  bytes(): number;
  /** Footage, without the gaps in between. */
  keptMs(): number;
  oldest(): SegmentRow | undefined;
  newest(): SegmentRow | undefined;
  /** Where segments and gaps end, by the clock of now; undefined for a camera that never recorded. */
  coveredTo(): number | undefined;
  /** The latest end, by its label, of a segment or gap that ends at `utcMs` or before, whatever the clock showed since. */
  coveredBefore(utcMs: number): number | undefined;
  /** Half open. */
  overlapping(from: number, to: number): Coverage;
  /** The same for who asks only what is there: a week at the cost of a glance. */
  stretches(from: number, to: number): Stretches;
  /** By start; asked of every row, so no more than a comparison each. */
  select(wanted: (start: number, clock: ClockState) => boolean): SegmentRow[];
  begin(segment: SegmentBegin): Promise<OpenSegment>;
  addGap(gap: GapRow): Promise<void>;
  /** Takes `rows` out of every listing, at once: what is to be deleted cannot be reserved any more. */
  withdraw(rows: readonly SegmentRow[]): void;
  /**
   * Deletes the files of withdrawn rows and the days they leave empty; their ledger lines stay. What the disk refuses
   * keeps no other: its error is thrown at the end. Safe to repeat.
   */
  unlink(rows: readonly SegmentRow[]): Promise<void>;
  /** Enters what is now known of the times of `rows`: other starts, their clock trusted. Files keep their names. */
  correct(rows: readonly { row: SegmentRow; start: number }[], clock: ClockState): Promise<void>;
  /** Lets go of ledger lines that ended before `utcMs`, but for segments that are still there; gives how many. */
  pruneLedger(utcMs: number): Promise<number>;
  path(row: SegmentRow): string;
  close(): Promise<void>;
}

/** A day more than the oldest file is read from the ledger: lines are appended when closed, not in order of start. */
const dayMs = 86_400_000;

/** A start that was taken already is moved by milliseconds. */
const slackMs = 1000;

/** Lines of one sync; the event loop runs in between. */
const correctedAtOnce = 200;

/** How long opening waits for a line that the disk refuses; the next start enters it again if it never gets there. */
const recoveryPatienceMs = 2000;

async function within(clock: Clock, limitMs: number, work: Promise<void>): Promise<void> {
  const done = new AbortController();
  const settled = work
    .catch((error: unknown) => {
      if (codeOf(error) === 'unknown') throw error;
    })
    .finally(() => done.abort());
  await Promise.race([settled, pause(clock, limitMs, done.signal)]);
}

/** `untimed` gives the labels of the camera's runs that are known to have begun under an untrusted clock. */
export async function openCameraStore(
  files: Files,
  clock: Clock,
  camera: { id: string; folder: string; segmentMs: number },
  untimed: readonly number[],
): Promise<{ store: CameraStore; recovered: Recovered[] }> {
  const { id, folder } = camera;
  const ledgerPath = join(folder, 'ledger.jsonl');
  await files.makeFolder(folder);
  await files.syncFolder(dirname(folder));
  const listing = await listCamera(files, folder);
  const index = emptyIndex(listing.sealed.size);
  let gaps: GapRow[] = [];
  let coveredTo: number | undefined;
  let lastRun = Number.NEGATIVE_INFINITY;
  /**
   * Lines in the order they are appended: one that goes back in time was labelled by a clock that stepped back, unless it
   * puts right what was before: a corrected label, or a gap up to a line that is there already.
   */
  const cover = (line: GapRow | SegmentRow): void => {
    if ('file' in line && nameStartOf(line) !== line.start) {
      coveredTo = Math.max(coveredTo ?? line.end, line.end);
      return;
    }
    const back =
      'file' in line ? line.run < lastRun : line.end < (coveredTo ?? 0) - slackMs && !begins(line.end);
    coveredTo = back ? line.end : Math.max(coveredTo ?? line.end, line.end);
    if ('file' in line) lastRun = line.run;
  };
  const begins = (utcMs: number): boolean =>
    index.hasStart(utcMs) || gaps.some(({ start }) => start === utcMs);

  const { missing, reading } = await recall(files, ledgerPath, listing, {
    heard(line, there) {
      cover(line);
      if (line.kind === 'gap') gaps.push({ start: line.start, end: line.end, reason: line.reason });
      else if (there) {
        const { kind: _, ...row } = line;
        index.add(row);
      }
    },
    fromTheBeginning() {
      gaps = [];
    },
  });
  const recovered: Recovered[] = reading.malformed.map(() => ({
    camera: id,
    code: 'ledger-malformed',
    path: ledgerPath,
  }));
  if (reading.torn) recovered.push({ camera: id, code: 'ledger-torn', path: ledgerPath });
  const ledger: Ledger = await openLedger(files, clock, ledgerPath, reading.wholeBytes);

  const record = async (row: SegmentRow): Promise<void> => {
    await ledger.append({ kind: 'segment', ...row });
    index.add(row);
    cover(row);
  };
  recovered.push(
    ...(await recoverCamera(files, camera, listing, missing, async (found) => {
      const before = index.overlapping(found.start - 1, found.start).find(({ end }) => end === found.start);
      const noted = untimed.find((run) => found.start >= run && found.start - run < slackMs);
      // Its clock was that of its run; a label from before what was entered last is of a clock that was behind.
      const late = noted !== undefined || found.start < (coveredTo ?? found.start) - slackMs;
      const state = before?.clock ?? (late ? 'unsynchronised' : 'unknown');
      const row = { ...found, clock: state, run: before?.run ?? noted ?? found.start };
      // On a full disk the line waits for the sweep, and the sweep for an open store: the row counts at once.
      index.add(row);
      cover(row);
      await within(clock, recoveryPatienceMs, ledger.append({ kind: 'segment', ...row }));
    })),
  );
  gaps.sort((a, b) => a.start - b.start);

  let readyDay = '';
  const readyFolder = async (start: number): Promise<string> => {
    const day = segmentDay(start);
    const path = join(folder, day);
    if (day !== readyDay) {
      await files.makeFolder(path);
      await files.syncFolder(folder);
      readyDay = day;
    }
    return path;
  };
  const path = (row: SegmentRow): string => {
    const named = parseSegmentName(row.file)?.start ?? row.start;
    return join(folder, segmentDay(named), row.file);
  };

  /** What of `[from, to)` has no line. */
  const holesIn = (from: number, to: number): { start: number; end: number }[] => {
    const lines = [
      ...index.overlapping(from, to),
      ...gaps.filter(({ start, end }) => start < to && end > from),
    ];
    const holes: { start: number; end: number }[] = [];
    let until = from;
    for (const { start, end } of [...lines.sort((a, b) => a.start - b.start), { start: to, end: to }]) {
      if (start > until) holes.push({ start: until, end: Math.min(start, to) });
      until = Math.max(until, end);
    }
    return holes;
  };
  /** Not where a corrected segment lies now: while its label was wrong nobody knew that this was recorded. */
  const gapsIn = (from: number, to: number): GapRow[] =>
    gaps
      .filter((gap) => gap.start < to && gap.end > from)
      .flatMap((gap) => {
        const left: GapRow[] = [];
        let { start } = gap;
        for (const row of index.moved(gap.start, gap.end)) {
          if (row.from > start) left.push({ ...gap, start, end: row.from });
          start = Math.max(start, row.to);
        }
        return start < gap.end ? [...left, { ...gap, start }] : left;
      })
      .filter((gap) => gap.start < to && gap.end > from);

  const store: CameraStore = {
    id,
    count: () => index.count,
    bytes: () => index.bytes,
    keptMs: () => index.durationMs,
    oldest: () => index.at(0),
    newest: () => index.at(index.count - 1),
    coveredTo: () => coveredTo,
    coveredBefore(utcMs) {
      const ends = gaps.map(({ end }) => end).filter((end) => end <= utcMs);
      for (let i = index.count - 1; i >= 0; i--) {
        const { end } = index.at(i)!;
        if (end > utcMs) continue;
        ends.push(end);
        break;
      }
      return ends.length === 0 ? undefined : Math.max(...ends);
    },
    overlapping: (from, to) => ({
      segments: index.overlapping(from, to),
      gaps: gapsIn(from, to),
    }),
    stretches: (from, to) => ({
      recorded: index.stretches(from, to),
      gaps: gapsIn(from, to),
    }),
    select: (wanted) => index.select(wanted),
    path,
    async begin({ run, clock: state, head, ...asked }) {
      // After a step back of the clock a start may be taken already: names and starts never collide.
      for (let start = Math.round(asked.start); ; start++) {
        if (index.hasStart(start)) continue;
        const day = await readyFolder(start);
        const part = join(day, segmentName({ state: 'open', start }));
        let file: OpenFile;
        try {
          file = await files.open(part, 'create');
        } catch (error) {
          if (codeOf(error) === 'EEXIST') continue;
          if (codeOf(error) === 'ENOENT') readyDay = ''; // Swept between two segments: made again next time.
          throw error;
        }
        try {
          await file.write(head);
        } catch (error) {
          await file.close();
          await files.remove(part);
          throw error;
        }
        const place = { folder: day, start, run: run ?? start, clock: state, record };
        return openSegment(files, file, place, head);
      }
    },
    async addGap(gap) {
      await ledger.append({ kind: 'gap', ...gap });
      gaps.push(gap);
      gaps.sort((a, b) => a.start - b.start);
      cover(gap);
    },
    withdraw(rows) {
      index.remove(rows);
      const first = index.at(0)?.start ?? Number.POSITIVE_INFINITY;
      const last = coveredTo;
      gaps = gaps.filter((gap) => gap.end > first || gap.end === last);
    },
    async unlink(rows) {
      const days = new Set<string>();
      const refusals: unknown[] = [];
      for (const row of rows) {
        const file = path(row);
        days.add(dirname(file));
        try {
          if ((await files.size(file)) !== undefined) await files.remove(file);
        } catch (error) {
          refusals.push(error);
        }
      }
      for (const day of days) {
        if ((await files.size(day)) === undefined) continue;
        if (day !== join(folder, readyDay) && (await files.list(day)).length === 0) {
          await files.removeFolder(day);
          await files.syncFolder(folder);
        } else await files.syncFolder(day);
      }
      if (refusals.length > 0) throw refusals[0];
    },
    async correct(rows, state) {
      const right = rows.map(({ row, start }) => ({
        ...row,
        start,
        end: start + row.durationMs,
        clock: state,
      }));
      for (let i = 0; i < right.length; i += correctedAtOnce) {
        const some = right.slice(i, i + correctedAtOnce);
        await ledger.append(...some.map((row) => ({ kind: 'segment' as const, ...row })));
        for (const row of some) index.add(row);
      }
      // What lay before a run that moved on goes on as well. By more than a day it left a clock that meant nothing.
      for (const { row, start } of rows) {
        if (start <= row.start || start - row.start > dayMs) continue;
        const reason = gaps.find(({ end }) => end === row.start)?.reason ?? 'clock-step';
        for (const hole of holesIn(row.start, start)) await store.addGap({ ...hole, reason });
      }
    },
    async pruneLedger(utcMs) {
      const first = index.at(0)?.start ?? Number.POSITIVE_INFINITY;
      const there = new Set(
        first < utcMs ? index.select((start) => start < utcMs).map(({ file }) => file) : [],
      );
      return await ledger.prune(
        (line) => line.end >= utcMs || (line.kind === 'segment' && there.has(line.file)),
      );
    },
    close: () => ledger.close(),
  };
  return { store, recovered };
}
