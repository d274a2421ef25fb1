import * as assert from 'uvu/assert';
import { judgeLedger } from '../bench/soak-judge.ts';
import type { LedgerLine } from '../support/agent-child.ts';
import { suite } from '../support/suite.ts';

const test = suite('what a soak makes of a ledger');
const minute = 60_000;
const segment = (start: number, end: number): LedgerLine => ({ kind: 'segment', start, end, bytes: 1000 });
const gap = (start: number, end: number, reason = 'no-connection'): LedgerLine => ({
  kind: 'gap',
  start,
  end,
  reason,
});
const day: LedgerLine[] = [
  gap(0, 1000),
  segment(1000, minute),
  segment(minute, 2 * minute),
  gap(2 * minute, 2 * minute + 21_000),
  segment(2 * minute + 21_000, 3 * minute),
  gap(3 * minute, 3 * minute + 500, 'agent-stopped'),
];
const fault = { camera: 'cam-1', from: 2 * minute + 1000, to: 2 * minute + 20_000 };

test('what the simulator did explains one gap, and the start and the stop are the agent’s own', () => {
  const judged = judgeLedger(day, [fault]);
  assert.equal(
    judged.gaps.map(({ cause, reason }) => [cause, reason]),
    [['simulator', 'no-connection']],
  );
  assert.is(judged.unansweredFaults, 0);
  assert.is(judged.segments, 3);
  assert.is(judged.bytes, 3000);
  assert.is(judged.recordedMs, 3 * minute - 22_000);
});

test('the same gap without a fault, at another time, or much longer is unexplained', () => {
  for (const faults of [
    [],
    [{ ...fault, from: fault.from - minute, to: fault.to - minute }],
    [{ ...fault, from: 2 * minute - 30_000, to: 2 * minute - 10_000 }],
  ])
    assert.equal(
      judgeLedger(day, faults).gaps.map(({ cause }) => cause),
      ['unexplained'],
    );
});

test('what no line covers is a gap that nothing explains, and a fault without a gap is told', () => {
  const holed = [segment(0, minute), segment(minute + 40, 2 * minute)];
  const judged = judgeLedger(holed, [{ camera: 'cam-1', from: minute, to: minute + 1000 }]);
  assert.equal(judged.gaps, [{ from: minute, to: minute + 40, reason: 'no line', cause: 'unexplained' }]);
  assert.is(judged.unansweredFaults, 1);
});

test('a camera that recorded nothing has no footage, and no gap to be explained', () => {
  assert.is(judgeLedger([gap(0, minute)], []).recordedMs, 0);
});
