import { readFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { conditions } from '#agent/alert/conditions.ts';
import { fill } from '#agent/alert/words.ts';
import type { Alarm } from '../../deploy/hub/alarms/alarm.ts';
import { postedAlerts } from '../../deploy/hub/alarms/alertmanager.ts';
import {
  hubConditions,
  hubConditionsPage,
  isForMaintenance,
} from '../../deploy/hub/alarms/hub-conditions.ts';
import { hubSentences, sayOf } from '../../deploy/hub/alarms/hub-sentences.ts';
import type { Notice } from '../../deploy/hub/alarms/life.ts';
import { letterOf } from '../../deploy/hub/alarms/mail.ts';
import { summaryOf } from '../../deploy/hub/alarms/summary.ts';
import { alarmTexts, detailOf, type Form, saidOf, tell } from '../../deploy/hub/alarms/words.ts';
import { townNodes } from '../support/simulated-town.ts';
import { suite } from '../support/suite.ts';

const test = suite('what alarms say');
const now = Date.parse('2026-01-15T12:00:00Z');
const form = (lang: 'it' | 'en'): Form => ({ lang, zone: 'Europe/Rome', places: townNodes() });
const alarm = (more: Partial<Alarm> = {}): Alarm => ({
  node: 'relay-c',
  key: 'node-down',
  severity: 'critical',
  since: now - 60_000,
  detail: 'il nodo non risponde: controllare alimentazione e ponte radio',
  from: 'hub',
  raisedAt: now - 60_000,
  announcedAt: now,
  raises: [now],
  ...more,
});
const notice = (more: Partial<Notice> = {}): Notice => ({
  kind: 'raised',
  at: now,
  alarm: alarm(),
  explains: [],
  flapping: false,
  ...more,
});

test('a relay and what it explains, by their names, in both languages', () => {
  const explains = ['site-02/node-down', 'site-03/node-down', 'site-02/checkpoint-missing'];
  assert.is(
    tell(notice({ explains }), form('it')).subject,
    'Allarme (grave): nodo muto, San Rocco (relay-c)',
  );
  const lines = tell(notice({ explains }), form('it')).text.split('\n');
  assert.equal(lines.slice(2), [
    'Da: 15 gen 2026, 12:59',
    'Causa probabile: manca la corrente, il box è fermo o il collegamento è interrotto',
    'Controllare per primo: l’alimentazione del nodo, poi il ponte radio',
    'Spiega anche: Peio Fonti CRM (site-02); Peio Fonti cassa Park (site-03)',
    'Prendere in carico: peio-hub ack relay-c/node-down',
  ]);
  const english = tell(notice({ explains }), form('en')).text;
  for (const word of ['What: node silent', 'Check first: the mains', 'Explains too: Peio Fonti CRM'])
    assert.ok(english.includes(word), word);
});

test('the page of the hub’s conditions is made from the table', () => {
  const page = readFileSync(new URL('../../deploy/hub/alarms/conditions.md', import.meta.url), 'utf8');
  const plain = (text: string): string => text.replaceAll(/[ -]+/g, ' ');
  assert.is(plain(page), plain(hubConditionsPage()), 'run node test/unit/hub-alarm-table-make.ts');
});

test('what is over says how long it lasted, and nothing to be done', () => {
  const over = alarm({ clearedAt: now + 3 * 3_600_000 + 19 * 60_000 });
  const { subject, text } = tell(
    notice({ kind: 'cleared', alarm: over, at: over.clearedAt ?? 0 }),
    form('it'),
  );
  assert.is(subject, 'Rientrato: nodo muto, San Rocco (relay-c)');
  assert.match(text, /Durata: 3 h 20 min/);
  assert.not.match(text, /Controllare/);
});

test('every condition of nodes and hub has its words; a key that nobody knows is shown as it is', () => {
  for (const lang of ['it', 'en'] as const) {
    for (const key of [...Object.keys(hubConditions), ...Object.keys(conditions)]) {
      const from = key in hubConditions ? 'hub' : 'node';
      const { subject } = tell(notice({ alarm: alarm({ key, from }) }), form(lang));
      if (key.includes('-')) assert.not.ok(subject.includes(`${key},`), `${key} in ${subject}`);
    }
    for (const text of Object.values(alarmTexts[lang].state)) assert.ok(text.length > 0);
  }
  assert.match(tell(notice({ alarm: alarm({ key: 'x.y', from: 'node' }) }), form('it')).subject, /: x, /);
});

test('every letter says a cause and one thing to do first, as a sentence of its language would', () => {
  for (const lang of ['it', 'en'] as const) {
    const rows = (key: string, from: 'node' | 'hub', detail: string): string[] =>
      tell(notice({ alarm: alarm({ key, from, detail }) }), form(lang)).text.split('\n');
    const letters = [
      ...Object.entries(conditions).flatMap(([name, { reasons }]) =>
        Object.values(reasons as Record<string, { it: string; en: string }>).map((words) =>
          rows(`${name}.x`, 'node', fill(words, lang, {})),
        ),
      ),
      ...Object.keys(hubConditions).map((name) => rows(`${name}.x`, 'hub', '')),
    ];
    const { cause, check, act } = alarmTexts[lang];
    for (const lines of letters) {
      assert.is(lines.filter((line) => line.startsWith(`${cause}: `)).length, 1, lines.join('\n'));
      const looks = lines.filter((line) => line.startsWith(`${check}: `));
      const acts = lines.filter((line) => line.startsWith(`${act}: `));
      assert.is(looks.length + acts.length, 1, lines.join('\n'));
      if (lang !== 'it') continue;
      // What is not looked at is done: an infinitive, with or without its pronoun.
      for (const line of acts)
        assert.match(line, /: (?:[a-z]+(?:are|ere|ire)|[a-z]+r(?:la|le|li|lo|ne)) ?/, line);
    }
  }
});

test('what the hub says with names and dates keeps them in both languages, and in letters', () => {
  const values = { day: '2026-04-25', request: '2026-0007', id: 'an-id', at: '2026-04-26T10:00:00.000Z' };
  for (const [name, words] of Object.entries(hubSentences)) {
    const detail = sayOf(name as keyof typeof hubSentences, values);
    const known = Object.entries(values).filter(([slot]) => words.it.includes(`{${slot}}`));
    for (const lang of ['it', 'en'] as const) {
      const said = saidOf({ key: 'case-overdue.x', from: 'hub', detail }, townNodes(), lang);
      assert.equal(said, { text: fill(words, lang, values), lang });
      const { text } = tell(notice({ alarm: alarm({ key: 'case-overdue.x', detail }) }), form(lang));
      for (const [, value] of known) {
        assert.ok(said.text.includes(value), said.text);
        assert.ok(text.includes(value), text);
      }
      assert.is(text.split('\n').length, 6, text);
    }
  }
  const other = { key: 'node-down', from: 'hub', detail: 'il nodo non risponde: controllare' } as const;
  assert.is(
    saidOf(other, townNodes(), 'en').text,
    'node silent: check the mains of the node, then its radio link',
  );
});

test('the other end of a link is named, where hub.yaml names it', () => {
  const said = (detail: string, key = 'link-down.uplink'): string => detailOf({ key, detail }, townNodes());
  assert.is(
    said('nessuna risposta da relay-c: controllare il ponte radio'),
    'nessuna risposta da San Rocco (relay-c): controllare il ponte radio',
  );
  assert.is(
    said('il segnale verso municipio è di −80 dBm'),
    'il segnale verso Municipio Cogolo (municipio) è di −80 dBm',
  );
  assert.is(said('no answer from relay-z: check'), 'no answer from relay-z: check');
  assert.is(said('verso relay-c', 'camera-down.cam-1'), 'verso relay-c');
  assert.ok(said(`verso relay-c ${'x'.repeat(490)}`).length <= 500);
});

test('nothing that a node says breaks a header or a letter', () => {
  const evil = alarm({ from: 'node', key: 'a.b', detail: 'x\r\nBcc: someone@example\r\n\r\n: y'.repeat(5) });
  const { subject } = letterOf([notice({ alarm: { ...evil, node: 'n\r\nBcc: x' } })], form('it'));
  assert.not.match(subject, /[\r\n]/);
  assert.ok(subject.length <= 200);
});

test('what speaks of requests is told to the office and nobody else', () => {
  const overdue = alarm({
    node: 'hub',
    key: 'case-overdue.0190f000',
    detail: 'richiesta 2026-0001',
    from: 'hub',
  });
  assert.is(isForMaintenance(overdue), false);
  assert.is(isForMaintenance(alarm({ key: 'something-new', from: 'hub' })), false);
  assert.equal(postedAlerts([overdue], form('it'), now), []);
  const facts = { alarms: [overdue], notices: [notice({ alarm: overdue })], maintenance: [] };
  const summary = summaryOf(facts, form('it'), now);
  assert.not.match(`${summary.subject}${summary.text}`, /richiesta|case/);
  assert.match(summary.subject, /tutto regolare/);
});

test('the summary: what stands, what came and went, what is put aside', () => {
  const cam = alarm({ node: 'site-01', key: 'camera-down.cam-1', from: 'node', raisedAt: now - 7_200_000 });
  const over = { ...cam, clearedAt: now - 3_600_000 };
  const facts = {
    alarms: [alarm(), alarm({ node: 'site-02', explainedBy: 'relay-c/node-down' })],
    notices: [
      notice({ alarm: cam, at: now - 7_200_000 }),
      notice({ kind: 'cleared' as const, alarm: over, at: now - 3_600_000 }),
      notice({ alarm: cam, at: now - 2 * 86_400_000 }),
    ],
    maintenance: [
      { id: 'x', node: 'site-04', from: now, until: now + 3_600_000, by: 'anna', reason: 'pulizia' },
    ],
  };
  const { subject, text } = summaryOf(facts, form('it'), now);
  assert.is(subject, '[Peio] un allarme attivo, 1 nelle ultime 24 ore');
  assert.match(
    text,
    /Attivi adesso\n {2}San Rocco \(relay-c\): nodo muto, da 1 min; attivo, non preso in carico/,
  );
  assert.match(
    text,
    /Parcheggio scuola zona nord\/est, Polo scolastico \(site-01\/cam-1\): telecamera ferma, durata 1 h/,
  );
  assert.match(text, /Peio Fonti CRM \(site-02\): nodo muto; spiegato da un altro/);
  assert.match(text, /anna: pulizia/);
});
