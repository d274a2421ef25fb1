/** Payload type of a recovery point: H.264 §D.1.8, H.265 §D.2.8. */
const recoveryPoint = 6;
/** It stands among the first and short messages; what vendors put behind them may be long and is not looked at. */
const lookBytes = 256;

/**
 * Whether the SEI messages in `bytes[start, end)`, without the unit's header, hold a recovery point: decoding can begin
 * at the picture that follows, and shows it whole some pictures later.
 */
export function hasRecoveryPoint(bytes: Uint8Array, start: number, end: number): boolean {
  const stop = Math.min(end, start + lookBytes);
  let at = start;
  let zeros = 0;
  /** The next byte without emulation prevention (H.264 §7.4.1); -1 at the end. */
  const next = (): number => {
    if (zeros >= 2 && at < stop && bytes[at] === 3) {
      at += 1;
      zeros = 0;
    }
    if (at >= stop) return -1;
    const byte = bytes[at++]!;
    zeros = byte === 0 ? zeros + 1 : 0;
    return byte;
  };
  /** Type and size are sums of bytes, of which the last is not 255 (H.264 §7.3.2.3.1). */
  const sum = (): number => {
    let total = 0;
    for (;;) {
      const byte = next();
      if (byte < 0) return -1;
      total += byte;
      if (byte !== 255) return total;
    }
  };
  while (at < stop) {
    const type = sum();
    const size = sum();
    if (type < 0 || size < 0) return false;
    if (type === recoveryPoint) return size > 0;
    for (let i = 0; i < size; i++) if (next() < 0) return false;
  }
  return false;
}
