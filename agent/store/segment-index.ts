import type { ClockState } from '#protocol/clock-state.ts';
import { clockState } from '#protocol/clock-state.ts';
import { parseSegmentName, segmentName } from '#protocol/segment-name.ts';
import { compactStamp } from '#protocol/time.ts';
import type { SegmentRow } from './ledger-line.ts';

/** Segments of one run follow each other to within a frame; where one was torn, what is missing is longer. */
const seamMs = 1000;

/** The segments of one camera that are on disk, in memory: 69 bytes each, 141,120 of them take 10 MB. */
export interface SegmentIndex {
  readonly count: number;
  readonly bytes: number;
  /** Of all rows together. */
  readonly durationMs: number;
  /** Replaces the row of the same file, if there is one. */
  add(row: SegmentRow): void;
  remove(rows: readonly SegmentRow[]): void;
  /** By start, ascending. */
  at(position: number): SegmentRow | undefined;
  hasStart(start: number): boolean;
  overlapping(from: number, to: number): SegmentRow[];
  /** Where segments of one run follow each other, as one; half open, by start. */
  stretches(from: number, to: number): { from: number; to: number }[];
  /** Rows within `[from, to)`, or overlapping it, whose start is not the one that their name tells: half open, by start. */
  moved(from: number, to: number): { from: number; to: number }[];
  /** By start, ascending. Asked of every row: no more than a comparison each. */
  select(wanted: (start: number, clock: ClockState) => boolean): SegmentRow[];
}

const clocks: readonly ClockState[] = clockState.options;
const tornFlag = 0x80;
/** Hours of a camera: where a week is kept, as many go as come. */
const spareRows = 256;

/** With room for `expected` rows: columns that grow leave what they outgrew to an allocator that keeps it. */
export function emptyIndex(expected = 0): SegmentIndex {
  let capacity = expected + spareRows;
  let count = 0;
  let bytesInAll = 0;
  let msInAll = 0;
  let longestMs = 0;
  /** Whether a row was ever corrected: hardly a store has one. */
  let anyMoved = false;
  let start = new Float64Array(capacity);
  let named = new Float64Array(capacity);
  let run = new Float64Array(capacity);
  let duration = new Uint32Array(capacity);
  let size = new Float64Array(capacity);
  let flags = new Uint8Array(capacity);
  let hash = new Uint8Array(32 * capacity);
  const columns = () => [start, named, run, duration, size, flags] as const;

  const grow = (): void => {
    const wider = <T extends { set(from: T): void }>(fresh: T, old: T): T => {
      fresh.set(old);
      return fresh;
    };
    capacity = Math.ceil(capacity * 1.5);
    start = wider(new Float64Array(capacity), start);
    named = wider(new Float64Array(capacity), named);
    run = wider(new Float64Array(capacity), run);
    duration = wider(new Uint32Array(capacity), duration);
    size = wider(new Float64Array(capacity), size);
    flags = wider(new Uint8Array(capacity), flags);
    hash = wider(new Uint8Array(32 * capacity), hash);
  };
  /** Moves the rows `[from, count)` to begin at `to`. */
  const shift = (to: number, from: number): void => {
    for (const column of columns()) column.copyWithin(to, from, count);
    hash.copyWithin(to * 32, from * 32, count * 32);
  };
  /** First position whose start is not before `utcMs`. */
  const lowerBound = (utcMs: number): number => {
    let low = 0;
    let high = count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (start[middle]! < utcMs) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  const nameAt = (i: number): string =>
    segmentName({
      state: 'sealed',
      start: named[i]!,
      durationMs: duration[i]!,
      torn: (flags[i]! & tornFlag) !== 0,
    });
  const rowAt = (i: number): SegmentRow => ({
    start: start[i]!,
    end: start[i]! + duration[i]!,
    durationMs: duration[i]!,
    file: nameAt(i),
    bytes: size[i]!,
    sha256: Buffer.from(hash.buffer, i * 32, 32).toString('hex'),
    clock: clocks[flags[i]! & ~tornFlag]!,
    run: run[i]!,
    torn: (flags[i]! & tornFlag) !== 0,
  });
  /**
   * Position of the row of the file of `row`, whose name tells `nameStart`: among those that start at `utcMs`, or
   * anywhere when it is not known. Compares what names are made of: making ten thousand of them takes 10 ms.
   */
  const find = (row: SegmentRow, nameStart: number, utcMs: number | undefined): number => {
    const from = utcMs === undefined ? 0 : lowerBound(utcMs);
    for (let i = from; i < count && (utcMs === undefined || start[i] === utcMs); i++)
      if (
        named[i] === nameStart &&
        duration[i] === row.durationMs &&
        ((flags[i]! & tornFlag) !== 0) === row.torn
      )
        return i;
    return -1;
  };
  const removeAt = (i: number): void => {
    bytesInAll -= size[i]!;
    msInAll -= duration[i]!;
    shift(i, i + 1);
    count -= 1;
  };

  return {
    get count() {
      return count;
    },
    get bytes() {
      return bytesInAll;
    },
    get durationMs() {
      return msInAll;
    },
    add(row) {
      const nameStart = nameStartOf(row);
      // A corrected start names the file of an earlier row, which then lies elsewhere.
      const replaced = find(row, nameStart, nameStart === row.start ? row.start : undefined);
      if (replaced >= 0) removeAt(replaced);
      if (count === capacity) grow();
      const i = lowerBound(row.start);
      shift(i + 1, i);
      start[i] = row.start;
      named[i] = nameStart;
      anyMoved ||= nameStart !== row.start;
      run[i] = row.run;
      duration[i] = row.durationMs;
      size[i] = row.bytes;
      flags[i] = clocks.indexOf(row.clock) | (row.torn ? tornFlag : 0);
      hash.set(Buffer.from(row.sha256, 'hex'), i * 32);
      count += 1;
      bytesInAll += row.bytes;
      msInAll += row.durationMs;
      longestMs = Math.max(longestMs, row.durationMs);
    },
    remove(rows) {
      const places = rows.map((row) => find(row, nameStartOf(row), row.start)).filter((i) => i >= 0);
      const gone = [...new Set(places)].sort((a, b) => a - b);
      let to = gone[0] ?? count;
      for (const [n, i] of gone.entries()) {
        bytesInAll -= size[i]!;
        msInAll -= duration[i]!;
        // What lies between this one and the next moves up in one piece: a sweep takes whole days.
        const end = gone[n + 1] ?? count;
        for (const column of columns()) column.copyWithin(to, i + 1, end);
        hash.copyWithin(to * 32, (i + 1) * 32, end * 32);
        to += end - i - 1;
      }
      count -= gone.length;
    },
    at: (position) => (position >= 0 && position < count ? rowAt(position) : undefined),
    hasStart: (utcMs) => {
      const i = lowerBound(utcMs);
      return i < count && start[i] === utcMs;
    },
    overlapping(from, to) {
      const rows: SegmentRow[] = [];
      for (let i = lowerBound(from - longestMs); i < count && start[i]! < to; i++)
        if (start[i]! + duration[i]! > from) rows.push(rowAt(i));
      return rows;
    },
    stretches(from, to) {
      const found: { from: number; to: number }[] = [];
      let lastRun = Number.NaN;
      for (let i = lowerBound(from - longestMs); i < count && start[i]! < to; i++) {
        const end = start[i]! + duration[i]!;
        if (end <= from) continue;
        const last = found.at(-1);
        if (last && run[i] === lastRun && start[i]! - last.to <= seamMs) last.to = Math.max(last.to, end);
        else found.push({ from: start[i]!, to: end });
        lastRun = run[i]!;
      }
      return found;
    },
    moved(from, to) {
      const found: { from: number; to: number }[] = [];
      if (!anyMoved) return found;
      for (let i = lowerBound(from - longestMs); i < count && start[i]! < to; i++) {
        const end = start[i]! + duration[i]!;
        if (named[i] !== start[i] && end > from) found.push({ from: start[i]!, to: end });
      }
      return found;
    },
    select(wanted) {
      const rows: SegmentRow[] = [];
      for (let i = 0; i < count; i++)
        if (wanted(start[i]!, clocks[flags[i]! & ~tornFlag]!)) rows.push(rowAt(i));
      return rows;
    },
  };
}

let stampDay = Number.NaN;
let dayStamp = '';

/** The start that a row's name tells: its own, but for a corrected one. Most of a week's rows share few days. */
export function nameStartOf(row: SegmentRow): number {
  const day = Math.floor(row.start / 86_400_000);
  if (day !== stampDay) {
    stampDay = day;
    dayStamp = compactStamp(day * 86_400_000).slice(0, 9);
  }
  const { file } = row;
  const two = (at: number): number => (file.charCodeAt(at) - 48) * 10 + file.charCodeAt(at + 1) - 48;
  const ofDayMs = ((two(9) * 60 + two(11)) * 60 + two(13)) * 1000 + Number(file.slice(15, 18));
  if (file.startsWith(dayStamp) && day * 86_400_000 + ofDayMs === row.start) return row.start;
  const name = parseSegmentName(file);
  if (name?.state !== 'sealed') throw new Error(`no sealed segment: ${file}`);
  return name.start;
}
