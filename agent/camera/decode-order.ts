/**
 * Decode times from presentation times. RTP carries presentation times only, in sending order, which is decode
 * order; without B pictures the two agree. With them, the pictures of a GOP are decoded at the same instants at which
 * they are shown, only in another order: so the i-th picture sent gets the i-th smallest presentation time, and what
 * it lacks or exceeds is its signed composition offset (ISO/IEC 14496-12 §8.6.1.3, trun version 1). No delay is
 * made up, the first decode time is the first presentation time, and every presentation time stays exact. Where
 * two GOPs overlap (open GOP, a split one), decode times creep on tick by tick until they have caught up.
 */
export class DecodeOrder {
  #decode: Float64Array;
  #sorted: Float64Array;

  constructor(most: number) {
    this.#decode = new Float64Array(most);
    this.#sorted = new Float64Array(most);
  }

  /**
   * Fills `durations` and `offsets` for the `count` presentation times in `shown`; the first decode time, at least
   * `earliest`, is returned in `first`, the end of the last sample in `end`. `next` is the presentation time of the
   * picture that follows; `exact` says that nothing after it is shown before it.
   */
  assign(
    shown: Float64Array,
    count: number,
    earliest: number,
    next: number,
    exact: boolean,
    durations: Uint32Array,
    offsets: Int32Array,
  ): { first: number; end: number; reordered: boolean } {
    const decode = this.#decode;
    let ordered = true;
    for (let i = 1; i < count && ordered; i++) ordered = shown[i]! > shown[i - 1]!;
    let source = shown;
    if (!ordered) {
      source = this.#sorted;
      source.set(shown.subarray(0, count));
      source.subarray(0, count).sort();
    }
    let reordered = false;
    let before = earliest - 1;
    for (let i = 0; i < count; i++) {
      const time = Math.max(source[i]!, before + 1);
      decode[i] = time;
      offsets[i] = shown[i]! - time;
      if (offsets[i] !== 0) reordered = true;
      if (i > 0) durations[i - 1] = time - before;
      before = time;
    }
    const usual = count > 1 ? before - decode[count - 2]! : Number.POSITIVE_INFINITY;
    const end = Math.max(before + 1, ordered || exact ? next : Math.min(next, before + usual));
    durations[count - 1] = end - before;
    return { first: decode[0]!, end, reordered };
  }
}
