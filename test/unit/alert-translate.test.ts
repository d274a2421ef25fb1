import * as assert from 'uvu/assert';
import type { Condition } from '#agent/alert/condition.ts';
import { conditions } from '#agent/alert/conditions.ts';
import { inLanguage } from '#agent/alert/translate.ts';
import { fill, flappingWords } from '#agent/alert/words.ts';
import { suite } from '../support/suite.ts';

const test = suite('sentences of the tables, in the other language');

const values: readonly (string | number)[] = [
  0,
  7,
  -75.5,
  1234.5,
  4_000_000,
  'relay-c',
  '2560×1440',
  '2026-12-01',
];

test('every sentence of every condition, with every kind of value, flapping or not', () => {
  for (const [name, rule] of Object.entries<Condition>(conditions))
    for (const words of [...Object.values(rule.reasons), rule.name])
      for (const value of values) {
        const named = [...words.it.matchAll(/\{(\w+)\}/g)].map(([, at]) => [at, value]);
        const [it, en] = (['it', 'en'] as const).map((lang) => fill(words, lang, Object.fromEntries(named)));
        const key = `${name}.cam-1`;
        assert.is(inLanguage(key, it as string, 'en'), en);
        assert.is(inLanguage(key, en as string, 'it'), it);
        assert.is(inLanguage(key, it as string, 'it'), it);
        const [comes, goes] = (['it', 'en'] as const).map((lang) =>
          fill(flappingWords, lang, { times: 5, detail: (lang === 'it' ? it : en) as string }),
        );
        assert.is(inLanguage(key, comes as string, 'en'), goes);
        assert.is(inLanguage(key, goes as string, 'it'), comes);
        if (named.length === 0) break;
      }
});

test('what no table made is not guessed at', () => {
  for (const [key, sentence] of [
    ['camera-down.cam-1', 'la telecamera è partita'],
    ['camera-down.cam-1', ''],
    ['case-review.1', 'fascicolo 1'],
    ['constructor.x', 'fascicolo 1'],
    ['toString', ''],
    // Of another condition.
    ['link-down.uplink', "l'immagine è bloccata: riavviare la telecamera"],
  ] as const)
    assert.is(inLanguage(key, sentence, 'en'), undefined, key);
});
