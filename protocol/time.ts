import { z } from 'zod';

/** A UTC instant on the wire: RFC 3339 with milliseconds and Z, parsed to milliseconds since 1970. */
export const instant = z.iso.datetime({ precision: 3 }).transform((text) => Date.parse(text));

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
