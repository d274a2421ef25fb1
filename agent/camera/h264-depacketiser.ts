import type { Depacketiser, NalSink } from './nal.ts';

const stapA = 24;
const fuA = 28;

/**
 * RTP payloads of H.264 in packetization modes 0 and 1 (RFC 6184): single NAL units, STAP-A (§5.7.1), FU-A (§5.8).
 * A fragmented unit without its end bit counts as whole when the next unit follows without loss: some cameras never
 * set it.
 */
export class H264Depacketiser implements Depacketiser {
  malformed = 0;
  #sink: NalSink;
  #open = false;

  constructor(sink: NalSink) {
    this.#sink = sink;
  }

  push(bytes: Buffer, start: number, end: number, lost: boolean): void {
    if (lost) this.reset();
    if (start >= end) return; // Some cameras keep a path open with empty packets.
    const header = bytes[start]!;
    const type = header & 0x1f;
    if (type === fuA) {
      this.#fragment(header, bytes, start, end);
      return;
    }
    this.#close();
    if (type >= 1 && type < stapA) {
      this.#sink.begin(header, bytes, start + 1, end);
      this.#sink.end();
    } else if (type === stapA) this.#aggregate(bytes, start + 1, end);
    else this.malformed += 1;
  }

  reset(): void {
    if (this.#open) this.#sink.abandon();
    this.#open = false;
  }

  #close(): void {
    if (this.#open) this.#sink.end();
    this.#open = false;
  }

  #aggregate(bytes: Buffer, start: number, end: number): void {
    let at = start;
    while (at < end) {
      const unit = at + 2;
      const next = unit + ((bytes[at]! << 8) | (bytes[at + 1] ?? 0));
      const type = (bytes[unit] ?? 0) & 0x1f;
      if (next === unit || next > end || type === 0 || type >= stapA) {
        this.malformed += 1;
        return;
      }
      this.#sink.begin(bytes[unit]!, bytes, unit + 1, next);
      this.#sink.end();
      at = next;
    }
  }

  #fragment(indicator: number, bytes: Buffer, start: number, end: number): void {
    const fu = end - start < 2 ? 0 : bytes[start + 1]!;
    const type = fu & 0x1f;
    if (type === 0 || type >= stapA) {
      this.malformed += 1;
      return;
    }
    if ((fu & 0x80) !== 0) {
      this.#close();
      this.#sink.begin((indicator & 0xe0) | type, bytes, start + 2, end);
      this.#open = true;
    } else if (this.#open) this.#sink.append(bytes, start + 2, end);
    else return; // The middle of a unit whose beginning was lost, and counted.
    if ((fu & 0x40) !== 0) this.#close();
  }
}
