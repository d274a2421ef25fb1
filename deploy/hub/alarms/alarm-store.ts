import { DatabaseSync } from 'node:sqlite';
import { z } from 'zod';
import { codeOf, Failure } from '#protocol/failure.ts';
import { diskRefusal } from '../server/disk-refusal.ts';
import { type Alarm, alarmSchema, idOf } from './alarm.ts';
import type { Book, Maintenance, Notice } from './life.ts';

const maintenanceSchema = z.strictObject({
  id: z.string(),
  node: z.string(),
  from: z.number(),
  until: z.number(),
  by: z.string(),
  reason: z.string(),
});
const noticeSchema = z.strictObject({
  kind: z.enum(['raised', 'worse', 'escalated', 'cleared']),
  at: z.number(),
  alarm: alarmSchema,
  explains: z.array(z.string()),
  flapping: z.boolean(),
});

const partedSchema = z.strictObject({
  has: z.array(z.string()),
  refused: z.array(z.tuple([z.string(), z.string()])),
  tries: z.number(),
});

/** A letter that some of its recipients have and some have not: who has it, and who never gets it, with the answer. */
export type PartedLetter = z.output<typeof partedSchema>;

/** Parted letters by their id, until all who will ever have one have it: another life sends it to nobody twice. */
export interface PartedLetters {
  parted(id: string): PartedLetter | undefined;
  part(id: string, letter: PartedLetter): void;
}

/** A notice on its way out. */
export interface Delivery {
  seq: number;
  way: string;
  notice: Notice;
  /** Tries so far, and when the next is due. */
  tries: number;
  due: number;
  /** What was sent, or tried, in one piece with it. */
  batch: string | undefined;
}

/** Longer than any summary looks back. */
const keepNoticesMs = 30 * 86_400_000;

const schema = `
CREATE TABLE IF NOT EXISTS alarm (id TEXT PRIMARY KEY, text TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS maintenance (id TEXT PRIMARY KEY, text TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS notice (seq INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, text TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS delivery (
  seq INTEGER NOT NULL REFERENCES notice (seq), way TEXT NOT NULL,
  tries INTEGER NOT NULL, due INTEGER NOT NULL, batch TEXT, ended TEXT,
  PRIMARY KEY (seq, way)) STRICT;
CREATE TABLE IF NOT EXISTS letter (id TEXT PRIMARY KEY, text TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS summary (day TEXT PRIMARY KEY, id TEXT NOT NULL, ended INTEGER NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS delivery_waiting ON delivery (way, due) WHERE ended IS NULL;
`;

/** Of a summary that no day asks for any more, or notices of long ago. */
const spent = `DELETE FROM letter WHERE id NOT IN (SELECT id FROM summary WHERE ended = 0
  UNION SELECT batch FROM delivery WHERE ended IS NULL AND batch IS NOT NULL)`;

/** Alarms, maintenance and what is to be sent, in one file: an alarm changes together with what is to be said of it. */
export interface AlarmStore extends PartedLetters {
  book(): Book;
  /** One transaction, on stable storage when it returns: all of it or nothing. */
  keep(change: {
    alarms?: readonly Alarm[];
    forget?: readonly string[];
    maintenance?: readonly Maintenance[];
    ended?: readonly string[];
    /** With the ways each goes out by, and from when. */
    notices?: readonly { notice: Notice; ways: readonly { way: string; due: number }[] }[];
    at: number;
  }): void;
  /** Waiting for `way`: what is due at `now`, oldest first, then the rest as it will be. */
  waiting(way: string, most: number, now: number): Delivery[];
  /** Joins deliveries into one piece, before it is tried. */
  batch(seqs: readonly number[], way: string, batch: string): void;
  delivered(seqs: readonly number[], way: string, how: 'sent' | 'skipped'): void;
  retry(seqs: readonly number[], way: string, due: number): void;
  /** Notices from `since` on, oldest first. */
  notices(since: number): Notice[];
  /** The id by which the summary of a day is sent; undefined when it was. */
  beginSummary(day: string, id: string): string | undefined;
  endSummary(day: string): void;
  summaryEnded(day: string): boolean;
  /** Forgets the letters that nobody waits for any more. */
  tidy(): void;
  close(): void;
}

/** In the order in which they can be filled: each refers to those before it alone. */
const tables = ['alarm', 'maintenance', 'notice', 'delivery', 'letter', 'summary'];

/** What one file holds, and the file. */
export interface AlarmFile extends AlarmStore {
  database: DatabaseSync;
}

/** Puts everything of one database in the place of everything of another, in one transaction. */
export function copyAlarms(from: DatabaseSync, to: DatabaseSync): void {
  transaction(to, () => {
    for (const table of tables.toReversed()) to.exec(`DELETE FROM ${table}`);
    for (const table of tables)
      for (const row of from.prepare(`SELECT * FROM ${table}`).iterate()) {
        const names = Object.keys(row);
        const places = names.map(() => '?').join(', ');
        to.prepare(`INSERT INTO ${table} (${names.join(', ')}) VALUES (${places})`).run(
          ...Object.values(row),
        );
      }
  });
}

/** What SQLite gave up by itself, as it does without room, is not to be given up again. */
function transaction(database: DatabaseSync, work: () => void): void {
  database.exec('BEGIN IMMEDIATE');
  try {
    work();
    database.exec('COMMIT');
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}

/** `copied` fills a new one. Throws `corrupt` `alarms-broken`, `disk-full`, `disk-error`. */
export function openAlarmStore(path: string, copied?: DatabaseSync): AlarmFile {
  const broken = (cause: unknown): Failure =>
    new Failure(
      'corrupt',
      'alarms-broken',
      `${path} is damaged (${codeOf(cause)}): move it away and start again`,
      { cause },
    );
  let database: DatabaseSync;
  let book: Book;
  try {
    database = new DatabaseSync(path);
    // FULL: what was promised survives a power cut. One file, no side files: DELETE journal.
    database.exec('PRAGMA journal_mode = DELETE; PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF;');
    database.exec(schema);
    if (copied) copyAlarms(copied, database);
    const rows = (table: string) => database.prepare(`SELECT text FROM ${table}`).all() as { text: string }[];
    const alarms = rows('alarm').map(({ text }) => alarmSchema.parse(JSON.parse(text)));
    book = {
      alarms: new Map(alarms.map((alarm) => [idOf(alarm), alarm])),
      maintenance: rows('maintenance').map(({ text }) => maintenanceSchema.parse(JSON.parse(text))),
    };
  } catch (cause) {
    throw diskRefusal(cause) ?? broken(cause);
  }
  const put = (table: string) =>
    database.prepare(
      `INSERT INTO ${table} (id, text) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET text = excluded.text`,
    );
  const putAlarm = put('alarm');
  const putMaintenance = put('maintenance');
  const dropAlarm = database.prepare('DELETE FROM alarm WHERE id = ?');
  const dropMaintenance = database.prepare('DELETE FROM maintenance WHERE id = ?');
  const addNotice = database.prepare('INSERT INTO notice (at, text) VALUES (?, ?)');
  const addDelivery = database.prepare('INSERT INTO delivery (seq, way, tries, due) VALUES (?, ?, 0, ?)');
  const dropDeliveries = database.prepare(
    'DELETE FROM delivery WHERE seq IN (SELECT seq FROM notice WHERE at < ?)',
  );
  const dropNotices = database.prepare('DELETE FROM notice WHERE at < ?');
  const select = database.prepare(
    `SELECT d.seq, d.way, d.tries, d.due, d.batch, n.text FROM delivery d JOIN notice n USING (seq)
     WHERE d.way = ? AND d.ended IS NULL ORDER BY max(d.due, ?), d.seq LIMIT ?`,
  );
  const setBatch = database.prepare('UPDATE delivery SET batch = ? WHERE seq = ? AND way = ?');
  const setEnded = database.prepare('UPDATE delivery SET ended = ? WHERE seq = ? AND way = ?');
  const dropLetter = database.prepare(
    'DELETE FROM letter WHERE id = (SELECT batch FROM delivery WHERE seq = ? AND way = ?)',
  );
  const putLetter = put('letter');
  const letterOf = database.prepare('SELECT text FROM letter WHERE id = ?');
  const dropSummary = database.prepare(
    'DELETE FROM letter WHERE id = (SELECT id FROM summary WHERE day = ?)',
  );
  const setRetry = database.prepare(
    'UPDATE delivery SET tries = tries + 1, due = ? WHERE seq = ? AND way = ?',
  );
  const since = database.prepare('SELECT text FROM notice WHERE at >= ? ORDER BY seq');
  const beginSummary = database.prepare('INSERT OR IGNORE INTO summary (day, id, ended) VALUES (?, ?, 0)');
  const summaryOf = database.prepare('SELECT id, ended FROM summary WHERE day = ?');
  const endSummary = database.prepare('UPDATE summary SET ended = 1 WHERE day = ?');
  const foundSummary = (day: string) => summaryOf.get(day) as { id: string; ended: number } | undefined;
  const each = (seqs: readonly number[], work: (seq: number) => unknown): void =>
    whole(() => {
      for (const seq of seqs) work(seq);
    });
  const whole = (work: () => void): void => transaction(database, work);
  return {
    database,
    book: () => book,
    keep({ alarms = [], forget = [], maintenance = [], ended = [], notices = [], at }) {
      if (alarms.length + forget.length + maintenance.length + ended.length + notices.length === 0) return;
      whole(() => {
        for (const alarm of alarms) putAlarm.run(idOf(alarm), JSON.stringify(alarm));
        for (const id of forget) dropAlarm.run(id);
        for (const window of maintenance) putMaintenance.run(window.id, JSON.stringify(window));
        for (const id of ended) dropMaintenance.run(id);
        for (const { notice, ways } of notices) {
          const { lastInsertRowid } = addNotice.run(Math.round(notice.at), JSON.stringify(notice));
          for (const { way, due } of ways) addDelivery.run(lastInsertRowid, way, Math.round(due));
        }
        if (notices.length > 0) {
          dropDeliveries.run(Math.round(at - keepNoticesMs));
          dropNotices.run(Math.round(at - keepNoticesMs));
        }
      });
      const kept = new Map(book.alarms);
      for (const alarm of alarms) kept.set(idOf(alarm), alarm);
      for (const id of forget) kept.delete(id);
      const gone = new Set([...ended, ...maintenance.map(({ id }) => id)]);
      book = {
        alarms: kept,
        maintenance: [...book.maintenance.filter(({ id }) => !gone.has(id)), ...maintenance],
      };
    },
    waiting: (way, most, now) =>
      (
        select.all(way, Math.round(now), most) as unknown as (Omit<Delivery, 'notice' | 'batch'> & {
          text: string;
          batch: string | null;
        })[]
      ).map(({ text, batch, ...row }) => ({
        ...row,
        batch: batch ?? undefined,
        notice: noticeSchema.parse(JSON.parse(text)),
      })),
    batch: (seqs, way, batch) => each(seqs, (seq) => setBatch.run(batch, seq, way)),
    delivered: (seqs, way, how) =>
      each(seqs, (seq) => {
        setEnded.run(how, seq, way);
        dropLetter.run(seq, way);
      }),
    parted(id) {
      const found = letterOf.get(id) as { text: string } | undefined;
      return found && partedSchema.parse(JSON.parse(found.text));
    },
    part: (id, letter) => void putLetter.run(id, JSON.stringify(letter)),
    tidy: () => database.exec(spent),
    retry: (seqs, way, due) => each(seqs, (seq) => setRetry.run(Math.round(due), seq, way)),
    notices: (from) =>
      (since.all(Math.round(from)) as { text: string }[]).map(({ text }) =>
        noticeSchema.parse(JSON.parse(text)),
      ),
    beginSummary(day, id) {
      beginSummary.run(day, id);
      const found = foundSummary(day);
      return found?.ended === 0 ? found.id : undefined;
    },
    endSummary: (day) =>
      whole(() => {
        endSummary.run(day);
        dropSummary.run(day);
      }),
    summaryEnded: (day) => foundSummary(day)?.ended === 1,
    close: () => database.close(),
  };
}
