/** Longest parameter set believed: real ones have 10 to 200 bytes, with every scaling list about 1,300. */
const maxSetBytes = 4096;

interface Entry<T> {
  unit: Buffer;
  parsed: T;
}

/**
 * Parameter sets of one kind by their id. The SDP's serve until the stream brings its own; from then on they are
 * forgotten, all of them: they may describe another resolution.
 */
export class SetStore<T> {
  #entries = new Map<number, Entry<T>>();
  #origin: 'sdp' | 'stream' = 'sdp';
  #most: number;

  constructor(most: number) {
    this.#most = most;
  }

  /** Whether something is now different. */
  put(id: number, unit: Uint8Array, parsed: T, origin: 'sdp' | 'stream'): boolean {
    if (unit.length > maxSetBytes) return false;
    const fresh = origin !== this.#origin;
    const known = this.#entries.get(id);
    if (fresh) {
      this.#entries.clear();
      this.#origin = origin;
    }
    const same = known?.unit.equals(unit) ?? false;
    if (!this.#entries.has(id) && this.#entries.size >= this.#most) return false;
    this.#entries.set(id, known && same ? known : { unit: Buffer.from(unit), parsed });
    return fresh || !same;
  }

  get(id: number): T | undefined {
    return this.#entries.get(id)?.parsed;
  }

  /** The units by id. */
  units(): Buffer[] {
    return [...this.#entries].sort(([a], [b]) => a - b).map(([, entry]) => entry.unit);
  }
}

/** As configuration records count their units. */
export function uint16(value: number): Buffer {
  return Buffer.from([value >> 8, value & 0xff]);
}
