import type { Lang } from './states.ts';

/** How instants are shown: a language, and the IANA time zone of the place. */
export interface Form {
  lang: Lang;
  zone: string;
}

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

/** `12 s`, `12 min`, `3 h`, `2 g`: how long something lasts already; the largest unit that says enough. */
export function elapsed(ms: number, lang: Lang): string {
  const length = Math.max(0, ms);
  if (length < 2 * minute) return `${Math.round(length / second)} s`;
  if (length < 2 * hour) return `${Math.floor(length / minute)} min`;
  if (length < 2 * day) return `${Math.floor(length / hour)} h`;
  return `${Math.floor(length / day)} ${lang === 'it' ? 'g' : 'd'}`;
}

/** `da 12 min`, `for 12 min`. */
export function since(ms: number, lang: Lang): string {
  return `${lang === 'it' ? 'da' : 'for'} ${elapsed(ms, lang)}`;
}

/** `40 s`, `43 min`, `1 h 12 min`, `2 g 3 h`: how long something lasted, to two units. */
export function lasting(ms: number, lang: Lang): string {
  if (ms < minute) return `${Math.max(ms < second && ms > 0 ? 1 : 0, Math.round(ms / second))} s`;
  const minutes = Math.round(ms / minute);
  const two = (large: number, unit: string, small: number, part: string): string =>
    small === 0 ? `${large} ${unit}` : `${large} ${unit} ${small} ${part}`;
  if (minutes < 60) return `${minutes} min`;
  if (minutes < 24 * 60) return two(Math.floor(minutes / 60), 'h', minutes % 60, 'min');
  const hours = Math.round(ms / hour);
  return two(Math.floor(hours / 24), lang === 'it' ? 'g' : 'd', hours % 24, 'h');
}

const formats = new Map<string, Intl.DateTimeFormat>();

function format(
  kind: string,
  { lang, zone }: Form,
  options: Intl.DateTimeFormatOptions,
): Intl.DateTimeFormat {
  const key = `${kind} ${lang} ${zone}`;
  const known = formats.get(key);
  if (known) return known;
  const made = new Intl.DateTimeFormat(lang === 'it' ? 'it-IT' : 'en-GB', { timeZone: zone, ...options });
  formats.set(key, made);
  return made;
}

/** `mer 14 gen, 03:12` */
export function moment(utcMs: number, form: Form): string {
  const options = {
    weekday: 'short',
    day: 'numeric',
    month: 'short',
    hour: '2-digit',
    minute: '2-digit',
  } as const;
  return format('moment', form, options).format(utcMs);
}

/** `14 gennaio 2026 alle ore 03:12:45 CET` */
export function exactly(utcMs: number, form: Form): string {
  return format('exactly', form, { dateStyle: 'long', timeStyle: 'long' }).format(utcMs);
}

/** `03:12` */
export function clockTime(utcMs: number, form: Form): string {
  return format('clock', form, { hour: '2-digit', minute: '2-digit' }).format(utcMs);
}

/** `mer 14` */
export function weekday(utcMs: number, form: Form): string {
  return format('weekday', form, { weekday: 'short', day: 'numeric' }).format(utcMs);
}

/** `mer 14 gen, 03:12 – 03:55`, and both days where it crosses midnight. */
export function stretch(from: number, to: number, form: Form): string {
  const same = weekday(from, form) === weekday(to, form) && to - from < day;
  return `${moment(from, form)} – ${same ? clockTime(to, form) : moment(to, form)}`;
}

let latestMidnights: { of: string; found: number[] } | undefined;

/** The midnights within `[from, to)` by the clock of the place; 23 to 25 h apart. */
export function midnights(from: number, to: number, form: Form): number[] {
  // Every strip of a page asks for those of the same week.
  const of = `${from} ${to} ${form.lang} ${form.zone}`;
  if (latestMidnights?.of === of) return latestMidnights.found;
  const found: number[] = [];
  for (let at = midnightBefore(from, form); at < to; at = midnightBefore(at + 30 * hour, form))
    if (at >= from) found.push(at);
  latestMidnights = { of, found };
  return found;
}

function midnightBefore(utcMs: number, form: Form): number {
  const at = utcMs - sinceMidnightMs(utcMs, form);
  // The clocks changed since midnight: this is an hour beside it.
  const beside = sinceMidnightMs(at, form);
  return at + (beside > day / 2 ? day - beside : -beside);
}

function sinceMidnightMs(utcMs: number, form: Form): number {
  const options = { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' } as const;
  const read = (type: string): number => Number(parts.find((part) => part.type === type)?.value);
  const parts = format('wall', form, options).formatToParts(utcMs);
  return ((read('hour') * 60 + read('minute')) * 60 + read('second')) * second + (utcMs % second);
}
