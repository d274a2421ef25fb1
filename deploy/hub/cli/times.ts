import { Failure } from '#protocol/failure.ts';

/** How instants are shown to people: the language, and the IANA time zone of the place. */
export interface LocalForm {
  lang: 'it' | 'en';
  zone: string;
}

/**
 * An instant as people type it: RFC 3339 with Z or an offset, or `YYYY-MM-DD HH:MM[:SS]` in `zone`. Milliseconds since
 * 1970. Throws `usage` `time`, also for an hour that the clock change skips or repeats: evidence is not guessed.
 */
export function parseTime(option: string, text: string, zone: string): number {
  const match = /^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?)(Z|[+-]\d{2}:\d{2})?$/.exec(
    text.trim(),
  );
  const stated = match ? Date.parse(`${match[1]}T${match[2]}${match[3] ?? 'Z'}`) : Number.NaN;
  if (Number.isNaN(stated))
    throw new Failure(
      'usage',
      'time',
      `--${option} "${text}" is no time: write 2026-01-15T14:30:00Z or "2026-01-15 14:30"`,
    );
  if (match?.[3] !== undefined) return stated;
  const instants = instantsOf(stated, zone);
  if (instants.length === 1) return instants[0] as number;
  throw new Failure(
    'usage',
    'time',
    `--${option} "${text}" ${instants.length === 0 ? 'is skipped' : 'comes twice'} at the change of the clocks in ${zone}: add the offset, such as +01:00`,
  );
}

const dayMs = 86_400_000;

/** Every instant at which a clock in `zone` shows `stated` (its digits read as UTC). */
function instantsOf(stated: number, zone: string): number[] {
  const offsets = new Set([offsetMs(stated - dayMs, zone), offsetMs(stated + dayMs, zone)]);
  return [...offsets]
    .map((offset) => stated - offset)
    .filter((utcMs) => utcMs + offsetMs(utcMs, zone) === stated);
}

function offsetMs(utcMs: number, zone: string): number {
  const form = new Intl.DateTimeFormat('en', { timeZone: zone, timeZoneName: 'longOffset' });
  const name = form.formatToParts(utcMs).find(({ type }) => type === 'timeZoneName')?.value ?? '';
  const match = /^GMT([+-])(\d{2}):(\d{2})$/.exec(name);
  if (!match) return 0; // Plain "GMT".
  return (match[1] === '-' ? -1 : 1) * (Number(match[2]) * 60 + Number(match[3])) * 60_000;
}

/** `15 gen 2026, 15:30:00 CET` */
export function localTime(utcMs: number, { lang, zone }: LocalForm): string {
  return new Intl.DateTimeFormat(lang === 'it' ? 'it-IT' : 'en-GB', {
    dateStyle: 'medium',
    timeStyle: 'long',
    timeZone: zone,
  }).format(utcMs);
}

/** `2026-01-15T15:30`, as a field of a page has it, by the clock of the place. */
export function localMinute(utcMs: number, zone: string): string {
  const form = new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short', timeStyle: 'short' });
  return form.format(utcMs).replace(' ', 'T');
}

/** `12 min`, `3 h`, `2 g`: the largest unit that fits. */
export function roughly(ms: number, lang: 'it' | 'en'): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} ${lang === 'it' ? 'g' : 'd'}`;
}

/** `12.3 MB` */
export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

/** `0:12:05`, of a position or length in a film. */
export function filmTime(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${Math.floor(seconds / 3600)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
}
