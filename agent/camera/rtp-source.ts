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
  #next = -1;
  #heardAt = 0;

  /** Packets missing right before this one, or {@link dropped}. */
  accept(packet: RtpPacket, nowMs: number): number {
    if (this.#next < 0) this.ssrc = packet.ssrc;
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
    let missing = this.#next < 0 ? 0 : (packet.sequence - this.#next) & 0xffff;
    if (missing > 0xffff - maxMisorder) {
      // Over TCP nothing arrives late: a second copy, or a sender out of order whose unit has already gone.
      this.reordered += 1;
      return dropped;
    }
    if (missing > maxDropout) {
      this.restarted = true;
      missing = 1; // How many is unknown; that something is missing is not.
    }
    this.packets += 1;
    this.lost += missing;
    this.#next = (packet.sequence + 1) & 0xffff;
    return missing;
  }
}
