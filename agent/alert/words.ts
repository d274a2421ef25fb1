import type { Condition, Words } from './condition.ts';
import { conditions } from './conditions.ts';

export type Lang = keyof Words;

/** Numbers are written as the language writes them. */
export type Values = Readonly<Record<string, string | number>>;

const formats = {
  it: new Intl.NumberFormat('it', { maximumFractionDigits: 1 }),
  en: new Intl.NumberFormat('en', { maximumFractionDigits: 1 }),
};

/** The sentence with its values; a value that is missing shows as a question mark rather than not at all. */
export function fill(words: Words, lang: Lang, values: Values): string {
  return words[lang].replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    const value = values[name];
    return typeof value === 'number' ? formats[lang].format(value) : (value ?? '?');
  });
}

/** For the condition that will not stay. */
export const flappingWords: Words = {
  it: 'va e viene, {times} volte in un’ora; {detail}',
  en: 'comes and goes, {times} times in an hour; {detail}',
};

function lengthText(ms: number): string {
  if (ms === 0) return 'at once';
  if (ms % 3_600_000 === 0) return `${ms / 3_600_000} h`;
  if (ms % 60_000 === 0) return `${ms / 60_000} min`;
  return `${ms / 1000} s`;
}

/** The page of the documentation that is made from what runs. */
export function conditionsPage(): string {
  const all = Object.entries<Condition>(conditions);
  const rows = all.map(([name, condition]) =>
    [
      `\`${name}.${condition.subject}\``,
      condition.severity,
      lengthText(condition.raiseAfterMs),
      lengthText(condition.clearAfterMs),
      condition.explainedBy?.map((other) => `\`${other}\``).join(', ') ?? '',
    ].join(' | '),
  );
  const details = all.map(([name, { name: title, when, reasons, severity }]) =>
    [
      `- \`${name}\`, _${title.it}_: ${when}.`,
      ...Object.entries(reasons).map(([reason, words]) => {
        const grade =
          words.severity === undefined || words.severity === severity ? '' : ` (${words.severity})`;
        return `  - \`${reason}\`${grade}: ${words.it}`;
      }),
    ].join('\n'),
  );
  return [
    '# Every condition a node can raise',
    '',
    'Made from the tables in this folder by `test/unit/alert-table-make.ts`; a test holds it to them.',
    '',
    '| condition and subject | severity | raised after | cleared after | explained by |',
    '| --- | --- | --- | --- | --- |',
    ...rows.map((row) => `| ${row} |`),
    '',
    'What counts as failing, and what staff read for each reason:',
    '',
    ...details,
    '',
  ].join('\n');
}
