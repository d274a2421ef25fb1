import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { gapReasons } from '#protocol/gap.ts';
import { piecesOf, type Rows } from '../../agent/view/strip.ts';
import { suite } from '../support/suite.ts';

const test = suite('strip, whatever a ledger holds');

/** Ten seconds a step, so that no hole is a seam. */
const step = 10_000;
const window = { from: 0, to: 60 * step };

const interval = fc
  .tuple(fc.integer({ min: -20, max: 70 }), fc.integer({ min: 1, max: 30 }))
  .map(([from, length]) => ({ from: from * step, to: (from + length) * step }));
const rows: fc.Arbitrary<Rows> = fc.record({
  recorded: fc.array(interval, { maxLength: 12 }),
  gaps: fc.array(
    fc.tuple(interval, fc.constantFrom(...gapReasons)).map(([at, reason]) => ({ ...at, reason })),
    { maxLength: 12 },
  ),
  now: fc.constantFrom('recorded', 'no-data', 'unheard'),
});

test('pieces cover the window once, without a hole, and neighbours differ', () => {
  fc.assert(
    fc.property(rows, (known) => {
      const pieces = piecesOf(window, known);
      assert.is(pieces[0]?.from, window.from);
      assert.is(pieces.at(-1)?.to, window.to);
      for (const [i, piece] of pieces.entries()) {
        assert.ok(piece.from < piece.to);
        const next = pieces[i + 1];
        if (next === undefined) continue;
        assert.is(piece.to, next.from);
        assert.is.not(piece.what, next.what);
      }
    }),
  );
});

test('at every moment the strip says what a plain look at the rows says', () => {
  fc.assert(
    fc.property(rows, (known) => {
      const pieces = piecesOf(window, known);
      const has = (list: Rows['recorded'], moment: number) =>
        list.some(({ from, to }) => from <= moment && moment < to);
      const all = [...known.recorded, ...known.gaps];
      const first = Math.min(...all.map(({ from }) => from));
      const seen = all.filter(({ from }) => from < window.to);
      const ends = seen.map(({ to }) => Math.min(to, window.to));
      const end = Math.max(window.from, ...ends);
      for (let moment = window.from + step / 2; moment < window.to; moment += step) {
        const what = pieces.find(({ from, to }) => from <= moment && moment < to)?.what;
        if (has(known.recorded, moment)) assert.is(what, 'recorded');
        else if (has(known.gaps, moment))
          assert.ok(
            known.gaps.some(({ from, to, reason }) => from <= moment && moment < to && reason === what),
            `${what} at ${moment / step}`,
          );
        else if (moment < first) assert.is(what, 'nothing');
        else assert.is(what, moment < end ? 'unexplained' : known.now);
      }
    }),
    { numRuns: 500 },
  );
});
