import type { Depacketiser, NalSink } from './nal.ts';

const aggregation = 48;
const fragmentation = 49;
/** First type that is no NAL unit of the video itself. */
const firstSpecial = 48;

/**
 * RTP payloads of H.265 (RFC 7798) as sent without decoding order numbers: single NAL units, aggregation packets
 * (§4.4.2), fragmentation units (§4.4.3). A fragmented unit without its end bit counts as whole when the next unit
 * follows without loss.
 */
export class H265Depacketiser implements Depacketiser {
  malformed = 0;
  #sink: NalSink;
  #open = false;

  constructor(sink: NalSink) {
    this.#sink = sink;
  }

  push(bytes: Buffer, start: number, end: number, lost: boolean): void {
    if (lost) this.reset();
    if (start >= end) return;
    const type = (bytes[start]! >> 1) & 0x3f;
    if (type === fragmentation) {
      this.#fragment(bytes, start, end);
      return;
    }
    this.#close();
    if (type < firstSpecial && end - start >= 2) this.#whole(bytes, start, end);
    else if (type === aggregation) this.#aggregate(bytes, start + 2, end);
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

  #whole(bytes: Buffer, start: number, end: number): void {
    this.#sink.begin((bytes[start]! << 8) | bytes[start + 1]!, bytes, start + 2, end);
    this.#sink.end();
  }

  #aggregate(bytes: Buffer, start: number, end: number): void {
    let at = start;
    while (at < end) {
      const unit = at + 2;
      const next = unit + ((bytes[at]! << 8) | (bytes[at + 1] ?? 0));
      if (next < unit + 2 || next > end || ((bytes[unit]! >> 1) & 0x3f) >= firstSpecial) {
        this.malformed += 1;
        return;
      }
      this.#whole(bytes, unit, next);
      at = next;
    }
  }

  #fragment(bytes: Buffer, start: number, end: number): void {
    const fu = end - start < 3 ? 0xff : bytes[start + 2]!;
    const type = fu & 0x3f;
    if (type >= firstSpecial) {
      this.malformed += 1;
      return;
    }
    if ((fu & 0x80) !== 0) {
      this.#close();
      const header = ((bytes[start]! & 0x81) << 8) | (type << 9) | bytes[start + 1]!;
      this.#sink.begin(header, bytes, start + 3, end);
      this.#open = true;
    } else if (this.#open) this.#sink.append(bytes, start + 3, end);
    else return; // The middle of a unit whose beginning was lost, and counted.
    if ((fu & 0x40) !== 0) this.#close();
  }
}
