import { join } from 'node:path';
import { z } from 'zod';
import { type Command, maxCommandBytes, parseCommand } from '#protocol/command.ts';
import { parseEnvelope, parseJson, sha256 } from '#protocol/envelope.ts';
import { codeOf, sentenceOf } from '#protocol/failure.ts';
import { uuidV7 } from '#protocol/ids.ts';
import { commandStatus } from '#protocol/status.ts';
import { diskFailure } from '../platform/disk-failure.ts';
import { type Files, makeFolderDurably, readIfThere, writeDurably } from '../platform/files.ts';
import type { Log } from '../platform/log.ts';
import type { AcceptedCommand } from './runner.ts';

/** The log as the journal sees it. */
export interface CommandLog {
  append(kind: string, fields: Record<string, unknown>): Promise<{ seq: number }>;
  size(): number;
  read(fromSeq: number, count: number): Promise<{ seq: number; text: string }[]>;
}

const unloggedStatus = commandStatus.omit({ auditSeq: true });
export type UnloggedStatus = z.infer<typeof unloggedStatus>;

const recordSchema = z.object({
  id: uuidV7,
  /** The envelope as it came, base64: what was ordered can always be shown. */
  message: z.base64(),
  origin: z.enum(['mqtt', 'usb']),
  /** UTC milliseconds. */
  keepUntil: z.int(),
  /** False after a refusal for a missing signature: the fully signed command may still take the id. */
  claimed: z.boolean(),
  /** How often it was begun again after a restart. */
  resumed: z.int().nonnegative(),
  accepted: z.object({ seq: z.int().positive(), at: z.int() }).optional(),
  status: commandStatus.optional(),
  /** A change whose line may or may not be in the log yet, and the log's size before it. */
  pending: z
    .object({
      status: unloggedStatus,
      kind: z.string().max(64),
      fields: z.record(z.string(), z.unknown()),
      since: z.int().nonnegative(),
      at: z.int(),
    })
    .optional(),
});
export type CommandRecord = z.infer<typeof recordSchema>;

const maxRecordBytes = 2 * maxCommandBytes;

export interface Journal {
  find(id: string): CommandRecord | 'unreadable' | undefined;
  all(): CommandRecord[];
  count(): number;
  /** Makes a change durable together with its line: after a crash at any step both are there, once. */
  change(
    record: CommandRecord,
    status: UnloggedStatus,
    kind: string,
    fields: Record<string, unknown>,
  ): Promise<CommandRecord>;
  /** Makes a change whose line could not be written when it was asked for. */
  finish(record: CommandRecord): Promise<CommandRecord>;
  /** Writes down that it is begun once more. */
  resume(record: CommandRecord): Promise<CommandRecord>;
  /** Forgets ids whose time is over. Throws `disk-full` or `disk-error`. */
  prune(nowUtc: number): Promise<void>;
}

export function messageOf(record: CommandRecord): Buffer {
  return Buffer.from(record.message, 'base64');
}

export function commandOf(record: CommandRecord): Command {
  return parseCommand(parseEnvelope(messageOf(record), maxCommandBytes).payload);
}

/** The command of a record that was accepted; undefined for any other. */
export function acceptedCommand(record: CommandRecord): AcceptedCommand | undefined {
  if (record.accepted === undefined) return undefined;
  return {
    command: commandOf(record),
    auditSeq: record.accepted.seq,
    acceptedAt: record.accepted.at,
    origin: record.origin,
  } as AcceptedCommand;
}

/**
 * What this node was told and what it answered, one file an id. A change is: 1 the record with the change pending;
 * 2 its line in the log; 3 the record with the change made. A crash after 1 or 2 is finished here at start: the log is
 * searched from the size it had, so that the line is there once.
 */
export async function openJournal(options: {
  files: Files;
  folder: string;
  audit: CommandLog;
  utc: () => number;
  log: Log;
}): Promise<Journal> {
  const { files, folder, audit } = options;
  await makeFolderDurably(files, folder);
  const records = new Map<string, CommandRecord | 'unreadable'>();
  const pathOf = (id: string): string => join(folder, `${id}.json`);

  const onDisk = (work: Promise<void>): Promise<void> =>
    work.catch((error: unknown) => {
      throw diskFailure(error, 'the journal of commands');
    });
  const write = async (record: CommandRecord): Promise<CommandRecord> => {
    await onDisk(writeDurably(files, pathOf(record.id), JSON.stringify(record)));
    records.set(record.id, record);
    return record;
  };
  async function settle(record: CommandRecord, seq: number): Promise<CommandRecord> {
    const { pending, ...rest } = record;
    if (pending === undefined) return record;
    const status = { ...pending.status, auditSeq: seq };
    return write({
      ...rest,
      status,
      ...(status.state === 'accepted' ? { accepted: { seq, at: pending.at } } : {}),
    });
  }
  async function lineOf(record: CommandRecord): Promise<number | undefined> {
    const { pending } = record;
    if (pending === undefined) return undefined;
    const hash = sha256(messageOf(record));
    for (let from = pending.since + 1; ; ) {
      const lines = await audit.read(from, 256);
      for (const { seq, text } of lines) {
        const line = parseJson(Buffer.from(text)) as
          | { kind?: unknown; id?: unknown; hash?: unknown }
          | undefined;
        if (line?.kind === pending.kind && line.id === record.id && line.hash === hash) return seq;
      }
      if (lines.length === 0) return undefined;
      from += lines.length;
    }
  }
  const log = async ({ id, message, pending }: CommandRecord): Promise<number> => {
    if (pending === undefined) throw new Error('no change to log');
    const hash = sha256(Buffer.from(message, 'base64'));
    return (await audit.append(pending.kind, { id, hash, ...pending.fields })).seq;
  };

  for (const { name } of await files.list(folder)) {
    const id = uuidV7.safeParse(name.replace(/\.json$/, ''));
    if (!name.endsWith('.json') || !id.success) {
      // What a crash left of a write that was not finished.
      await files.remove(join(folder, name));
      continue;
    }
    try {
      const bytes = await readIfThere(files, join(folder, name), maxRecordBytes);
      const record = recordSchema.parse(bytes && parseJson(bytes));
      commandOf(record);
      records.set(id.data, record);
    } catch (error) {
      if (codeOf(error) === 'unknown' && !(error instanceof z.ZodError)) throw error;
      // The id stays closed: what it stood for may have been done already.
      options.log.error({ command: id.data, why: sentenceOf(error) }, 'a command record cannot be read');
      records.set(id.data, 'unreadable');
    }
  }
  const finish = async (record: CommandRecord): Promise<CommandRecord> =>
    record.pending ? settle(record, (await lineOf(record)) ?? (await log(record))) : record;
  for (const record of [...records.values()]) if (record !== 'unreadable') await finish(record);

  return {
    find: (id) => records.get(id),
    count: () => records.size,
    all: () => [...records.values()].filter((record) => record !== 'unreadable'),
    async change(record, status, kind, fields) {
      const pending = { status, kind, fields, since: audit.size(), at: options.utc() };
      const noted = await write({ ...record, pending });
      return settle(noted, await log(noted));
    },
    finish,
    resume: (record) => write({ ...record, resumed: record.resumed + 1 }),
    async prune(nowUtc) {
      for (const record of records.values()) {
        if (record === 'unreadable' || record.keepUntil > nowUtc) continue;
        if (record.status?.state === 'accepted' || record.status?.state === 'running') continue;
        await onDisk(files.remove(pathOf(record.id)));
        records.delete(record.id);
      }
    },
  };
}
