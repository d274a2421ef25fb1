import type { MonotonicMs } from '#agent/platform/clock.ts';
import type { ChosenTrack } from './choose-track.ts';
import { GopMuxer, type MuxerBounds } from './gop-muxer.ts';
import type { FragmentSink } from './ingest.ts';
import type { Depacketiser } from './nal.ts';
import { findSenderReport, receiverReportFrame, type SenderReport, saysGoodbye } from './rtcp.ts';
import { parseRtp, RtpPacket } from './rtp.ts';
import { dropped, RtpSource } from './rtp-source.ts';

const unknown = -1;
/** What was on its way when a camera said goodbye is no sign that it stays. */
export const stragglersMs = 500;

/** From interleaved packets to fragments, for one track of one session. Allocates nothing per packet. */
export class VideoReceiver {
  readonly source: RtpSource;
  /** When the last packet of the track came. */
  heardAt = 0 as MonotonicMs;
  /** When the camera said that its stream ends, unless it went on since. */
  leftAt: MonotonicMs | undefined;
  /** Packets on the track's channel that are no RTP, or of another payload type. */
  strange = 0;
  /** The camera's last word on its own clock. */
  report: SenderReport | undefined;
  #packet = new RtpPacket();
  #muxer: GopMuxer;
  #depacketiser: Depacketiser;
  #payloadType: number;
  #rtpChannel = unknown;
  #rtcpChannel = unknown;
  #expect: (channel: number) => void;

  constructor(
    track: ChosenTrack,
    bounds: MuxerBounds,
    sink: FragmentSink,
    expect: (channel: number) => void,
  ) {
    this.source = new RtpSource(track.clockRate);
    this.#muxer = new GopMuxer(track.codec, track.clockRate, bounds, sink);
    this.#depacketiser = track.codec.depacketiser(this.#muxer);
    this.#payloadType = track.format.payloadType;
    this.#expect = expect;
  }

  get samples(): number {
    return this.#muxer.samples;
  }

  get keyframes(): number {
    return this.#muxer.keyframes;
  }

  get malformed(): number {
    return this.#depacketiser.malformed;
  }

  /** The channels the camera says it will use. */
  listen(rtpChannel: number, rtcpChannel: number): void {
    this.#rtpChannel = rtpChannel;
    this.#rtcpChannel = rtcpChannel;
    this.#expect(rtpChannel);
    this.#expect(rtcpChannel);
  }

  interleaved(channel: number, bytes: Buffer, start: number, end: number, now: MonotonicMs): void {
    if (channel === this.#rtcpChannel) {
      this.report = findSenderReport(bytes, start, end, this.source.ssrc, now) ?? this.report;
      if (this.source.packets > 0 && saysGoodbye(bytes, start, end, this.source.ssrc)) {
        this.source.leave();
        this.leftAt = now;
      }
      return;
    }
    if (channel !== this.#rtpChannel && this.source.packets > 0) return;
    const packet = this.#packet;
    if (!parseRtp(bytes, start, end, packet) || packet.payloadType !== this.#payloadType) {
      if (channel === this.#rtpChannel) this.strange += 1;
      return;
    }
    // Some cameras send on other channels than they said: the first packet of our payload type decides.
    if (channel !== this.#rtpChannel) this.listen(channel, this.#rtcpChannel);
    const lost = this.source.accept(packet, now);
    if (lost === dropped) return;
    if (this.source.restarted) {
      this.source.restarted = false;
      this.#depacketiser.reset();
      this.#muxer.interrupt();
    }
    this.heardAt = now;
    if (this.leftAt !== undefined && now - this.leftAt > stragglersMs) this.leftAt = undefined;
    this.#muxer.packet(packet.timestamp, packet.marker, now, lost);
    this.#depacketiser.push(bytes, packet.payloadStart, packet.payloadEnd, lost > 0);
  }

  /** An interleaved receiver report about what came so far, or undefined while nothing did. */
  receiverReport(ourSsrc: number, now: MonotonicMs): Buffer | undefined {
    if (this.source.packets === 0) return undefined;
    return receiverReportFrame(this.#rtcpChannel, ourSsrc, this.source.reception(this.report, now));
  }

  /** The session ends: what is whole goes to the sink. */
  finish(): void {
    this.#depacketiser.reset();
    this.#muxer.finish();
  }
}
