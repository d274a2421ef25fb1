// Whatever a camera sends: no crash but a named failure, no hang, no growth, and every fragment that leaves is whole.
// PEIO_FUZZ_PACKETS sets how many mutated packets are tried (default 100,000; a million takes some minutes).
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { chooseTrack } from '#agent/camera/choose-track.ts';
import type { FragmentSink } from '#agent/camera/ingest.ts';
import { usualBounds } from '#agent/camera/rtsp-ingest.ts';
import { parseHead } from '#agent/camera/rtsp-message.ts';
import { baseUrl, controlUrls, parseRtspUrl } from '#agent/camera/rtsp-url.ts';
import { RtspWire } from '#agent/camera/rtsp-wire.ts';
import { parseSdp } from '#agent/camera/sdp.ts';
import { VideoReceiver } from '#agent/camera/video-receiver.ts';
import { parseChallenges } from '#agent/platform/authenticator.ts';
import type { MonotonicMs } from '#agent/platform/clock.ts';
import { Failure } from '#protocol/failure.ts';
import { readFragment } from '../fixtures/camera/keep.ts';
import { loadClip } from '../simulator/clip.ts';
import { packetise, stamp } from '../simulator/packetise.ts';
import { eventually } from '../support/eventually.ts';
import { suite } from '../support/suite.ts';

const packetsWanted = Number(process.env['PEIO_FUZZ_PACKETS'] ?? 100_000);
const test = suite('ingest under mutation', { timeoutMs: 120_000 + packetsWanted });

interface Session {
  name: string;
  sdp: string;
  /** Interleaved packets of the clip, one after another; reports and goodbyes in between. */
  packets: Buffer[];
  pictures: number;
}

const source = 0x1234;

/** An empty report and a goodbye of the source that sends on all the same, or its sender report (RFC 3550 §6). */
function controlPacket(goodbye: boolean): Buffer {
  const body = goodbye
    ? [0x80, 201, 0, 1, 0, 0, 0x12, 0x34, 0x81, 203, 0, 1, 0, 0, 0x12, 0x34]
    : [0x80, 200, 0, 6, 0, 0, 0x12, 0x34, ...Array.from({ length: 20 }, (_, i) => i * 11)];
  return Buffer.from([0x24, 1, 0, body.length, ...body]);
}

function session(file: string, encoding: string, aggregate: boolean, neverIdr = false): Session {
  const path = new URL(`../fixtures/${file}`, import.meta.url).pathname;
  const clip = loadClip(path, { inBand: true, neverIdr });
  const packets: Buffer[] = [];
  let sequence = 0;
  for (const [n, frame] of packetise(clip, { aggregate }).entries()) {
    const bytes = stamp(frame, sequence, frame.timestamp, source);
    sequence += frame.starts.length;
    frame.starts.forEach((start, i) => {
      packets.push(bytes.subarray(start, frame.starts[i + 1]));
    });
    if (n % 8 === 7) packets.push(controlPacket(n % 16 === 15));
  }
  return {
    name: `${file}${aggregate ? ' aggregated' : ''}`,
    pictures: clip.frames.length,
    sdp: `m=video 0 RTP/AVP 96\r\na=rtpmap:96 ${encoding}/90000\r\n`,
    packets,
  };
}

const sessions = [
  session('walkers-bframes.mp4', 'H264', false),
  session('walkers-bframes.mp4', 'H264', true),
  session('walkers-intra-refresh.mp4', 'H264', false, true),
  session('walkers-h265.mp4', 'H265', false),
  session('walkers-h265.mp4', 'H265', true),
];

/** Believes nothing that leaves. */
function strictSink(): FragmentSink {
  let nextDecode = -1;
  let sequence = 0;
  return {
    track(track) {
      assert.ok(track.width > 0 && track.height > 0 && track.initSegment.length < 2_000_000);
      nextDecode = 0;
      sequence = 0;
    },
    fragment(fragment) {
      assert.ok(nextDecode >= 0, 'a fragment before its track');
      const read = readFragment(fragment.bytes);
      assert.is(read.sequence, ++sequence);
      assert.is(read.read.length, fragment.samples);
      assert.is(read.read[0]!.sync, fragment.keyframe);
      assert.is(read.read[0]!.decodeTime, fragment.decodeTime);
      if (sequence === 1)
        assert.ok(fragment.keyframe && fragment.decodeTime === 0, 'a file begins with a keyframe, at zero');
      assert.ok(fragment.decodeTime >= nextDecode);
      assert.ok(fragment.durationTicks > 0 && fragment.endedAt >= fragment.arrivedAt);
      assert.ok(read.read.every(({ nals, duration }) => nals.length > 0 && duration > 0));
      nextDecode = fragment.decodeTime + fragment.durationTicks;
    },
  };
}

interface Fed {
  feed(bytes: Buffer, now: number): void;
  end(): void;
  samples(): number;
}

function open({ sdp }: Session): Fed {
  const track = chooseTrack(parseSdp(Buffer.from(sdp)));
  let now = 0 as MonotonicMs;
  const wire: RtspWire = new RtspWire({
    packet: (channel, bytes, start, end) => receiver.interleaved(channel, bytes, start, end, now),
    message: () => {},
  });
  const receiver = new VideoReceiver(track, usualBounds, strictSink(), (channel) => wire.expect(channel));
  receiver.listen(0, 1);
  const shared = Buffer.alloc(65_536);
  return {
    feed(bytes, at) {
      now = at as MonotonicMs;
      for (let done = 0; done < bytes.length; done += shared.length)
        wire.push(shared, bytes.copy(shared, 0, done, done + shared.length));
    },
    end: () => receiver.finish(),
    samples: () => receiver.samples,
  };
}

type Mutation =
  | { do: 'flip'; packet: number; at: number; bits: number }
  | { do: 'cut'; packet: number; at: number }
  | { do: 'drop' | 'twice' | 'swap'; packet: number }
  | { do: 'noise'; packet: number; bytes: Uint8Array }
  | { do: 'payload'; packet: number; at: number; bytes: Uint8Array };

const index = fc.nat(10_000);
const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.record({
    do: fc.constant('flip' as const),
    packet: index,
    at: fc.oneof(fc.nat(24), fc.nat(1500)),
    bits: fc.integer({ min: 1, max: 255 }),
  }),
  fc.record({ do: fc.constant('cut' as const), packet: index, at: fc.nat(1500) }),
  fc.record({ do: fc.constantFrom('drop' as const, 'twice' as const, 'swap' as const), packet: index }),
  fc.record({ do: fc.constant('noise' as const), packet: index, bytes: fc.uint8Array({ maxLength: 200 }) }),
  fc.record({
    do: fc.constant('payload' as const),
    packet: index,
    at: fc.oneof(fc.nat(24), fc.nat(1500)),
    bytes: fc.uint8Array({ minLength: 1, maxLength: 40 }),
  }),
);

function mutated(packets: readonly Buffer[], mutations: readonly Mutation[]): Buffer {
  const list = [...packets];
  for (const one of mutations) {
    const i = one.packet % list.length;
    const packet = Buffer.from(list[i]!);
    list[i] = packet;
    const at = 'at' in one ? one.at % Math.max(1, packet.length) : 0;
    if (one.do === 'flip' && packet.length > 0) packet[at]! ^= one.bits;
    else if (one.do === 'cut') list[i] = packet.subarray(0, at);
    else if (one.do === 'drop') list[i] = Buffer.alloc(0);
    else if (one.do === 'twice') list[i] = Buffer.concat([packet, packet]);
    else if (one.do === 'swap')
      [list[i], list[(i + 1) % list.length]] = [list[(i + 1) % list.length]!, packet];
    else if (one.do === 'noise') list[i] = Buffer.concat([one.bytes, packet]);
    else if (one.do === 'payload') packet.set(one.bytes.subarray(0, Math.max(0, packet.length - at)), at);
  }
  return Buffer.concat(list);
}

/** Only a named failure may end a session; anything else is ours. */
function survives(fed: Fed, work: () => void): boolean {
  try {
    work();
    return true;
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    assert.is(error.code, 'stream-error');
    fed.end();
    return false;
  }
}

for (const one of sessions)
  test(`unharmed, all of it leaves: ${one.name}`, () => {
    const fed = open(one);
    fed.feed(Buffer.concat(one.packets), 10);
    fed.end();
    assert.is(fed.samples(), one.pictures);
  });

for (const one of sessions)
  test(`a session with any mutations: ${one.name}`, () => {
    const numRuns = Math.ceil(packetsWanted / 2 / sessions.length / one.packets.length);
    fc.assert(
      fc.property(fc.array(mutation, { minLength: 1, maxLength: 30 }), (mutations) => {
        const fed = open(one);
        const bytes = mutated(one.packets, mutations);
        if (survives(fed, () => fed.feed(bytes, 10))) fed.end();
      }),
      { numRuns },
    );
  });

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
const heldBytes = (): number => {
  collect();
  const { heapUsed, external } = process.memoryUsage(); // external includes array buffers
  return heapUsed + external;
};

for (const one of sessions)
  test(`one long session of mutations does not grow: ${one.name}`, async () => {
    const rounds = Math.ceil(packetsWanted / 2 / sessions.length / one.packets.length);
    const lists = fc.sample(fc.array(mutation, { minLength: 1, maxLength: 10 }), Math.min(rounds, 500));
    let fed = open(one);
    let ended = 0;
    let before = 0;
    for (let round = 0; round < rounds; round++) {
      if (round === Math.floor(rounds / 10)) before = Math.min(heldBytes(), heldBytes());
      const bytes = mutated(one.packets, lists[round % lists.length]!);
      if (survives(fed, () => fed.feed(bytes, round * 4000))) continue;
      fed = open(one);
      ended += 1;
    }
    fed.end();
    // Freed buffers go back some moments after the collection that found them.
    await eventually(`no growth in ${rounds} rounds`, () => heldBytes() - before < 4 * 1024 * 1024);
    assert.ok(ended < rounds, 'no session survives');
  });

const texts = [
  'RTSP/1.0 401 Unauthorized\r\nCSeq: 2\r\nWWW-Authenticate: Digest realm="a, b", nonce="c", qop="auth", Basic realm="x"\r\nContent-Length: 10\r\n\r\n',
  'v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\na=control:*\r\nm=video 0 RTP/AVP 96 26\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1;sprop-parameter-sets=Z2QAH6zZQMASaEAAAAMAQAAABQPGDGWA,aOvjyyLA\r\na=control:trackID=0\r\nm=video 0 RTP/AVP 97\r\na=rtpmap:97 H265/90000\r\na=fmtp:97 sprop-vps=QAEMAf//AWA=;sprop-sps=QgEBAWAAAAMAkAAAAwAAAwBd;sprop-pps=RAHBcrRiQA==\r\n',
  'rtsp://10.0.9.11:8554/live?channel=1&subtype=0',
];
const edit = fc.record({
  at: fc.nat(1000),
  remove: fc.nat(20),
  insert: fc.oneof(
    fc.string({ maxLength: 30 }),
    fc.constantFrom(...texts, '\r\n', '"', '=', ';', ',', '\0', 'm=video 0 RTP/AVP 96\r\n', '9'.repeat(40)),
  ),
});

test('texts with any edits are refused by name or read', () => {
  fc.assert(
    fc.property(fc.constantFrom(...texts), fc.array(edit, { maxLength: 12 }), (text, edits) => {
      let edited = text;
      for (const { at, remove, insert } of edits) {
        const i = at % (edited.length + 1);
        edited = edited.slice(0, i) + insert + edited.slice(i + remove);
      }
      const bytes = Buffer.from(edited);
      parseChallenges([edited]);
      for (const read of [
        () => parseHead(bytes),
        () => chooseTrack(parseSdp(bytes)),
        () => {
          const url = parseRtspUrl(edited);
          controlUrls(url, baseUrl(url, edited), edited);
        },
      ])
        try {
          read();
        } catch (error) {
          if (!(error instanceof Failure)) throw error;
        }
    }),
    { numRuns: Math.ceil(packetsWanted / 20) },
  );
});
