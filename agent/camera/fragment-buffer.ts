import { Failure } from '#protocol/failure.ts';

const firstBytes = 256 * 1024;
/** Fragments after which a buffer that was never a quarter full is halved: one bright night must not cost for ever. */
const shrinkAfter = 32;

/**
 * One buffer that already is the fragment: room for its head, the finished access units, and behind them, from
 * `unitStart` to `at`, the one that is being gathered. Grows to what is needed, and gives back what one time needed.
 */
export class FragmentBuffer {
  bytes = Buffer.allocUnsafeSlow(firstBytes);
  /** Where the first access unit begins: behind the room for the largest head. */
  readonly dataStart: number;
  unitStart: number;
  at: number;
  #unitBound: number;
  #modestFragments = 0;

  /** `unitBytes` bounds one access unit. */
  constructor(headBytes: number, unitBytes: number) {
    this.dataStart = this.unitStart = this.at = headBytes;
    this.#unitBound = unitBytes;
  }

  /** Room for `size` more bytes. Throws `stream-error` where the access unit would pass its bound. */
  reserve(size: number): void {
    const needed = this.at + size;
    if (needed - this.unitStart > this.#unitBound)
      throw new Failure('transient', 'stream-error', `an access unit has more than ${this.#unitBound} bytes`);
    if (needed <= this.bytes.length) return;
    let length = this.bytes.length;
    while (length < needed) length *= 2;
    const grown = Buffer.allocUnsafeSlow(length);
    this.bytes.copy(grown, this.dataStart, this.dataStart, this.at);
    this.bytes = grown;
  }

  append(from: Buffer, start: number, end: number): void {
    this.reserve(end - start);
    from.copy(this.bytes, this.at, start, end);
    this.at += end - start;
  }

  keepUnit(): void {
    this.unitStart = this.at;
  }

  dropUnit(): void {
    this.at = this.unitStart;
  }

  /** The finished units have been given away: what lies of the next one moves to the front. */
  take(): void {
    const usedBytes = this.unitStart - this.dataStart;
    const unitBytes = this.at - this.unitStart;
    let target = this.bytes;
    this.#modestFragments = usedBytes * 4 < this.bytes.length ? this.#modestFragments + 1 : 0;
    const half = this.bytes.length / 2;
    if (this.#modestFragments >= shrinkAfter && half >= firstBytes && half > this.dataStart + unitBytes) {
      target = Buffer.allocUnsafeSlow(half);
      this.#modestFragments = 0;
    }
    if (unitBytes > 0) this.bytes.copy(target, this.dataStart, this.unitStart, this.at);
    this.bytes = target;
    this.unitStart = this.dataStart;
    this.at = this.dataStart + unitBytes;
  }
}
