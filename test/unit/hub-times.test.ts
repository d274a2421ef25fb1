import * as assert from 'uvu/assert';
import { filmTime, localTime, parseTime, roughly } from '../../deploy/hub/cli/times.ts';
import { codeThrown } from '../support/code-thrown.ts';
import { suite } from '../support/suite.ts';

const test = suite('times as people type them');
const rome = (text: string): number => parseTime('from', text, 'Europe/Rome');

test('a time without offset is of the place, summer and winter', () => {
  assert.is(rome('2026-01-15 14:30'), Date.UTC(2026, 0, 15, 13, 30));
  assert.is(rome('2026-07-15T14:30:05'), Date.UTC(2026, 6, 15, 12, 30, 5));
  assert.is(parseTime('from', '2026-07-15 14:30', 'UTC'), Date.UTC(2026, 6, 15, 14, 30));
});

test('an offset or Z is what counts', () => {
  assert.is(rome('2026-07-15T14:30:00Z'), Date.UTC(2026, 6, 15, 14, 30));
  assert.is(rome('2026-07-15T14:30:00.250+02:00'), Date.UTC(2026, 6, 15, 12, 30, 0, 250));
});

test('an hour that the change of the clocks skips or repeats is asked for again', async () => {
  assert.is(await codeThrown(() => rome('2026-03-29 02:30')), 'time');
  assert.is(await codeThrown(() => rome('2026-10-25 02:30')), 'time');
  assert.is(rome('2026-10-25T02:30+02:00'), Date.UTC(2026, 9, 25, 0, 30));
  assert.is(rome('2026-10-25T02:30+01:00'), Date.UTC(2026, 9, 25, 1, 30));
  assert.is(rome('2026-03-29 03:00'), Date.UTC(2026, 2, 29, 1));
  assert.is(rome('2026-10-25 03:00'), Date.UTC(2026, 9, 25, 2));
});

test('what is no time is refused', async () => {
  for (const text of [
    '',
    'now',
    '15/01/2026 14:30',
    '2026-13-01 10:00',
    '2026-01-15',
    '2026-01-15 25:00',
    '1',
  ])
    assert.is(await codeThrown(() => rome(text)), 'time', text);
});

test('times are shown in the zone of the place, with its name', () => {
  assert.match(localTime(Date.UTC(2026, 6, 15, 12), { lang: 'it', zone: 'Europe/Rome' }), /14:00:00 CEST/);
  assert.match(localTime(Date.UTC(2026, 0, 15, 12), { lang: 'en', zone: 'Europe/Rome' }), /13:00:00 CET/);
});

test('durations are short', () => {
  assert.equal(
    [900, 59_000, 3_599_000, 86_000_000, 90_000_000].map((ms) => roughly(ms, 'it')),
    ['1 s', '59 s', '59 min', '23 h', '1 g'],
  );
  assert.is(filmTime(3_725_900), '1:02:05');
});
