import type { MonotonicMs } from '#agent/platform/clock.ts';
import { DecodeOrder } from './decode-order.ts';
import { FragmentBuffer } from './fragment-buffer.ts';
import type { FragmentSink, Track } from './ingest.ts';
import { initSegment } from './init-segment.ts';
import { MediaClock } from './media-clock.ts';
import { headBytes, type Samples, writeHead } from './moof.ts';
import { type Codec, type NalSink, nal } from './nal.ts';

export interface MuxerBounds {
  /** Of one access unit; beyond it the stream is broken. */
  accessUnitBytes: number;
  /** Of one fragment; a longer GOP goes on in a fragment that claims no keyframe. */
  fragmentBytes: number;
  fragmentSamples: number;
  fragmentMs: number;
}

/** Where every picture is a keyframe, or may be taken for one, a fragment lasts so long: one alone would be mostly head. */
const intraFragmentMs = 1000;
/**
 * A camera that refreshes its picture bit by bit sends no IDR, or one at its start; its recovery points count once no
 * IDR came for so long. Beside IDRs they would only cut groups of pictures apart.
 */
const gradualAfterMs = 10_000;
const none = -1;

/**
 * Puts NAL units together to access units, access units to fragments, in one buffer that already is the fragment: room
 * for moof and mdat header, then every unit behind its length. Payload is copied once, from the read buffer to its
 * place; at the next keyframe the head is written in front and the whole goes to the sink in one piece.
 *
 * An access unit ends when the timestamp changes, when a unit comes that must begin the next (H.264 §7.4.1.2.3), or,
 * since some cameras repeat a timestamp, at a marker followed by the first slice of another picture. A marker alone
 * ends nothing: some cameras set it on every packet.
 */
export class GopMuxer implements NalSink {
  /** Access units given to the sink. */
  samples = 0;
  /** Keyframes given or being gathered. */
  keyframes = 0;
  #codec: Codec;
  #bounds: MuxerBounds;
  #sink: FragmentSink;
  #timescale: number;
  #clock: MediaClock;
  #order: DecodeOrder;

  #buffer: FragmentBuffer;
  #nalStart = none;
  #nalKind = 0;

  // The packet that is being taken apart.
  #timestamp = 0;
  #marker = false;
  #markerBefore = false;
  #now = 0 as MonotonicMs;
  #lossSinceUnit = false;

  // The access unit that is being gathered.
  #unitTimestamp = 0;
  #unitArrivedAt = none as MonotonicMs;
  #unitTicks = 0;
  #unitKey = false;
  #unitStandsAlone = false;
  #unitDamaged = false;
  #unitRecovers = false;
  #pictureBegun = false;
  #slices = 0;

  // The fragment before it.
  #shown: Float64Array;
  #fragment: Samples;
  #standsAlone = false;
  #lost = 0;
  #firstArrivedAt = 0 as MonotonicMs;
  #lastArrivedAt = 0 as MonotonicMs;

  // The track.
  #track: Track | undefined;
  #wholeFrames = false;
  /** A picture went on behind a marker: this camera sets it on more than the last packet. */
  #markersLie = false;
  #idrTicks = Number.NEGATIVE_INFINITY;
  /** The picture under way has had a marker. */
  #pictureMarked = false;
  #discontinuity = false;
  #trackSamples = 0;
  #trackStart = 0;
  #sequence = 0;
  #nextDecode = 0;

  constructor(codec: Codec, timescale: number, bounds: MuxerBounds, sink: FragmentSink) {
    this.#codec = codec;
    this.#timescale = timescale;
    this.#bounds = bounds;
    this.#sink = sink;
    this.#clock = new MediaClock(timescale);
    const most = bounds.fragmentSamples;
    this.#order = new DecodeOrder(most);
    this.#shown = new Float64Array(most);
    this.#fragment = {
      count: 0,
      keyframe: false,
      intra: codec.intra,
      durations: new Uint32Array(most),
      sizes: new Uint32Array(most),
      offsets: new Int32Array(most),
      reordered: false,
    };
    this.#buffer = new FragmentBuffer(headBytes(most, true), bounds.accessUnitBytes);
  }

  /** What the one buffer takes in memory. */
  get bufferBytes(): number {
    return this.#buffer.bytes.length;
  }

  /** Announces the packet from which the next pieces come; `lost` packets are missing before it. */
  packet(timestamp: number, marker: boolean, arrivedAt: MonotonicMs, lost: number): void {
    this.#markerBefore = this.#marker;
    if (this.#pictureBegun && this.#marker) this.#pictureMarked = true;
    this.#timestamp = timestamp;
    this.#marker = marker;
    this.#now = arrivedAt;
    if (lost === 0) return;
    this.#lossSinceUnit = true;
    this.#lost += lost;
  }

  /** The stream begins anew: the next keyframe begins a new track. What came before it is kept. */
  interrupt(): void {
    this.#discontinuity = true;
  }

  begin(header: number, bytes: Buffer, start: number, end: number): void {
    const kind = this.#codec.kind(header, bytes, start, end);
    if (this.#pictureBegun && this.#beginsUnit(kind)) this.#closeUnit();
    else if (this.#pictureBegun && this.#pictureMarked && (kind & nal.slice) !== 0) this.#markersLie = true;
    if (this.#unitArrivedAt === none) this.#unitArrivedAt = this.#now;
    if ((kind & nal.recovery) !== 0) this.#unitRecovers = true;
    if ((kind & nal.slice) !== 0 && !this.#pictureBegun) this.#beginPicture(kind, header, bytes, start, end);
    this.#lossSinceUnit = false;
    this.#nalKind = kind;
    const buffer = this.#buffer;
    this.#nalStart = buffer.at;
    const { lengthBytes, headerBytes } = this.#codec;
    buffer.reserve(lengthBytes + headerBytes + end - start);
    buffer.at += lengthBytes;
    if (headerBytes === 2) buffer.bytes[buffer.at++] = header >> 8;
    if (headerBytes > 0) buffer.bytes[buffer.at++] = header;
    buffer.append(bytes, start, end);
  }

  append(bytes: Buffer, start: number, end: number): void {
    this.#buffer.append(bytes, start, end);
  }

  end(): void {
    const { lengthBytes } = this.#codec;
    const unit = this.#nalStart + lengthBytes;
    const { bytes, at } = this.#buffer;
    if (lengthBytes > 0) bytes.writeUInt32BE(at - unit, this.#nalStart);
    if ((this.#nalKind & nal.parameters) !== 0) this.#codec.sets.offer(bytes.subarray(unit, at), 'stream');
    if ((this.#nalKind & nal.slice) !== 0) this.#slices += 1;
    this.#nalStart = none;
  }

  abandon(): void {
    this.#buffer.at = this.#nalStart;
    this.#nalStart = none;
    this.#unitDamaged = true;
  }

  /** The session ends: gives the sink what is whole. The last access unit is whole when its marker came. */
  finish(): void {
    if (this.#nalStart !== none) this.abandon();
    const whole = this.#marker && !this.#markersLie && !this.#unitDamaged;
    if (this.#pictureBegun && whole) this.#closeUnit();
    else this.#dropUnit();
    const { count } = this.#fragment;
    if (count === 0) return;
    const newest = this.#shown.subarray(0, count).reduce((a, b) => Math.max(a, b));
    const oldest = this.#shown.subarray(0, count).reduce((a, b) => Math.min(a, b));
    const usual = count > 1 ? Math.round((newest - oldest) / (count - 1)) : Math.round(this.#timescale / 25);
    this.#flush(newest + usual, true, this.#lastArrivedAt);
  }

  #beginsUnit(kind: number): boolean {
    if ((kind & nal.leads) !== 0) return true;
    if ((kind & nal.slice) === 0) return false;
    const changed = this.#timestamp !== this.#unitTimestamp;
    if ((kind & nal.first) !== 0) return changed || (this.#markerBefore && this.#wholeFrames);
    // A later slice under another timestamp: of the same picture, unless something says that its beginning is lost.
    return changed && (this.#markerBefore || this.#lossSinceUnit);
  }

  #beginPicture(kind: number, header: number, bytes: Buffer, start: number, end: number): void {
    this.#pictureMarked = false;
    const ticks = this.#clock.at(this.#timestamp, this.#unitArrivedAt);
    if (this.#clock.jumped) this.#discontinuity = true;
    const idr = (kind & nal.key) !== 0;
    const key = idr || (this.#unitRecovers && this.#isGradual(ticks));
    if (idr) this.#idrTicks = ticks;
    if (key) {
      const closed = idr && (kind & nal.open) === 0;
      if (!this.#goesOn() || this.#fragmentIsFull(ticks) || this.#fragmentLasts(ticks, intraFragmentMs))
        this.#flush(ticks, closed, this.#unitArrivedAt);
      this.#keyframe(ticks, header, bytes, start, end);
    } else if (this.#fragmentIsFull(ticks)) this.#flush(ticks, false, this.#unitArrivedAt);
    this.#unitTicks = ticks;
    this.#unitTimestamp = this.#timestamp;
    this.#unitKey = key;
    this.#unitStandsAlone = idr && this.#wholeFrames;
    this.#pictureBegun = true;
  }

  /** Whether this stream has no better places to begin than its recovery points; some cameras mark every picture as one. */
  #isGradual(ticks: number): boolean {
    if (this.#track === undefined) return true;
    if (ticks - this.#idrTicks < (gradualAfterMs * this.#timescale) / 1000) return false;
    return this.#fragment.count === 0 || this.#fragmentLasts(ticks, intraFragmentMs);
  }

  #fragmentIsFull(ticks: number): boolean {
    const { count } = this.#fragment;
    if (count === 0) return false;
    return (
      count >= this.#bounds.fragmentSamples ||
      this.#buffer.unitStart - this.#buffer.dataStart >= this.#bounds.fragmentBytes ||
      this.#fragmentLasts(ticks, this.#bounds.fragmentMs)
    );
  }

  #fragmentLasts(ticks: number, ms: number): boolean {
    return ticks - this.#trackStart - this.#shown[0]! >= (ms * this.#timescale) / 1000;
  }

  /** Whether a keyframe may lie within a fragment: of a stream of keyframes that changes in nothing. */
  #goesOn(): boolean {
    return this.#codec.intra && this.#isSame();
  }

  #isSame(): boolean {
    return this.#track !== undefined && !this.#discontinuity && !this.#codec.sets.changed;
  }

  /** Begins a track where there is none, the stream lost its continuity, or its parameter sets changed. */
  #keyframe(ticks: number, header: number, bytes: Buffer, start: number, end: number): void {
    // The keyframe that began the track may have been lost itself: its time is that of the first whole one.
    if (this.#trackSamples === 0) this.#trackStart = ticks;
    if (this.#isSame()) return;
    const description = this.#codec.sets.describe(header, bytes, start, end);
    if (!description) {
      this.#track = undefined; // Without its parameter sets nothing of this can be shown: wait for a keyframe with them.
      return;
    }
    const init = initSegment(description, this.#timescale);
    if (this.#track && !this.#discontinuity && init.equals(this.#track.initSegment)) return;
    this.#discontinuity = false;
    this.#clock.begin(description.reorders);
    this.#wholeFrames = description.wholeFrames;
    this.#trackStart = ticks;
    this.#trackSamples = 0;
    this.#sequence = 0;
    this.#nextDecode = 0;
    this.#lost = 0;
    const { codec, codecString, width, height } = description;
    this.#track = { codec, codecString, width, height, timescale: this.#timescale, initSegment: init };
    this.#sink.track(this.#track);
  }

  #closeUnit(): void {
    // Without a slice there is no picture; before the track's first keyframe nothing can be decoded.
    if (this.#slices === 0 || !this.#track || (this.#trackSamples === 0 && !this.#unitKey)) {
      this.#dropUnit();
      return;
    }
    const fragment = this.#fragment;
    if (fragment.count === 0) {
      fragment.keyframe = this.#unitKey;
      this.#standsAlone = this.#unitStandsAlone;
      this.#firstArrivedAt = this.#unitArrivedAt;
    }
    if (this.#unitKey) this.keyframes += 1;
    fragment.sizes[fragment.count] = this.#buffer.at - this.#buffer.unitStart;
    this.#shown[fragment.count] = this.#unitTicks - this.#trackStart;
    fragment.count += 1;
    this.#trackSamples += 1;
    this.#lastArrivedAt = this.#unitArrivedAt;
    this.#buffer.keepUnit();
    this.#resetUnit();
  }

  #dropUnit(): void {
    this.#buffer.dropUnit();
    this.#resetUnit();
  }

  #resetUnit(): void {
    this.#unitArrivedAt = none as MonotonicMs;
    this.#unitKey = false;
    this.#unitDamaged = false;
    this.#unitRecovers = false;
    this.#pictureBegun = false;
    this.#slices = 0;
  }

  /** Gives the gathered samples to the sink; what lies of the next unit moves to the front. */
  #flush(nextTicks: number, exact: boolean, endedAt: MonotonicMs): void {
    const fragment = this.#fragment;
    if (fragment.count === 0) return;
    const next = nextTicks - this.#trackStart;
    const { durations, offsets, count } = fragment;
    const times = this.#order.assign(this.#shown, count, this.#nextDecode, next, exact, durations, offsets);
    fragment.reordered = times.reordered;
    this.#sequence += 1;
    const { bytes, dataStart, unitStart: dataEnd } = this.#buffer;
    const start = writeHead(bytes, dataStart, dataEnd, this.#sequence, times.first, fragment);
    const lostPackets = this.#lost;
    this.#nextDecode = times.end;
    this.samples += count;
    this.#lost = 0;
    fragment.count = 0;
    this.#sink.fragment({
      bytes: bytes.subarray(start, dataEnd),
      decodeTime: times.first,
      durationTicks: times.end - times.first,
      samples: count,
      keyframe: fragment.keyframe,
      standsAlone: this.#standsAlone,
      lostPackets,
      arrivedAt: this.#firstArrivedAt,
      endedAt,
    });
    this.#buffer.take();
  }
}
