import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { ledgerText, parseLedgerLine } from '#agent/store/ledger-line.ts';
import { emptyIndex } from '#agent/store/segment-index.ts';
import type { SegmentRow } from '#agent/store/store.ts';
import { clockState } from '#protocol/clock-state.ts';
import { segmentName } from '#protocol/segment-name.ts';
import { suite } from '../support/suite.ts';

const test = suite('store index and ledger lines', { timeoutMs: 60_000 });

const t0 = Date.UTC(2026, 1, 27, 23, 58);
const rows: fc.Arbitrary<SegmentRow> = fc
  .record({
    // Few starts, so that rows collide and are corrected onto each other.
    named: fc.integer({ min: 0, max: 40 }).map((n) => t0 + n * 30_000),
    shift: fc.oneof(
      { weight: 4, arbitrary: fc.constant(0) },
      { weight: 1, arbitrary: fc.integer({ min: -500_000, max: 500_000 }) },
    ),
    durationMs: fc.integer({ min: 1, max: 90_000 }),
    bytes: fc.integer({ min: 1, max: 2 ** 40 }),
    sha256: fc
      .uint8Array({ minLength: 32, maxLength: 32 })
      .map((bytes) => Buffer.from(bytes).toString('hex')),
    clock: fc.constantFrom(...clockState.options),
    run: fc.integer({ min: 0, max: 10 }).map((n) => t0 - n),
    torn: fc.boolean(),
  })
  .map(({ named, shift, durationMs, torn, ...rest }) => ({
    start: named + shift,
    end: named + shift + durationMs,
    durationMs,
    file: segmentName({ state: 'sealed', start: named, durationMs, torn }),
    torn,
    ...rest,
  }));

type Change = { add: SegmentRow } | { remove: number[] };
const changes: fc.Arbitrary<Change> = fc.oneof(
  { weight: 5, arbitrary: rows.map((add) => ({ add })) },
  { weight: 1, arbitrary: fc.array(fc.nat(300), { maxLength: 20 }).map((remove) => ({ remove })) },
);

const byStart = (a: SegmentRow, b: SegmentRow): number => a.start - b.start || (a.file < b.file ? -1 : 1);

test('the index answers as a plain list of rows does', () => {
  fc.assert(
    fc.property(
      fc.array(changes, { maxLength: 400 }),
      fc.nat(2_000_000),
      fc.nat(500_000),
      fc.nat(100),
      (script, at, length, expected) => {
        const index = emptyIndex(expected);
        let model: SegmentRow[] = [];
        for (const change of script) {
          if ('add' in change) {
            model = [...model.filter(({ file }) => file !== change.add.file), change.add];
            index.add(change.add);
          } else {
            const gone = change.remove.flatMap((i) => model.slice(i, i + 1));
            model = model.filter((row) => !gone.includes(row));
            index.remove(gone);
          }
        }
        model.sort(byStart);
        assert.is(index.count, model.length);
        assert.is(
          index.bytes,
          model.reduce((sum, row) => sum + row.bytes, 0),
        );
        assert.is(
          index.durationMs,
          model.reduce((sum, row) => sum + row.durationMs, 0),
        );
        assert.equal(index.select(() => true).sort(byStart), model);
        const [from, to] = [t0 - 500_000 + at, t0 - 500_000 + at + length];
        assert.equal(
          index.overlapping(from, to).sort(byStart),
          model.filter(({ start, end }) => start < to && end > from),
        );
        const stretches = index.stretches(from, to);
        const within = model.filter(({ start, end }) => start < to && end > from);
        for (const { start, end } of within)
          assert.ok(
            stretches.some((stretch) => stretch.from <= start && end <= stretch.to),
            'a row is missing',
          );
        // Every second of a stretch is in a row, or in the seam between two rows of a run.
        for (const stretch of stretches)
          for (let moment = stretch.from; moment < stretch.to; moment += 500)
            assert.ok(
              within.some(({ start, end }) => start - 1000 <= moment && moment < end + 1000),
              'more than rows',
            );
        assert.equal(
          stretches.map((stretch) => stretch.from),
          stretches.map((stretch) => stretch.from).sort((a, b) => a - b),
        );
        for (const row of model) assert.ok(index.hasStart(row.start));
        assert.is(index.at(0)?.start, model[0]?.start);
        assert.is(index.at(index.count - 1)?.start, model.at(-1)?.start);
      },
    ),
    { numRuns: 300 },
  );
});

test('a row is read as it was written', () => {
  fc.assert(
    fc.property(rows, (row) => {
      const text = ledgerText({ kind: 'segment', ...row });
      assert.ok(text.endsWith('\n'));
      assert.equal(parseLedgerLine(text.slice(0, -1)), { kind: 'segment', ...row });
    }),
    { numRuns: 500 },
  );
});

test('a changed character is no line, or says honestly something else', () => {
  fc.assert(
    fc.property(rows, fc.nat(400), fc.integer({ min: 32, max: 126 }), (row, where, code) => {
      const text = ledgerText({ kind: 'segment', ...row }).slice(0, -1);
      const at = where % text.length;
      const changed = text.slice(0, at) + String.fromCharCode(code) + text.slice(at + 1);
      const line = parseLedgerLine(changed);
      if (line === undefined || line.kind !== 'segment') return;
      // Whatever is believed is consistent in itself, and written back as it was read.
      assert.is(line.end - line.start, line.durationMs);
      assert.equal(JSON.parse(ledgerText(line)), JSON.parse(changed));
    }),
    { numRuns: 2000 },
  );
});

test('a moment that does not exist is no line', () => {
  const row = {
    end: t0,
    durationMs: 1,
    bytes: 1,
    sha256: 'ab'.repeat(32),
    clock: 'synced',
    run: t0,
    torn: false,
  };
  const text = ledgerText({ kind: 'segment', ...row, start: t0 - 1, file: 'x' } as never).slice(0, -1);
  for (const [start, end, stamp] of [
    ['2026-02-30T00:00:00.000Z', '2026-02-30T00:00:00.001Z', '20260230T000000000Z'],
    ['2026-02-27T24:00:00.000Z', '2026-02-28T00:00:00.001Z', '20260227T240000000Z'],
    ['2026-13-01T00:00:00.000Z', '2026-13-01T00:00:00.001Z', '20261301T000000000Z'],
  ]) {
    const line = { ...JSON.parse(text), start, end, file: `${stamp}-1.mp4.age` };
    assert.is(parseLedgerLine(JSON.stringify(line)), undefined, start);
  }
});
