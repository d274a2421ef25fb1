import { z } from 'zod';
import { parseJson, sha256 } from '#protocol/envelope.ts';
import { cameraId, nodeId } from '#protocol/ids.ts';
import { purpose } from '#protocol/purpose.ts';
import { instant } from '#protocol/time.ts';
import type { Register, RegisterLine } from './register.ts';

const text = (max: number) => z.string().trim().min(1).max(max);

/** Everything Art. 7 c. 3 and Art. 9 c. 1.a ask of a written request. Stays at the hub: boxes see its hash. */
export const requestRecord = z.strictObject({
  protocol: text(64),
  date: z.iso.date(),
  /** Who asks: the authority, the defence counsel, the citizen, or the controller. */
  authority: text(200),
  /** Those charged with viewing or taking the pictures. */
  persons: z
    .array(z.strictObject({ name: text(100), qualification: text(100) }))
    .min(1)
    .max(20),
  purpose,
  reason: text(2000),
  /** What is asked for; half-open UTC intervals. */
  windows: z
    .array(
      z
        .strictObject({ node: nodeId, camera: cameraId, from: z.string(), to: z.string() })
        .refine(
          ({ from, to }) => instant.safeParse(from).success && instant.safeParse(to).success,
          'times are RFC 3339, in UTC',
        )
        .refine(({ from, to }) => Date.parse(from) < Date.parse(to), '"to" is not after "from"'),
    )
    .min(1)
    .max(64),
});
export type RequestRecord = z.output<typeof requestRecord>;

export interface KnownRequest {
  id: string;
  record: RequestRecord;
  /** {@link recordText}, as it was hashed. */
  full: string;
  /** SHA-256 of `full`: what a command carries. */
  recordHash: string;
  rejected: boolean;
}

/** The record as it is hashed: salted, so that nobody who holds a hash can try names and reasons against it. */
export function recordText(salt: string, record: RequestRecord): string {
  return JSON.stringify({ salt, record });
}

const salted = z.strictObject({ salt: z.string().min(1).max(64), record: requestRecord });

/** The record behind a command's hash, for whoever believes the hash alone; undefined when it is another, or none. */
export function recordBehind(full: string, hash: string): RequestRecord | undefined {
  if (sha256(full) !== hash) return undefined;
  const parsed = salted.safeParse(parseJson(Buffer.from(full)));
  return parsed.success ? parsed.data.record : undefined;
}

/** Enters a request: `id` is `<year>-<number in that year>`. */
export function enterRequest(
  register: Register,
  record: RequestRecord,
  salt: string,
  by: string,
  utcMs: number,
): string {
  const year = new Date(utcMs).getUTCFullYear();
  const before = register
    .lines()
    .filter(({ kind, request }) => kind === 'request' && request?.startsWith(`${year}-`)).length;
  const id = `${year}-${String(before + 1).padStart(4, '0')}`;
  const full = recordText(salt, record);
  register.append({ kind: 'request', request: id, by, recordHash: sha256(full), full });
  return id;
}

/** The last request before `id` that asks for the very same and was not rejected: entered twice, or asked twice. */
export function sameRequest(lines: readonly RegisterLine[], id: string): string | undefined {
  const textOf = (full: unknown): string =>
    JSON.stringify((JSON.parse(full as string) as { record: RequestRecord }).record);
  const mine = lines.find(({ kind, request }) => kind === 'request' && request === id);
  if (mine === undefined) return undefined;
  const text = textOf(mine['full']);
  const rejected = new Set(lines.filter(({ kind }) => kind === 'rejected').map(({ request }) => request));
  return lines.findLast(
    ({ kind, request, seq, full }) =>
      kind === 'request' && seq < mine.seq && !rejected.has(request) && textOf(full) === text,
  )?.request;
}

export function findRequest(lines: readonly RegisterLine[], id: string): KnownRequest | undefined {
  const line = lines.find(({ kind, request }) => kind === 'request' && request === id);
  if (line === undefined) return undefined;
  const full = line['full'] as string;
  const { record } = JSON.parse(full) as { record: RequestRecord };
  return {
    id,
    record,
    full,
    recordHash: line['recordHash'] as string,
    rejected: lines.some(({ kind, request }) => kind === 'rejected' && request === id),
  };
}
