import { Failure } from '#protocol/failure.ts';

/**
 * An instant as people type it: RFC 3339 with Z or an offset, or `YYYY-MM-DD HH:MM[:SS]` in this machine's time zone.
 * Milliseconds since 1970. Throws `usage` `time`.
 */
export function parseTime(option: string, text: string): number {
  const match = /^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?)(Z|[+-]\d{2}:\d{2})?$/.exec(
    text.trim(),
  );
  const utcMs = match ? Date.parse(`${match[1]}T${match[2]}${match[3] ?? ''}`) : Number.NaN;
  if (Number.isNaN(utcMs))
    throw new Failure(
      'usage',
      'time',
      `--${option} "${text}" is no time: write 2026-01-15T14:30:00Z or "2026-01-15 14:30"`,
    );
  return utcMs;
}

/** `15/01/2026 15:30:00 CET`, in this machine's time zone. */
export function localTime(utcMs: number, lang: 'it' | 'en'): string {
  return new Intl.DateTimeFormat(lang === 'it' ? 'it-IT' : 'en-GB', {
    dateStyle: 'short',
    timeStyle: 'long',
  }).format(utcMs);
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
