import type { MonotonicMs } from '#agent/platform/clock.ts';

/** Half a second of a camera of 3 Mbit/s. */
const maxHeld = 128;
/** Of jitter on a radio link of this town; a packet that is later is lost. */
const maxWaitMs = 200;
/** Beyond it a sequence number is no gap but another beginning. */
const maxAhead = 1024;

/** Puts RTP packets that came over UDP back into their order (RFC 3550 §5.1), within bounds of number and time. */
export class Reorder {
  #hand: (packet: Buffer) => void;
  #next = -1;
  #held = new Map<number, Buffer>();
  /** Since when the packet after the last one handed on is waited for. */
  #since = 0 as MonotonicMs;

  constructor(hand: (packet: Buffer) => void) {
    this.#hand = hand;
  }

  /** Takes a packet of at least four bytes and keeps it if it is early. */
  push(packet: Buffer, now: MonotonicMs): void {
    const sequence = packet.readUInt16BE(2);
    const ahead = this.#next < 0 ? 0 : (sequence - this.#next) & 0xffff;
    if (ahead > maxAhead) {
      // Late, or a copy: for whoever counts. A number so far off is a new beginning, which has that sorted out too.
      if (ahead < 0x10000 - maxAhead) {
        this.flush();
        this.#next = (sequence + 1) & 0xffff;
      }
      this.#hand(packet);
      return;
    }
    if (ahead > 0) {
      if (this.#held.size === 0) this.#since = now;
      this.#held.set(sequence, packet);
      if (this.#held.size > maxHeld) this.#skip(now);
      else this.tick(now);
      return;
    }
    this.#next = (sequence + 1) & 0xffff;
    this.#hand(packet);
    this.#release(now);
  }

  /** Gives up what was waited for too long; to be called now and then. */
  tick(now: MonotonicMs): void {
    if (this.#held.size > 0 && now - this.#since >= maxWaitMs) this.#skip(now);
  }

  /** Hands on everything that is held. */
  flush(): void {
    while (this.#held.size > 0) this.#skip(this.#since);
  }

  /** Goes on at the first packet that is there. */
  #skip(now: MonotonicMs): void {
    while (!this.#held.has(this.#next)) this.#next = (this.#next + 1) & 0xffff;
    this.#release(now);
  }

  #release(now: MonotonicMs): void {
    for (let packet = this.#held.get(this.#next); packet; packet = this.#held.get(this.#next)) {
      this.#held.delete(this.#next);
      this.#next = (this.#next + 1) & 0xffff;
      this.#hand(packet);
    }
    this.#since = now;
  }
}
