/** Reads the fields of a parameter set or slice header. Past the end it gives zeros and sets `overrun`. */
export class BitReader {
  overrun = false;
  #bytes: Uint8Array;
  #bit = 0;

  /**
   * `unit` with its emulation prevention bytes (H.264 §7.4.1), which are taken out of the first `limit` bytes; `raw` has
   * none.
   */
  constructor(unit: Uint8Array, start: number, end: number, limit = 1024, how?: 'raw') {
    const stop = Math.min(end, start + limit);
    if (how === 'raw') {
      this.#bytes = unit.subarray(start, stop);
      return;
    }
    const clean = new Uint8Array(Math.max(0, stop - start));
    let size = 0;
    let zeros = 0;
    for (let at = start; at < stop; at++) {
      const byte = unit[at]!;
      if (zeros >= 2 && byte === 3) {
        zeros = 0;
        continue;
      }
      zeros = byte === 0 ? zeros + 1 : 0;
      clean[size++] = byte;
    }
    this.#bytes = clean.subarray(0, size);
  }

  bit(): number {
    const byte = this.#bytes[this.#bit >> 3];
    if (byte === undefined) {
      this.overrun = true;
      return 0;
    }
    return (byte >> (7 - (this.#bit++ & 7))) & 1;
  }

  flag(): boolean {
    return this.bit() === 1;
  }

  /** Up to 32 bits. */
  bits(count: number): number {
    let value = 0;
    for (let i = 0; i < count; i++) value = value * 2 + this.bit();
    return value;
  }

  skip(count: number): void {
    this.#bit += count;
    if (this.#bit > this.#bytes.length * 8) this.overrun = true;
  }

  /** Unsigned Exp-Golomb (H.264 §9.1). */
  ue(): number {
    let zeros = 0;
    while (this.bit() === 0) {
      zeros += 1;
      if (this.overrun || zeros > 32) {
        this.overrun = true;
        return 0;
      }
    }
    return 2 ** zeros - 1 + this.bits(zeros);
  }

  se(): number {
    const value = this.ue();
    return value % 2 === 1 ? (value + 1) / 2 : -(value / 2);
  }
}
