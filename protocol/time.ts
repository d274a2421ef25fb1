import { z } from 'zod';

/** Seconds, their fraction if any, and UTC in either of its two ways: what other programs write of an instant. */
const written = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:Z|\+00:00)$/;

/** A UTC instant on the wire: RFC 3339, parsed to whole milliseconds since 1970; what is finer is dropped. */
export const instant = z
  .string()
  .meta({ format: 'date-time', pattern: written.source })
  .transform((text, context): number => {
    const [, seconds, fraction = ''] = written.exec(text) ?? [];
    const plain = `${seconds}.${fraction.slice(0, 3).padEnd(3, '0')}Z`;
    const utcMs = Date.parse(plain);
    // 30 February and 24:00 are read as other moments: not what was written.
    if (!Number.isNaN(utcMs) && instantText(utcMs) === plain) return utcMs;
    context.addIssue({ code: 'custom', message: 'is no UTC instant such as 2026-01-15T12:00:00.000Z' });
    return z.NEVER;
  });

/** Milliseconds since 1970 as an {@link instant}. */
export function instantText(utcMs: number): string {
  return new Date(utcMs).toISOString();
}

/** `YYYYMMDDTHHMMSSmmmZ`, the form used in file names. */
export function compactStamp(utcMs: number): string {
  return new Date(utcMs).toISOString().replaceAll(/[-:.]/g, '');
}

/** Milliseconds since 1970, or undefined for anything {@link compactStamp} does not make. */
export function parseCompactStamp(text: string): number | undefined {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)(\d{3})Z$/.exec(text);
  if (!match) return undefined;
  const [, year, month, day, hour, minute, second, ms] = match;
  const utcMs = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}.${ms}Z`);
  return Number.isNaN(utcMs) || compactStamp(utcMs) !== text ? undefined : utcMs;
}

/** `YYYY-MM`, UTC. */
export function monthOf(utcMs: number): string {
  return new Date(utcMs).toISOString().slice(0, 7);
}
