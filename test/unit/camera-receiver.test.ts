import * as assert from 'uvu/assert';
import { chooseTrack } from '#agent/camera/choose-track.ts';
import { usualBounds } from '#agent/camera/rtsp-ingest.ts';
import { parseSdp } from '#agent/camera/sdp.ts';
import { VideoReceiver } from '#agent/camera/video-receiver.ts';
import type { MonotonicMs } from '#agent/platform/clock.ts';
import { keepingSink, nalsOf } from '../fixtures/camera/keep.ts';
import { rtp, videoSdp } from '../fixtures/camera/scripted-server.ts';
import { readVideoTrack } from '../simulator/mp4.ts';
import { suite } from '../support/suite.ts';

const test = suite('video receiver');
const sets = readVideoTrack(new URL('../fixtures/walkers.mp4', import.meta.url).pathname).parameterSets;
const idr = Buffer.from([0x65, 0x88, 0x84, 1, 2, 3]);
const inter = Buffer.from([0x41, 0x9a, 0x20, 7, 8, 9]);
const fragmentStart = Buffer.from([0x5c, 0x81, 0x9a, 0x20, 7]);
const fragmentEnd = Buffer.from([0x5c, 0x41, 8, 9]);

function receiving() {
  const sink = keepingSink();
  const channels = new Set<number>();
  const track = chooseTrack(parseSdp(Buffer.from(videoSdp)));
  const receiver = new VideoReceiver(track, usualBounds, sink, (channel) => channels.add(channel));
  receiver.listen(0, 1);
  let sequence = 100;
  return {
    receiver,
    channels,
    files: sink.files,
    hear(
      unit: Buffer,
      at: number,
      more: { channel?: number; ssrc?: number; now?: number; payloadType?: number } = {},
    ) {
      const { channel = 0, ssrc = 7, now = at / 90, payloadType = 96 } = more;
      const frame = rtp(sequence, at, unit);
      frame[5] = 0x80 | payloadType;
      frame.writeUInt32BE(ssrc, 12);
      if (channel % 2 === 0 && payloadType === 96) sequence += 1;
      receiver.interleaved(channel, frame, 4, frame.length, now as MonotonicMs);
    },
    keyframe(at: number, more: { ssrc?: number; now?: number; channel?: number } = {}) {
      for (const unit of [...sets, idr]) this.hear(unit, at, more);
    },
  };
}

test('joins no fragment of one source to one of another', () => {
  const rig = receiving();
  rig.keyframe(0);
  rig.hear(fragmentStart, 9000);
  rig.hear(fragmentEnd, 9000, { ssrc: 8, now: 5000 });
  rig.keyframe(18_000, { ssrc: 8, now: 5100 });
  rig.receiver.finish();
  assert.equal(
    rig.files.map((file) => nalsOf(file).length),
    [3, 3],
  );
});

test('hears one of two sources on a channel', () => {
  const rig = receiving();
  rig.keyframe(0);
  rig.hear(inter, 9000);
  rig.hear(inter, 77_777, { ssrc: 8, now: 150 });
  rig.keyframe(18_000);
  assert.is(rig.receiver.source.foreign, 1);
  assert.is(rig.files[0]!.fragments[0]!.samples, 2);
});

test('takes the channel that our video comes on, and no other after it', () => {
  const rig = receiving();
  rig.hear(inter, 0, { channel: 6, payloadType: 8 });
  assert.equal([...rig.channels], [0, 1]);
  rig.keyframe(0, { channel: 6 });
  assert.ok(rig.channels.has(6));
  const { packets } = rig.receiver.source;
  assert.is(packets, 3);
  rig.hear(inter, 9000, { channel: 0 });
  assert.is(rig.receiver.source.packets, packets);
});

test('counts what is no RTP and what is of another payload type, and does not take it for media', () => {
  const rig = receiving();
  rig.keyframe(0, { now: 50 });
  rig.hear(inter, 9000, { payloadType: 97, now: 100 });
  rig.receiver.interleaved(0, Buffer.alloc(40), 0, 40, 200 as MonotonicMs);
  assert.is(rig.receiver.strange, 2);
  assert.is(rig.receiver.heardAt, 50);
  assert.is(rig.receiver.source.packets, 3);
});

test('has nothing to report before anything came', () => {
  const rig = receiving();
  assert.is(rig.receiver.receiverReport(1, 0 as MonotonicMs), undefined);
  rig.keyframe(0);
  assert.is(rig.receiver.receiverReport(1, 0 as MonotonicMs)?.readUInt32BE(12), 7);
});
