import * as assert from 'uvu/assert';
import { recorderRig } from '../support/recorder-rig.ts';
import type { Step } from '../support/scripted-ingest.ts';
import { suite } from '../support/suite.ts';

const test = suite('recorder and odd streams', { timeoutMs: 180_000 });

test('a change of track is a new file and a new run', async () => {
  const rig = await recorderRig([
    () => [
      [
        { do: 'send', count: 3, gopMs: 1000 },
        { do: 'track', width: 1280 },
        { do: 'send', count: 3, gopMs: 1000 },
      ],
    ],
  ]);
  await rig.pass(7000);
  assert.is(rig.recorder.status().track?.width, 1280);
  await rig.stop();
  assert.is(rig.segments.length, 2);
  assert.is.not(rig.segments[0]!.run, rig.segments[1]!.run);
  assert.is(rig.segments[0]!.end, rig.segments[1]!.start);
  assert.equal(rig.gaps, []);
});

test('nothing is begun without a keyframe', async () => {
  const rig = await recorderRig([
    () => [
      [
        { do: 'send', count: 5, gopMs: 1000, keyframe: false },
        { do: 'send', count: 5, gopMs: 1000 },
      ],
    ],
  ]);
  await rig.pass(5500);
  assert.is(rig.recorder.status().state, 'connecting');
  assert.is(rig.recorder.status().droppedFragments, 5);
  await rig.pass(5000);
  assert.is(rig.recorder.status().state, 'recording');
  await rig.stop();
  assert.is(rig.gaps.length, 1);
  assert.is(rig.gaps[0]!.end, rig.segments[0]!.start);
});

test('a GOP that was split stays in one file, a long one makes a long segment', async () => {
  const rig = await recorderRig([
    () => [
      [
        { do: 'send', count: 1, gopMs: 8000 },
        { do: 'send', count: 3, gopMs: 8000, keyframe: false },
        { do: 'send', count: 2, gopMs: 8000 },
      ],
    ],
  ]);
  await rig.pass(10_000);
  let cut = false;
  void rig.recorder.cutNow().then(() => {
    cut = true;
  });
  await rig.pass(23_000);
  assert.not.ok(cut, 'in the middle of a GOP nothing is cut');
  await rig.pass(16_000);
  assert.ok(cut);
  await rig.stop();
  assert.is(rig.segments[0]!.durationMs, 32_000);
  assert.is(rig.segments[1]!.start, rig.segments[0]!.end);
  assert.is(rig.recorder.status().droppedFragments, 0);
});

test('cutNow is done at once when nothing is open, and when the camera dies meanwhile', async () => {
  const rig = await recorderRig([
    () => [
      [{ do: 'fail', code: 'no-connection' }],
      [
        { do: 'send', count: 3, gopMs: 1000 },
        { do: 'wait', ms: 5000 },
        { do: 'fail', code: 'no-data' },
      ],
    ],
  ]);
  await rig.recorder.cutNow();
  assert.equal(rig.segments, []);
  await rig.pass(4000);
  assert.is(rig.recorder.status().state, 'recording');
  let cut = false;
  void rig.recorder.cutNow().then(() => {
    cut = true;
  });
  await rig.pass(1000);
  assert.not.ok(cut);
  await rig.pass(6000);
  assert.ok(cut);
  assert.is(rig.segments.length, 1);
  await rig.stop();
  assert.is(rig.clock.pending(), 0);
});

test('a camera that sends nothing more does not hold a cut longer than its deadline', async () => {
  const rig = await recorderRig([
    () => [
      [
        { do: 'send', count: 3, gopMs: 1000 },
        { do: 'wait', ms: 600_000 },
      ],
    ],
  ]);
  await rig.pass(4000);
  let cut = false;
  void rig.recorder.cutNow().then(() => {
    cut = true;
  });
  await rig.pass(29_000);
  assert.not.ok(cut);
  await rig.pass(2000);
  assert.ok(cut);
  assert.is(rig.segments[0]!.durationMs, 3000);
  await rig.stop();
});

test('a cut asked for in a GOP of forty seconds waits for its end and loses nothing', async () => {
  const gop: Step[] = [
    { do: 'send', count: 1, gopMs: 5000 },
    { do: 'send', count: 7, gopMs: 5000, keyframe: false },
  ];
  const rig = await recorderRig([() => [[...gop, ...gop, ...gop]]]);
  // The first fragment is there, and nothing tells yet that it is not all of its GOP.
  await rig.pass(5500);
  let cut = false;
  void rig.recorder.cutNow().then(() => {
    cut = true;
  });
  await rig.pass(38_000);
  assert.not.ok(cut);
  await rig.pass(3000);
  assert.ok(cut);
  await rig.pass(40_000);
  await rig.stop();
  assert.equal(rig.gaps, []);
  assert.is(rig.recorder.status().droppedFragments, 0);
  assert.is(rig.segments[0]!.durationMs, 40_000);
  assert.is(rig.segments[1]!.start, rig.segments[0]!.end);
});

test('a code that is no reason of a gap becomes one, a wrong password stays what it is', async () => {
  const rig = await recorderRig([
    () => [
      [
        { do: 'send', count: 2, gopMs: 1000 },
        { do: 'fail', code: 'something-new' },
      ],
      [
        { do: 'send', count: 2, gopMs: 1000 },
        { do: 'fail', code: 'auth-failed' },
      ],
    ],
    () => [[{ do: 'send', count: 100, gopMs: 1000 }]],
  ]);
  await rig.pass(2500);
  assert.is(rig.recorder.status().reason, 'stream-error');
  await rig.pass(5000);
  assert.is(rig.recorder.status().reason, 'auth-failed');
  const [, other] = rig.cameras;
  assert.is(other!.recorder.status().state, 'recording');
  assert.equal(
    other!.gaps.map(({ reason }) => reason),
    [],
  );
  await rig.stop();
});
