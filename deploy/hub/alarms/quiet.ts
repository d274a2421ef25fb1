import type { AlarmSettings } from './settings.ts';

const day = 86_400_000;

/** When what came at `now` may disturb people: at once, or when the quiet hours of its severity end. Local time. */
export function afterQuiet(
  quiet: AlarmSettings['quiet'],
  severity: 'info' | 'warning' | 'critical',
  now: number,
  zone: string,
): number {
  if (quiet === undefined || !quiet.severities.includes(severity)) return now;
  const at = minutesOf(localTimeOfDay(now, zone));
  const [from, to] = [minutesOf(quiet.from), minutesOf(quiet.to)];
  const within = from < to ? at >= from && at < to : at >= from || at < to;
  if (!within) return now;
  const wait = ((to - at + 1440) % 1440) * 60_000;
  const end = now - (now % 60_000) + wait;
  // The night in which the clocks change is an hour shorter or longer.
  const off = to - minutesOf(localTimeOfDay(end, zone));
  const slip = off > 720 ? off - 1440 : off < -720 ? off + 1440 : off;
  return Math.min(now + day, Math.max(now, end + slip * 60_000));
}

/** `07:05` */
export function localTimeOfDay(utcMs: number, zone: string): string {
  return new Intl.DateTimeFormat('en-GB', {
    timeZone: zone,
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  }).format(utcMs);
}

/** `2026-01-15` */
export function localDay(utcMs: number, zone: string): string {
  return new Intl.DateTimeFormat('en-CA', { timeZone: zone, dateStyle: 'short' }).format(utcMs);
}

function minutesOf(time: string): number {
  return Number(time.slice(0, 2)) * 60 + Number(time.slice(3, 5));
}
