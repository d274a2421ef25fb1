import { z } from 'zod';
import { type ClockState, clockState } from '#protocol/clock-state.ts';
import { gapReason } from '#protocol/gap.ts';
import { sha256Hex } from '#protocol/ids.ts';
import { parseSegmentName } from '#protocol/segment-name.ts';
import { instant, instantText } from '#protocol/time.ts';

/** One line of a camera's ledger. Times are instants in the file, milliseconds since 1970 here. */
const segmentLine = z
  .object({
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
  .object({ kind: z.literal('gap'), start: instant, end: instant, reason: gapReason })
  .refine((line) => line.start < line.end, 'a gap without length');

const ledgerLine = z.discriminatedUnion('kind', [segmentLine, gapLine]);
export type LedgerLine = z.output<typeof ledgerLine>;

/** A sealed segment: its first frame, what follows its last, and the hash of the file as it lies on disk. */
export type SegmentRow = Omit<Extract<LedgerLine, { kind: 'segment' }>, 'kind'>;
/** An interval without a sealed segment, half open. */
export type GapRow = Omit<Extract<LedgerLine, { kind: 'gap' }>, 'kind'>;

/** A line takes 330 bytes; longer ones are not ours. */
export const maxLineBytes = 2048;

/** A line as {@link ledgerText} writes it, of a segment whose name tells its start: nearly every line there is. */
const usual = new RegExp(
  [
    String.raw`^\{"kind":"segment","start":"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)\.(\d{3})Z","end":"([-:.\dT]{23}Z)",`,
    String.raw`"durationMs":([1-9]\d{0,8}),"file":"([\w.-]{1,80})","bytes":([1-9]\d{0,14}),"sha256":"([0-9a-f]{64})",`,
    String.raw`"clock":"(synced|unknown|unsynchronised|stepped)","run":"([-:.\dT]{23}Z)","torn":(true|false)\}$`,
  ].join(''),
);

/**
 * Undefined for what is no line of a ledger. A store is opened with a week of lines, 141,120 at the largest site: the
 * usual ones are taken by one pattern, ten times faster, and every other goes through the schema.
 */
export function parseLedgerLine(text: string): LedgerLine | undefined {
  return parseUsual(text) ?? parseAny(text);
}

function parseUsual(text: string): LedgerLine | undefined {
  const match = usual.exec(text);
  if (match === null) return undefined;
  const [
    ,
    year,
    month,
    day,
    hour,
    minute,
    second,
    ms,
    endText,
    length,
    file,
    bytes,
    sha256,
    clock,
    runText,
    tornText,
  ] = match as unknown as string[];
  const durationMs = Number(length);
  const torn = tornText === 'true';
  if (
    file !==
    `${year}${month}${day}T${hour}${minute}${second}${ms}Z-${durationMs}${torn ? '.torn' : ''}.mp4.age`
  )
    return undefined;
  const startText = `${year}-${month}-${day}T${hour}:${minute}:${second}.${ms}Z`;
  const start = Date.parse(startText);
  const end = Date.parse(endText!);
  const run = Date.parse(runText!);
  // 30 February and 24:00 are read as other moments: not what was written.
  if (Number.isNaN(start) || instantText(start) !== startText) return undefined;
  // Also for a time that is none: it is not a number, and equals nothing.
  if (end - start !== durationMs || Number.isNaN(run)) return undefined;
  return {
    kind: 'segment',
    start,
    end,
    durationMs,
    file: file!,
    bytes: Number(bytes),
    sha256: sha256!,
    clock: clock as ClockState,
    run,
    torn,
  };
}

function parseAny(text: string): LedgerLine | undefined {
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
