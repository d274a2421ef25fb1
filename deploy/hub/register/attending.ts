import { z } from 'zod';
import { parseJson, sha256 } from '#protocol/envelope.ts';

const text = (max: number) => z.string().trim().min(1).max(max);

/** Why somebody who maintains sees a picture, and who that is (Art. 6 c. 8). Stays here: boxes see its salted hash. */
const attendingRecord = z.strictObject({
  persons: z
    .array(z.strictObject({ name: text(100), qualification: text(100) }))
    .min(1)
    .max(20),
  reason: text(2000),
});
export type AttendingRecord = z.output<typeof attendingRecord>;

/** Without a salt of that length whoever reads a box could try the names of everybody in the valley. */
const salted = z.strictObject({ salt: z.string().regex(/^[0-9a-f]{32}$/), record: attendingRecord });

/** `salt`: 32 hexadecimal digits. A command names the SHA-256 of this text. */
export function attendingText(salt: string, record: AttendingRecord): string {
  return JSON.stringify({ salt, record });
}

/** The record behind a command's fingerprint; undefined when it is another, or none. */
export function attendingOf(full: string, hash: string): AttendingRecord | undefined {
  if (sha256(full) !== hash) return undefined;
  const parsed = salted.safeParse(parseJson(Buffer.from(full)));
  return parsed.success ? parsed.data.record : undefined;
}
