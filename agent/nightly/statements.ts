import { z } from 'zod';
import { cameraId } from '#protocol/ids.ts';
import type { Files } from '../platform/files.ts';
import { type Document, openDocument, type Store } from '../store/store.ts';
import { statementOf } from './statement.ts';

const dayMs = 86_400_000;
/** Older days have nothing left to state: retention took them. */
const maxDays = 7;

const schema = z.object({
  /** UTC start of the last day that was stated. */
  lastDay: z.number(),
  /** Segments deleted since, by camera. */
  deleted: z.record(cameraId, z.number()),
});

export interface Statements {
  /** Counts what a sweep deleted. */
  swept(camera: string, count: number): Promise<void>;
  /** States every finished UTC day that has none yet, a line a camera; after an absence several. */
  upToDate(nowUtc: number): Promise<void>;
}

/** The daily statements: each day is stated once, whatever restarts and absences lie between. */
export async function openStatements(options: {
  files: Files;
  path: string;
  store: Store;
  nowUtc: number;
  note(kind: string, fields: Record<string, unknown>): Promise<unknown>;
}): Promise<Statements> {
  const { store } = options;
  const startOfDay = (utcMs: number): number => Math.floor(utcMs / dayMs) * dayMs;
  const kept: Document<z.output<typeof schema>> = await openDocument(options.files, options.path, schema, {
    lastDay: startOfDay(options.nowUtc) - dayMs,
    deleted: {},
  });
  return {
    swept: (camera, count) =>
      kept.update((value) => {
        value.deleted[camera] = (value.deleted[camera] ?? 0) + count;
      }),
    async upToDate(nowUtc) {
      const yesterday = startOfDay(nowUtc) - dayMs;
      const first = Math.max(kept.value.lastDay + dayMs, yesterday - (maxDays - 1) * dayMs);
      for (let from = first; from <= yesterday; from += dayMs) {
        const day = { from, to: from + dayMs };
        for (const camera of store.cameras()) {
          const deleted = kept.value.deleted[camera.id] ?? 0;
          const rows = camera.overlapping(day.from, day.to);
          await options.note(
            'statement',
            statementOf(camera.id, rows, day, { deleted, oldest: camera.oldest()?.start }),
          );
        }
        await kept.update((value) => {
          value.lastDay = from;
          value.deleted = {};
        });
      }
    },
  };
}
