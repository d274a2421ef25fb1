import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Files, OpenFile } from '#agent/platform/files.ts';
import type { ClockState } from '#protocol/clock-state.ts';
import { segmentName } from '#protocol/segment-name.ts';
import type { SegmentRow } from './ledger-line.ts';
import { finishTorn, keepTorn } from './torn.ts';

/**
 * A segment while it is written: a `.part` that only sealed bytes ever enter. One caller, one call at a time, but that a
 * `write` need not wait for a `sync`: what a slow disk keeps waiting in memory, a kill would take.
 */
export interface OpenSegment {
  readonly start: number;
  /** Bytes written so far, the head of the seal included. */
  readonly bytes: number;
  write(sealed: readonly Uint8Array[]): Promise<void>;
  /** What was written before it began outlives a power cut. */
  sync(): Promise<void>;
  /** Steps 2 to 6 of sealing; step 1 was to write what {@link Sealer.final} gave. */
  seal(end: number): Promise<SegmentRow>;
  /** After a failed write: keeps the whole chunks as a torn segment; undefined when there is none. */
  abandon(end: number): Promise<SegmentRow | undefined>;
}

export interface SegmentPlace {
  folder: string;
  start: number;
  run: number;
  clock: ClockState;
  /** Enters the row into ledger and index. */
  record(row: SegmentRow): Promise<void>;
}

/** `file` is the new `.part`, empty but for `head`, which is the first of its bytes. */
export function openSegment(
  files: Files,
  file: OpenFile,
  place: SegmentPlace,
  head: Uint8Array,
): OpenSegment {
  const { folder, start, run, clock } = place;
  const part = segmentName({ state: 'open', start });
  const hash = createHash('sha256').update(head);
  let bytes = head.length;
  let closed = false;
  let named = false;
  const close = async (): Promise<void> => {
    if (closed) return;
    closed = true;
    await file.close();
  };
  const row = (durationMs: number, torn: boolean, found: { sha256: string; bytes: number }): SegmentRow => ({
    start,
    end: start + durationMs,
    durationMs,
    file: segmentName({ state: 'sealed', start, durationMs, torn }),
    ...found,
    clock,
    run,
    torn,
  });
  return {
    start,
    get bytes() {
      return bytes;
    },
    async write(sealed) {
      await file.writeAll(sealed);
      for (const piece of sealed) {
        hash.update(piece);
        bytes += piece.length;
      }
    },
    async sync() {
      await file.sync();
      if (named) return;
      await files.syncFolder(folder);
      named = true;
    },
    async seal(end) {
      // 2 sync
      await file.sync();
      await close();
      // 3 hash: it ran along with the writes
      const sealed = row(durationOf(start, end), false, { sha256: hash.digest('hex'), bytes });
      // 4 rename, never replacing
      await files.move(join(folder, part), join(folder, sealed.file));
      // 5 sync the folder
      await files.syncFolder(folder);
      // 6 record
      await place.record(sealed);
      return sealed;
    },
    async abandon(end) {
      await close();
      const durationMs = durationOf(start, end);
      const name = await keepTorn(files, folder, part, start, durationMs);
      if (name === undefined) return undefined;
      const torn = row(durationMs, true, await finishTorn(files, join(folder, name)));
      await place.record(torn);
      return torn;
    },
  };
}

/** A label's clock may step back between two readings: no segment is shorter than a millisecond. */
function durationOf(start: number, end: number): number {
  return Math.max(1, Math.round(end - start));
}
