/** Smallest and largest PATCH. The largest bounds what a dead connection makes us send twice. */
const leastBytes = 64 * 1024;
const mostBytes = 4 * 1024 * 1024;
/** A chunk takes this long: one round trip of 80 ms is 4 % of it, and a lost one is soon made up for. */
const aimMs = 2000;

export interface ChunkSize {
  bytes(): number;
  /** A chunk went through. */
  took(bytes: number, ms: number): void;
  /** A chunk was lost: the link is not what it was. */
  lost(): void;
}

/** How much to send before asking for an acknowledgement, from what the link has done lately. */
export function chunkSize(): ChunkSize {
  let size = 4 * leastBytes;
  return {
    bytes: () => size,
    took(bytes, ms) {
      const fits = (bytes / Math.max(ms, 1)) * aimMs;
      // A last, short chunk says little about the link; growth is by doubling at most.
      if (bytes >= size / 2) size = Math.round(Math.min(Math.max(fits, leastBytes), mostBytes, size * 2));
    },
    lost() {
      size = Math.max(leastBytes, Math.round(size / 2));
    },
  };
}
