import type { Duplex } from 'node:stream';

/**
 * Calls `broken` once when the broker announces a packet of more than `maxBytes` (MQTT 5 §2.1.4, the same in 3.1.1):
 * the library would gather up to 256 MB of it, and 3.1.1 has no Maximum Packet Size to ask for. Reads along; what
 * arrives stays for the library.
 */
export function limitPackets(
  stream: Duplex,
  maxBytes: number,
  broken: (announcedBytes: number) => void,
): void {
  /** Bytes of the packet under way that are still to come. */
  let left = 0;
  /** Undefined before a packet's first byte; then the length as far as it was read, and the weight of its next digit. */
  let length: { value: number; weight: number } | undefined;
  const onData = (chunk: Buffer): void => {
    for (let at = 0; at < chunk.length; ) {
      if (left > 0) {
        const skipped = Math.min(left, chunk.length - at);
        left -= skipped;
        at += skipped;
      } else if (length === undefined) {
        length = { value: 0, weight: 1 };
        at += 1;
      } else {
        const digit = chunk[at++] as number;
        length.value += (digit & 0x7f) * length.weight;
        length.weight *= 128;
        if (length.value > maxBytes || length.weight > 128 ** 4) {
          stream.off('data', onData);
          broken(length.value);
          return;
        }
        if (digit < 0x80) {
          left = length.value;
          length = undefined;
        }
      }
    }
  };
  stream.on('data', onData);
}
