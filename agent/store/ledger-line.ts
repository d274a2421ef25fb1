import { z } from 'zod';
import { clockState } from '#protocol/clock-state.ts';
import { gapReason } from '#protocol/gap.ts';
import { sha256Hex } from '#protocol/ids.ts';
import { parseSegmentName } from '#protocol/segment-name.ts';
import { instant, instantText } from '#protocol/time.ts';

/** One line of a camera's ledger. Times are instants in the file, milliseconds since 1970 here. */
const segmentLine = z
  .strictObject({
    kind: z.literal('segment'),
    start: instant,
    end: instant,
    durationMs: z.int().positive(),
    file: z.string().max(80),
    bytes: z.int().positive(),
    sha256: sha256Hex,
    clock: clockState,
    /** Start of the first segment of its run. */
    run: instant,
    torn: z.boolean(),
  })
  .refine((line) => line.end - line.start === line.durationMs, 'end is not start + durationMs')
  .refine((line) => {
    const name = parseSegmentName(line.file);
    return name?.state === 'sealed' && name.durationMs === line.durationMs && name.torn === line.torn;
  }, 'the name does not fit the line');

const gapLine = z
  .strictObject({ kind: z.literal('gap'), start: instant, end: instant, reason: gapReason })
  .refine((line) => line.start < line.end, 'a gap without length');

const ledgerLine = z.discriminatedUnion('kind', [segmentLine, gapLine]);
export type LedgerLine = z.output<typeof ledgerLine>;

/** A sealed segment: its first frame, what follows its last, and the hash of the file as it lies on disk. */
export type SegmentRow = Omit<Extract<LedgerLine, { kind: 'segment' }>, 'kind'>;
/** An interval without a sealed segment, half open. */
export type GapRow = Omit<Extract<LedgerLine, { kind: 'gap' }>, 'kind'>;

/** A line takes 330 bytes; longer ones are not ours. */
export const maxLineBytes = 2048;

/** Undefined for what is no line of a ledger. */
export function parseLedgerLine(text: string): LedgerLine | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  return ledgerLine.safeParse(value).data;
}

/** With its newline. */
export function ledgerText(line: LedgerLine): string {
  const { kind, start, end, ...rest } = line;
  const run = 'run' in rest ? { ...rest, run: instantText(rest.run) } : rest;
  return `${JSON.stringify({ kind, start: instantText(start), end: instantText(end), ...run })}\n`;
}
