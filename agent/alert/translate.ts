import type { Condition, Words } from './condition.ts';
import { type ConditionName, conditions } from './conditions.ts';
import { fill, flappingWords, type Lang, type Values } from './words.ts';

const other = { it: 'en', en: 'it' } as const;
/** Numbers as `fill` writes them. */
const numbers: Record<Lang, RegExp> = {
  it: /^-?(?:\d+|\d{1,3}(?:\.\d{3})+)(?:,\d)?$/,
  en: /^-?(?:\d+|\d{1,3}(?:,\d{3})+)(?:\.\d)?$/,
};

/**
 * A sentence that a condition's table made, in `lang`, whichever of the two languages it came in; undefined for a
 * sentence of another origin, or of a version whose table said it otherwise. `key` is `<condition>.<subject>`.
 */
export function inLanguage(key: string, sentence: string, lang: Lang): string | undefined {
  const name = key.split('.', 1)[0] as string;
  if (!Object.hasOwn(conditions, name)) return undefined;
  const rule: Condition = conditions[name as ConditionName];
  for (const spoken of [lang, other[lang]]) {
    const flapping = valuesOf(flappingWords, spoken, sentence);
    if (flapping === undefined) continue;
    const detail = inLanguage(key, String(flapping['detail']), lang);
    return detail && fill(flappingWords, lang, { ...flapping, detail });
  }
  const all = [...Object.values(rule.reasons), rule.name];
  if (all.some((words) => valuesOf(words, lang, sentence) !== undefined)) return sentence;
  for (const words of all) {
    const values = valuesOf(words, other[lang], sentence);
    if (values !== undefined) return fill(words, lang, values);
  }
  return undefined;
}

const patterns = new Map<string, RegExp>();

/** What stands where a sentence has its `{names}`; undefined where it is not that sentence. */
function valuesOf(words: Words, lang: Lang, sentence: string): Values | undefined {
  const template = words[lang];
  const pattern = patterns.get(template) ?? patternOf(template);
  patterns.set(template, pattern);
  const found = pattern.exec(sentence);
  if (found === null) return undefined;
  return Object.fromEntries(
    Object.entries(found.groups ?? {}).map(([name, text]) => [name, figureOf(text, lang)]),
  );
}

function patternOf(template: string): RegExp {
  const plain = template.replaceAll(/[.*+?^$()|[\]\\]/g, '\\$&');
  return new RegExp(`^${plain.replaceAll(/\{(\w+)\}/g, '(?<$1>.+?)')}$`, 's');
}

function figureOf(text: string, lang: Lang): string | number {
  if (!numbers[lang].test(text)) return text;
  return Number(lang === 'it' ? text.replaceAll('.', '').replace(',', '.') : text.replaceAll(',', ''));
}
