import { codeOf, Failure } from '#protocol/failure.ts';

/** Primary result codes, https://sqlite.org/rescode.html: READONLY, IOERR, FULL, CANTOPEN. */
const sqliteFull = 13;
const sqliteRefused: readonly number[] = [8, 10, sqliteFull, 14];

/**
 * What a file operation or SQLite threw where the disk refuses: `disk-full` (exhausted) or `disk-error` (transient).
 * Undefined for anything else, and for what has a name already.
 */
export function diskRefusal(error: unknown): Failure | undefined {
  if (error instanceof Failure) return undefined;
  const code = codeOf(error);
  const { errcode } = (error ?? {}) as { errcode?: unknown };
  const sqlite = code === 'ERR_SQLITE_ERROR' && typeof errcode === 'number' ? errcode & 0xff : 0;
  if (code === 'ENOSPC' || code === 'EDQUOT' || sqlite === sqliteFull)
    return new Failure(
      'exhausted',
      'disk-full',
      'the disk of the hub is full: make room, see with "hub register" what was kept, and ask again',
      { cause: error },
    );
  if (code === 'EIO' || code === 'EROFS' || sqliteRefused.includes(sqlite))
    return new Failure(
      'transient',
      'disk-error',
      `the disk of the hub takes nothing (${sqlite === 0 ? code : `SQLite ${sqlite}`}): look at it, see with "hub register" what was kept, and ask again`,
      { cause: error },
    );
  return undefined;
}
