/** A step forward beyond this is no frame interval (ingest rule: a new run), and a signed offset still holds it. */
const maxForwardS = 10;
/** How far a picture may be shown before one sent earlier: 16 pictures of reordering (H.264 A.3.1) at 8 a second. */
const maxReorderS = 2;

/**
 * Unwraps 32-bit RTP timestamps (RFC 3550 §5.1) into ticks that go on for ever. The difference to the picture before
 * decides, so wraps every 13 hours at 90 kHz are nothing; a difference that cannot be true is replaced by
 * the time between the arrivals, and `jumped` says that the stream lost its continuity.
 */
export class MediaClock {
  /** Whether the last {@link at} was a jump. */
  jumped = false;
  #reorders = true;
  #rate: number;
  #timestamp = 0;
  #ticks = 0;
  #newest = 0;
  #arrivedAt = -1;

  constructor(rate: number) {
    this.#rate = rate;
  }

  /** Presentation time of the picture with `timestamp` whose first packet arrived at `arrivedAtMs`. */
  at(timestamp: number, arrivedAtMs: number): number {
    this.jumped = false;
    if (this.#arrivedAt >= 0) {
      const step = (timestamp - this.#timestamp) | 0;
      const ticks = this.#ticks + step;
      const back = this.#reorders ? maxReorderS * this.#rate : 0;
      if (ticks > this.#newest + maxForwardS * this.#rate || ticks < this.#newest - back) {
        this.jumped = true;
        const passed = Math.min(Math.max(arrivedAtMs - this.#arrivedAt, 0), maxForwardS * 1000);
        this.#ticks = this.#newest + Math.max(1, Math.round((passed * this.#rate) / 1000));
      } else this.#ticks = ticks;
    }
    this.#timestamp = timestamp;
    this.#arrivedAt = arrivedAtMs;
    this.#newest = Math.max(this.#newest, this.#ticks);
    return this.#ticks;
  }

  /**
   * A track begins with the last picture given. Without `reorders`, pictures come in the order they are shown in, and
   * any step back is a jump.
   */
  begin(reorders: boolean): void {
    this.#reorders = reorders;
    this.#newest = this.#ticks;
  }
}
