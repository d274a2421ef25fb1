import * as assert from 'uvu/assert';
import { contentOf } from '#agent/extract/manifest.ts';
import type { ExtractCommand } from '#protocol/command.ts';
import { fakeFootage } from '../support/fake-footage.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const test = suite('extract manifest');
const t0 = Date.UTC(2026, 0, 15, 10);
const at = (seconds: number): number => t0 + seconds * 1000;
const window = (from: number, to: number) =>
  ({ camera: 'cam-1', from: at(from), to: at(to) }) as unknown as ExtractCommand;
const seconds = (list: readonly { start: number; end: number; reason?: string }[]) =>
  list.map(({ start, end, reason }) => [(start - t0) / 1000, (end - t0) / 1000, ...(reason ? [reason] : [])]);

test('whole segments that overlap, none that only touch', () => {
  using folder = temporaryFolder();
  const footage = fakeFootage(folder.path);
  for (const start of [0, 60, 120, 180]) footage.add(at(start), at(start + 60));
  assert.equal(seconds(contentOf(footage, window(60, 121)).segments), [
    [60, 120],
    [120, 180],
  ]);
  assert.equal(contentOf(footage, window(60, 121)).gaps, []);
});

test('what is missing of the window has the recorded reasons, clipped to it', () => {
  using folder = temporaryFolder();
  const footage = fakeFootage(folder.path);
  footage.add(at(0), at(60));
  footage.gaps.push(
    { start: at(60), end: at(80), reason: 'no-connection' },
    { start: at(80), end: at(100), reason: 'agent-stopped' },
  );
  footage.add(at(100), at(160));
  assert.equal(seconds(contentOf(footage, window(50, 110)).gaps), [
    [60, 80, 'no-connection'],
    [80, 100, 'agent-stopped'],
  ]);
  assert.equal(seconds(contentOf(footage, window(70, 90)).gaps), [
    [70, 80, 'no-connection'],
    [80, 90, 'agent-stopped'],
  ]);
  assert.equal(contentOf(footage, window(70, 90)).segments, []);
});

test('what nobody explains is listed all the same, an unfinished silence with its reason', () => {
  using folder = temporaryFolder();
  const footage = fakeFootage(folder.path);
  footage.add(at(10), at(20));
  footage.add(at(30), at(40));
  footage.silent = 'auth-failed';
  assert.equal(seconds(contentOf(footage, window(0, 60)).gaps), [
    [0, 10, 'no-data'],
    [20, 30, 'no-data'],
    [40, 60, 'auth-failed'],
  ]);
});

test('segments that overlap each other leave no gap and no negative one', () => {
  using folder = temporaryFolder();
  const footage = fakeFootage(folder.path);
  footage.add(at(0), at(40));
  footage.add(at(30), at(35));
  footage.add(at(38), at(60));
  assert.equal(contentOf(footage, window(0, 60)).gaps, []);
});
