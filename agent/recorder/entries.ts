import type { Log } from '#agent/platform/log.ts';
import type { CameraStore, GapRow, SegmentRow } from '#agent/store/store.ts';
import { codeOf } from '#protocol/failure.ts';
import type { GapReason } from '#protocol/gap.ts';
import type { SegmentWriter } from './segment-writer.ts';

/** Segments and gaps on their way into the ledger: entered, and told, in the order of the calls. */
export interface Entries {
  gap(gap: GapRow): void;
  /** Finishes a segment that ends at the label `end`; `kept` learns what is left of it before it is told. */
  segment(
    writer: SegmentWriter,
    start: number,
    end: number,
    kept: (row: SegmentRow | undefined) => void,
  ): Promise<void>;
  /** Runs `next` when everything before it is entered. */
  after(next: () => void): void;
  /** Segments not entered yet. */
  readonly finishing: ReadonlySet<SegmentWriter>;
  /** Everything is entered. */
  settled(): Promise<void>;
}

export interface EntriesParts {
  camera: CameraStore;
  onSegment(row: SegmentRow): void;
  onGap(row: GapRow): void;
  log: Log;
}

/** What the disk's own refusal is as a reason; anything else that is thrown in here is a bug and ends the process. */
export function diskReason(error: unknown): GapReason {
  return ['ENOSPC', 'EDQUOT', 'EFBIG'].includes(codeOf(error)) ? 'disk-full' : 'disk-error';
}

export function openEntries({ camera, onSegment, onGap, log }: EntriesParts): Entries {
  let last: Promise<void> = Promise.resolve();
  const finishing = new Set<SegmentWriter>();

  const refusedOnly = (err: unknown, context: object, sentence: string): void => {
    if (codeOf(err) === 'unknown') throw err;
    log.error({ err, ...context }, sentence);
  };
  const enterGap = async (gap: GapRow): Promise<void> => {
    try {
      await camera.addGap(gap);
    } catch (error) {
      return refusedOnly(error, { gap }, 'a gap could not be entered: the next start covers it');
    }
    onGap(gap);
  };
  const finish = async (
    writer: SegmentWriter,
    start: number,
    end: number,
  ): Promise<SegmentRow | undefined> => {
    try {
      return await writer.finish(end);
    } catch (error) {
      refusedOnly(error, { start }, 'a segment could not be kept: the next start of the agent tries again');
      return undefined;
    }
  };
  return {
    finishing,
    gap(gap) {
      last = last.then(() => enterGap(gap));
    },
    segment(writer, start, end, kept) {
      finishing.add(writer);
      last = last.then(async () => {
        const row = await finish(writer, start, end);
        finishing.delete(writer);
        if (writer.failure !== undefined)
          log.warn({ err: writer.failure, kept: row?.file }, 'the disk refused');
        kept(row);
        if (row !== undefined) onSegment(row);
      });
      return last;
    },
    after(next) {
      last = last.then(next);
    },
    async settled() {
      for (let awaited: unknown; awaited !== last; await last) awaited = last;
    },
  };
}
