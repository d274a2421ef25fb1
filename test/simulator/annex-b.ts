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
