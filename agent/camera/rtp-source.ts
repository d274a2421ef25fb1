import type { Reception, SenderReport } from './rtcp.ts';
import type { RtpPacket } from './rtp.ts';

/** What {@link RtpSource.accept} says of a packet that is not to be used. */
export const dropped = -1;

/** RFC 3550 appendix A.1: a step beyond these is a sender that began anew, not a loss or a late packet. */
const maxDropout = 3000;
const maxMisorder = 100;
/** A second source on the channel takes over only when the first was silent this long. */
const silentMs = 1000;

/** Follows one sender's sequence numbers: counts what is missing and late, and holds on to one source of several. */
export class RtpSource {
  packets = 0;
  lost = 0;
  reordered = 0;
  /** Packets of other sources on the same channel. */
  foreign = 0;
  ssrc = 0;
  /** Set when the sender changed or began anew: what follows is no continuation. The reader resets it. */
  restarted = false;
  #rate: number;
  #next = -1;
  #wraps = 0;
  #heardAt = 0;
  #transit = 0;
  #jitter = 0;
  #reportedLost = 0;
  #reportedPackets = 0;

  /** `rate`: ticks of the media clock per second. */
  constructor(rate: number) {
    this.#rate = rate;
  }

  /** The source said goodbye: another one is taken at once. */
  leave(): void {
    this.#heardAt = Number.NEGATIVE_INFINITY;
  }

  /** Packets missing right before this one, or {@link dropped}. */
  accept(packet: RtpPacket, nowMs: number): number {
    const began = this.#next >= 0;
    if (!began) this.ssrc = packet.ssrc;
    else if (packet.ssrc !== this.ssrc) {
      if (nowMs - this.#heardAt < silentMs) {
        this.foreign += 1;
        return dropped;
      }
      this.ssrc = packet.ssrc;
      this.restarted = true;
      this.#next = packet.sequence;
    }
    this.#heardAt = nowMs;
    let missing = began ? (packet.sequence - this.#next) & 0xffff : 0;
    if (missing > 0xffff - maxMisorder) {
      // Over TCP nothing arrives late: a second copy, or a sender out of order whose unit has already gone.
      this.reordered += 1;
      return dropped;
    }
    if (missing > maxDropout) {
      this.restarted = true;
      missing = 1; // How many is unknown; that something is missing is not.
    }
    if (began && packet.sequence < ((this.#next - 1) & 0xffff)) this.#wraps += 1;
    this.packets += 1;
    this.lost += missing;
    this.#next = (packet.sequence + 1) & 0xffff;
    this.#measure(packet.timestamp, nowMs, began);
    return missing;
  }

  /** Interarrival jitter, RFC 3550 §6.4.1; reads on a common beat make it a little larger than the network's. */
  #measure(timestamp: number, nowMs: number, began: boolean): void {
    const transit = (((nowMs * this.#rate) / 1000) | 0) - (timestamp | 0);
    if (began) this.#jitter += (Math.abs((transit - this.#transit) | 0) - this.#jitter) / 16;
    this.#transit = transit;
  }

  /** For a receiver report; what is lost is counted from the report before. */
  reception(report: SenderReport | undefined, nowMs: number): Reception {
    const lost = this.lost - this.#reportedLost;
    const expected = this.packets - this.#reportedPackets + lost;
    this.#reportedLost = this.lost;
    this.#reportedPackets = this.packets;
    return {
      ssrc: this.ssrc,
      fractionLost: expected === 0 ? 0 : Math.min(255, Math.floor((lost * 256) / expected)),
      lost: this.lost,
      highestSequence: this.#wraps * 0x10000 + ((this.#next - 1) & 0xffff),
      jitter: this.#jitter,
      lastReport: report?.middle ?? 0,
      sinceLastReport: report ? Math.round(((nowMs - report.readAt) * 65536) / 1000) : 0,
    };
  }
}
