/** The NAL units of a byte stream (H.264 and H.265 Annex B), without start codes and trailing zeros. */
export function splitAnnexB(stream: Buffer): Buffer[] {
  const nals: Buffer[] = [];
  const startCode = Buffer.from([0, 0, 1]);
  let at = stream.indexOf(startCode);
  while (at >= 0) {
    const begin = at + 3;
    at = stream.indexOf(startCode, begin);
    let end = at < 0 ? stream.length : at;
    while (end > begin && stream[end - 1] === 0) end -= 1;
    nals.push(stream.subarray(begin, end));
  }
  return nals;
}

/** Where `part` lies in `whole` read round and round, NAL unit by NAL unit; -1 when nowhere. */
export function indexInLoop(whole: readonly Buffer[], part: readonly Buffer[]): number {
  return whole.findIndex((_, start) =>
    part.every((nal, index) => nal.equals(whole[(start + index) % whole.length] as Buffer)),
  );
}

/**
 * Two recordings of one stream that began and ended at different moments: lays the first unit of `a` that `b` has too,
 * of at least `landmarkBytes`, on its like, and compares everything both have before and after it. Returns how many
 * units both have; throws where they differ.
 */
export function overlap(a: readonly Buffer[], b: readonly Buffer[], landmarkBytes = 4000): number {
  for (const [atA, landmark] of a.entries()) {
    const atB = landmark.length < landmarkBytes ? -1 : b.findIndex((nal) => nal.equals(landmark));
    if (atB < 0) continue;
    const before = Math.min(atA, atB);
    const count = before + Math.min(a.length - atA, b.length - atB);
    for (let i = 0; i < count; i++)
      if (!(a[atA - before + i] as Buffer).equals(b[atB - before + i] as Buffer))
        throw new Error(`unit ${atA - before + i} differs from unit ${atB - before + i}`);
    return count;
  }
  throw new Error('nothing in common');
}
