import { DatabaseSync } from 'node:sqlite';
import { sha256 } from '#protocol/envelope.ts';
import { codeOf, Failure } from '#protocol/failure.ts';
import { instantText } from '#protocol/time.ts';

/** What is noted. Closed: a new kind of act is a new word here. */
export const registerKinds = [
  'request',
  'rejected',
  'prepared',
  'signed',
  'authorised',
  'answered',
  'delivered',
  'opened',
  'minutes',
  'packaged',
  'reported',
  'closed',
  'policy',
  'imported',
  'drill',
  'replaced',
] as const;
export type RegisterKind = (typeof registerKinds)[number];

/** One line: who did what to which case, when. `request` and `case` are there when the act is about one. */
export interface RegisterLine {
  seq: number;
  at: string;
  /** SHA-256 of the line before, as written; empty for the first. */
  prev: string;
  kind: RegisterKind;
  request?: string;
  case?: string;
  /** Login on this machine of whoever ran the command; the signatures say who signed. */
  by: string;
  [detail: string]: unknown;
}

export interface RegisterEntry {
  kind: RegisterKind;
  request?: string | undefined;
  case?: string | undefined;
  by: string;
  [detail: string]: unknown;
}

export interface Register {
  /** On stable storage when it returns. */
  append(entry: RegisterEntry): RegisterLine;
  lines(): RegisterLine[];
  /** For a statement: how many lines, and the hash of the last (64 zeros while there is none). */
  head(): { size: number; hash: string };
  close(): void;
}

/** Lines are only ever added, in order. The insert check also stops INSERT OR REPLACE, which fires no delete trigger. */
const schema = `
CREATE TABLE IF NOT EXISTS line (seq INTEGER PRIMARY KEY, text TEXT NOT NULL, hash TEXT NOT NULL) STRICT;
CREATE TRIGGER IF NOT EXISTS line_in_order BEFORE INSERT ON line
WHEN NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM line)
BEGIN SELECT RAISE(ABORT, 'the register grows at its end only'); END;
CREATE TRIGGER IF NOT EXISTS line_never_changes BEFORE UPDATE ON line
BEGIN SELECT RAISE(ABORT, 'a line of the register never changes'); END;
CREATE TRIGGER IF NOT EXISTS line_never_goes BEFORE DELETE ON line
BEGIN SELECT RAISE(ABORT, 'a line of the register never goes'); END;
`;

/** Throws `corrupt` `register-broken`, naming the first line that does not follow from the one before. */
export function openRegister(path: string, utc: () => number): Register {
  let database: DatabaseSync;
  try {
    database = new DatabaseSync(path);
    // FULL: a line that was promised survives a power cut. One file, no side files: DELETE journal.
    database.exec('PRAGMA journal_mode = DELETE; PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF;');
    database.exec(schema);
  } catch (cause) {
    throw new Failure('corrupt', 'register-broken', `${path} cannot be opened (${codeOf(cause)})`, { cause });
  }
  const insert = database.prepare('INSERT INTO line (seq, text, hash) VALUES (?, ?, ?)');
  const all = database.prepare('SELECT seq, text, hash FROM line ORDER BY seq');

  function read(): { lines: RegisterLine[]; last: string } {
    let last = '';
    const lines: RegisterLine[] = [];
    for (const row of all.iterate() as Iterable<{ seq: number; text: string; hash: string }>) {
      // What the hash covers was written here; nothing else is parsed.
      const line = sha256(row.text) === row.hash ? (JSON.parse(row.text) as RegisterLine) : undefined;
      if (line?.seq !== lines.length + 1 || line.prev !== last || row.seq !== line.seq)
        throw new Failure(
          'corrupt',
          'register-broken',
          `line ${lines.length + 1} of ${path} is not what was written: keep the file and ask its copies`,
        );
      last = row.hash;
      lines.push(line);
    }
    return { lines, last };
  }
  let { lines, last } = read();
  return {
    append({ kind, request, case: caseId, by, ...details }) {
      const line: RegisterLine = {
        seq: lines.length + 1,
        at: instantText(utc()),
        prev: last,
        kind,
        ...(request === undefined ? {} : { request }),
        ...(caseId === undefined ? {} : { case: caseId }),
        by,
        ...details,
      };
      const text = JSON.stringify(line);
      const hash = sha256(text);
      insert.run(line.seq, text, hash);
      last = hash;
      lines.push(line);
      return line;
    },
    lines() {
      ({ lines, last } = read());
      return [...lines];
    },
    head: () => ({ size: lines.length, hash: last === '' ? '0'.repeat(64) : last }),
    close: () => database.close(),
  };
}
