import type { Lang } from './states.ts';

/** Numbers as the language writes them, with their units. */

const formats = new Map<string, Intl.NumberFormat>();

/** At most `digits` decimals. */
export function number(value: number, lang: Lang, digits = 1): string {
  const key = `${lang} ${digits}`;
  const known = formats.get(key) ?? new Intl.NumberFormat(lang, { maximumFractionDigits: digits });
  formats.set(key, known);
  return known.format(value);
}

/** `3,8 Mbit/s` */
export function bitRate(bitsPerSecond: number, lang: Lang): string {
  if (bitsPerSecond < 1e6) return `${number(bitsPerSecond / 1e3, lang, 0)} kbit/s`;
  return `${number(bitsPerSecond / 1e6, lang)} Mbit/s`;
}

/** `412 GB`, `1,8 TB` */
export function byteSize(bytes: number, lang: Lang): string {
  const [unit, size] = bytes >= 1e12 ? ['TB', 1e12] : bytes >= 1e9 ? ['GB', 1e9] : ['MB', 1e6];
  const value = bytes / (size as number);
  return `${number(value, lang, value < 10 ? 1 : 0)} ${unit}`;
}
