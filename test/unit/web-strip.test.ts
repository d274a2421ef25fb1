import * as assert from 'uvu/assert';
import { gapReasons } from '#protocol/gap.ts';
import { causes } from '../../agent/view/causes.ts';
import { html } from '../../agent/view/html.ts';
import { byState, type State, states } from '../../agent/view/states.ts';
import { notchesOf, type Piece, piecesOf, type Rows, sumOf, weekMs } from '../../agent/view/strip.ts';
import { stripSentence, stripSvg } from '../../agent/view/strip-svg.ts';
import { stripCells, stripText } from '../../agent/view/strip-text.ts';
import { elapsed, lasting, midnights, stretch } from '../../agent/view/times.ts';
import { suite } from '../support/suite.ts';

const test = suite('strip');

const hour = 3_600_000;
const minute = 60_000;
const to = Date.UTC(2026, 0, 15, 12);
const window = { from: to - weekMs, to };
const at = (hours: number): number => window.from + hours * hour;
const rome = { lang: 'it', zone: 'Europe/Rome' } as const;

/** As `10-20 recorded`, in hours of the week. */
function said(pieces: readonly Piece[]): string[] {
  return pieces.map(
    ({ from, to, what }) => `${(from - window.from) / hour}-${(to - window.from) / hour} ${what}`,
  );
}

function week(rows: Partial<Rows>): Piece[] {
  return piecesOf(window, { recorded: [], gaps: [], now: 'recorded', ...rows });
}

test('segments, a gap with its reason, and what is being recorded now', () => {
  const pieces = week({
    recorded: [
      { from: at(-10), to: at(20) },
      { from: at(20), to: at(50) },
      { from: at(53), to: at(167.99) },
    ],
    gaps: [{ from: at(50), to: at(53), reason: 'no-data' }],
  });
  assert.equal(said(pieces), ['0-50 recorded', '50-53 no-data', '53-168 recorded']);
});

test('before the first word of a camera there is nothing, and a hole without a gap has no cause', () => {
  const pieces = week({
    recorded: [
      { from: at(30), to: at(40) },
      { from: at(41), to: at(50) },
    ],
    now: 'power-lost',
  });
  assert.equal(said(pieces), [
    '0-30 nothing',
    '30-40 recorded',
    '40-41 unexplained',
    '41-50 recorded',
    '50-168 power-lost',
  ]);
});

test('the seam between two segments is no gap, a gap as short as a seam is one', () => {
  const seam = {
    recorded: [
      { from: at(0), to: at(1) - 40 },
      { from: at(1), to: at(168) },
    ],
  };
  assert.equal(said(week(seam)), ['0-168 recorded']);
  const gaps = [{ from: at(1) - 40, to: at(1), reason: 'stream-error' as const }];
  assert.is(week({ ...seam, gaps }).length, 3);
});

test('where a segment and a gap overlap there is a segment', () => {
  const pieces = week({
    recorded: [{ from: at(0), to: at(60) }],
    gaps: [
      { from: at(50), to: at(70), reason: 'clock-step' },
      { from: at(20), to: at(30), reason: 'no-data' },
    ],
  });
  assert.equal(said(pieces), ['0-60 recorded', '60-70 clock-step', '70-168 recorded']);
});

test('a camera that nobody ever heard of shows nothing at all', () => {
  assert.equal(said(week({})), ['0-168 nothing']);
});

test('what is missing is summed up, and never rounded up to a whole', () => {
  const pieces = week({
    recorded: [
      { from: at(0), to: at(10) },
      { from: at(10) + 2000, to },
    ],
    gaps: [{ from: at(10), to: at(10) + 2000, reason: 'no-data' }],
  });
  assert.equal(sumOf(pieces), { recordedMs: weekMs - 2000, missingMs: 2000, gaps: 1 });
  assert.is(stripSentence(pieces, 'it'), '99,9 % registrato, 1 interruzione, 2 s');
  assert.is(stripSentence(week({}), 'en'), 'nothing recorded');
});

test('gaps closer than a finger are one notch, of the cause that took longest', () => {
  const gap = (from: number, length: number, reason: 'no-data' | 'auth-failed') => ({
    from: at(from),
    to: at(from) + length,
    reason,
  });
  const pieces = week({
    recorded: [{ from: at(0), to: at(1) }],
    gaps: [gap(10, minute, 'auth-failed'), gap(10.02, 4 * minute, 'no-data'), gap(20, minute, 'no-data')],
  });
  const known = pieces.filter(({ what }) => what !== 'unexplained' && what !== 'nothing');
  const notches = notchesOf(known, 5 * minute, 100);
  assert.equal(
    notches.map(({ cause, gaps, missingMs }) => [cause, gaps, missingMs / minute]),
    [
      ['no-data', 2, 5],
      ['no-data', 1, 1],
    ],
  );
});

test('a camera that came and went all week is drawn with a bounded number of notches', () => {
  const gaps = Array.from({ length: 5000 }, (_, i) => ({
    from: window.from + i * 2 * minute,
    to: window.from + i * 2 * minute + minute,
    reason: 'no-connection' as const,
  }));
  const recorded = gaps.map(({ from, to }) => ({ from: to, to: from + 2 * minute }));
  const pieces = week({ recorded, gaps });
  const notches = notchesOf(pieces, minute, 300);
  assert.ok(notches.length <= 300 && notches.length > 0);
  assert.is(
    notches.reduce((sum, notch) => sum + notch.gaps, 0),
    sumOf(pieces).gaps,
  );
  const drawn = stripSvg({
    ...rome,
    window,
    pieces,
    name: 'cam-1',
    heightPx: 8,
    days: false,
    apartMs: minute,
  });
  assert.ok(drawn.text.length < 150_000, `${drawn.text.length} characters`);
});

test('in a terminal a cell that lost a moment is not a full block', () => {
  const pieces = week({
    recorded: [
      { from: at(2), to: at(5) },
      { from: at(5) + 1500, to: at(160) },
    ],
    gaps: [{ from: at(5), to: at(5) + 1500, reason: 'no-data' }],
    now: 'unheard',
  });
  const text = stripText(window, pieces, { colour: false });
  assert.is(text.length, stripCells);
  assert.is(text.slice(0, 4), ' █▆█');
  assert.is(text.slice(-5), '█····');
  assert.match(stripText(window, pieces, { colour: true }), '\u001b[38;2;213;94;0m▆');
});

test('a drawing names its camera, its causes and its lengths, and escapes what it is given', () => {
  const pieces = week({
    recorded: [{ from: at(0), to: at(50) }],
    gaps: [{ from: at(50), to: at(53.5), reason: 'disk-full' }],
  });
  const drawing = { ...rome, window, pieces, name: '<b>"&', heightPx: 40, days: true, apartMs: minute };
  const { text } = stripSvg(drawing);
  assert.match(text, 'aria-label="&lt;b&gt;&quot;&amp;: 97,9 % registrato');
  assert.match(text, 'disco pieno (disk-full): sab 10 gen, 15:00 – 18:30, 3 h 30 min');
  assert.match(text, 'url(#cause-disk)');
  assert.not.match(text, 'class="hold"');
  assert.match(stripSvg({ ...drawing, holds: [{ from: at(1), to: at(2) }] }).text, 'class="hold"');
  assert.match(stripSvg({ ...drawing, print: true }).text, 'url(#cause-disk-print)');
});

test('every reason a ledger may give has words and a family, every state a word, a shape and a colour of its own', () => {
  for (const reason of gapReasons) assert.ok(causes[reason].it && causes[reason].en && causes[reason].family);
  const looks = Object.values(states);
  for (const key of ['it', 'en', 'shape', 'colour'] as const)
    assert.is(new Set(looks.map((look) => look[key])).size, looks.length, key);
  const all: State[] = ['ok', 'unknown', 'failing', 'degraded'];
  assert.equal(all.sort(byState), ['failing', 'degraded', 'unknown', 'ok']);
});

test('days are ticked at the midnights of the place, also across a change of the clocks', () => {
  const spring = Date.UTC(2026, 2, 31, 13);
  const ticks = midnights(spring - weekMs, spring, rome);
  assert.equal(
    ticks.map((utcMs) => new Date(utcMs).toISOString().slice(5, 16)),
    ['03-24T23:00', '03-25T23:00', '03-26T23:00', '03-27T23:00', '03-28T23:00', '03-29T22:00', '03-30T22:00'],
  );
  const autumn = Date.UTC(2026, 9, 25, 20);
  assert.equal(
    midnights(autumn - 2 * 24 * hour, autumn, rome).map((utcMs) =>
      new Date(utcMs).toISOString().slice(5, 16),
    ),
    ['10-23T22:00', '10-24T22:00'],
  );
});

test('lengths and stretches read as people say them', () => {
  assert.equal(
    [500, 59_400, 12 * minute, 3 * hour, 50 * hour].map((ms) => elapsed(ms, 'it')),
    ['1 s', '59 s', '12 min', '3 h', '2 g'],
  );
  assert.equal(
    [300, 40_000, 43 * minute, 72 * minute, 51 * hour, 48 * hour].map((ms) => lasting(ms, 'it')),
    ['1 s', '40 s', '43 min', '1 h 12 min', '2 g 3 h', '2 g'],
  );
  const night = Date.UTC(2026, 0, 14, 22, 50);
  assert.is(stretch(night, night + 5 * minute, rome), 'mer 14 gen, 23:50 – 23:55');
  assert.is(stretch(night, night + 20 * minute, rome), 'mer 14 gen, 23:50 – gio 15 gen, 00:10');
});

test('everything put into a page is escaped unless it is a page already', () => {
  const evil = '<script>alert("x")</script>';
  assert.is(
    html`<p title="${evil}">${[html`<b>${1}</b>`, undefined, false]}</p>`.text,
    '<p title="&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;"><b>1</b></p>',
  );
});
