import { BitReader } from './bit-reader.ts';

/** What is needed of a sequence parameter set (H.264 §7.3.2.1.1). */
export interface Sps {
  id: number;
  profile: number;
  compatibility: number;
  level: number;
  chromaFormat: number;
  lumaDepth: number;
  chromaDepth: number;
  width: number;
  height: number;
  wholeFrames: boolean;
  reorders: boolean;
  aspect: readonly [number, number] | undefined;
}

/** Largest picture of level 6.2 (table A-1) in one direction: sqrt(139264 × 8) macroblocks. */
export const maxSide = 16_896;

/** Profiles whose SPS says its chroma format (§7.3.2.1.1), and whose avcC carries it (ISO/IEC 14496-15 §5.3.3.1.2). */
const withChroma = new Set([100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135]);

export function hasChroma(profile: number): boolean {
  return withChroma.has(profile);
}

/** Undefined for a unit that is no valid SPS. */
export function parseSps(unit: Uint8Array): Sps | undefined {
  if (unit.length < 5) return undefined;
  const profile = unit[1]!;
  const reader = new BitReader(unit, 4, unit.length);
  const id = reader.ue();
  let chromaFormat = 1;
  let lumaDepth = 8;
  let chromaDepth = 8;
  let separatePlanes = false;
  if (hasChroma(profile)) {
    chromaFormat = reader.ue();
    if (chromaFormat === 3) separatePlanes = reader.flag();
    lumaDepth = 8 + reader.ue();
    chromaDepth = 8 + reader.ue();
    reader.skip(1);
    if (reader.flag()) skipScalingMatrix(reader, chromaFormat === 3 ? 12 : 8);
  }
  reader.ue(); // log2_max_frame_num_minus4
  const orderType = reader.ue();
  if (orderType === 0) reader.ue();
  else if (orderType === 1) {
    reader.skip(1);
    reader.se();
    reader.se();
    const cycle = reader.ue();
    if (cycle > 255) return undefined;
    for (let i = 0; i < cycle; i++) reader.se();
  }
  reader.ue(); // max_num_ref_frames
  reader.skip(1);
  const columns = reader.ue() + 1;
  const rows = reader.ue() + 1;
  const wholeFrames = reader.flag();
  if (!wholeFrames) reader.skip(1);
  reader.skip(1);
  let crop = [0, 0, 0, 0];
  if (reader.flag()) crop = [reader.ue(), reader.ue(), reader.ue(), reader.ue()];
  const unitX = chromaFormat === 0 || chromaFormat === 3 || separatePlanes ? 1 : 2;
  const unitY = (chromaFormat === 1 && !separatePlanes ? 2 : 1) * (wholeFrames ? 1 : 2);
  const width = columns * 16 - (crop[0]! + crop[1]!) * unitX;
  const height = rows * 16 * (wholeFrames ? 1 : 2) - (crop[2]! + crop[3]!) * unitY;
  const sane =
    !reader.overrun &&
    id <= 31 &&
    chromaFormat <= 3 &&
    lumaDepth <= 14 &&
    chromaDepth <= 14 &&
    orderType <= 2;
  if (!sane || width < 1 || height < 1 || width > maxSide || height > maxSide) return undefined;
  const vui = reader.flag() ? parseVui(reader) : undefined;
  return {
    id,
    profile,
    compatibility: unit[2]!,
    level: unit[3]!,
    chromaFormat,
    lumaDepth,
    chromaDepth,
    width,
    height,
    wholeFrames,
    // §7.4.2.1.1: type 2 means output in decoding order; profile 66 has no B slices (and no camera uses ASO).
    reorders: orderType !== 2 && profile !== 66 && vui?.reorderFrames !== 0,
    aspect: vui?.aspect,
  };
}

function skipScalingMatrix(reader: BitReader, lists: number): void {
  for (let list = 0; list < lists; list++) {
    if (!reader.flag()) continue;
    let last = 8;
    let next = 8;
    for (let i = 0; i < (list < 6 ? 16 : 64) && !reader.overrun; i++) {
      if (next !== 0) next = (last + reader.se() + 256) % 256;
      if (next !== 0) last = next;
    }
  }
}

/** Table E-1, by aspect_ratio_idc. */
export const sampleAspects: readonly (readonly [number, number])[] = [
  [0, 0],
  [1, 1],
  [12, 11],
  [10, 11],
  [16, 11],
  [40, 33],
  [24, 11],
  [20, 11],
  [32, 11],
  [80, 33],
  [18, 11],
  [15, 11],
  [64, 33],
  [160, 99],
  [4, 3],
  [3, 2],
  [2, 1],
];

/** Aspect ratio as stated at the start of either codec's VUI; undefined when unknown or square. */
export function readAspect(reader: BitReader): readonly [number, number] | undefined {
  if (!reader.flag()) return undefined;
  const code = reader.bits(8);
  const [wide, high] = code === 255 ? [reader.bits(16), reader.bits(16)] : (sampleAspects[code] ?? [0, 0]);
  return wide > 0 && high > 0 && wide !== high ? [wide, high] : undefined;
}

/** §E.1.1, as far as the reordering at its end. */
function parseVui(reader: BitReader) {
  const aspect = readAspect(reader);
  if (reader.flag()) reader.skip(1);
  if (reader.flag()) {
    reader.skip(4);
    if (reader.flag()) reader.skip(24);
  }
  if (reader.flag()) {
    reader.ue();
    reader.ue();
  }
  if (reader.flag()) reader.skip(65);
  const nalHrd = reader.flag();
  if (nalHrd) skipHrd(reader);
  const vclHrd = reader.flag();
  if (vclHrd) skipHrd(reader);
  if (nalHrd || vclHrd) reader.skip(1);
  reader.skip(1);
  let reorderFrames: number | undefined;
  if (reader.flag()) {
    reader.skip(1);
    for (let i = 0; i < 4; i++) reader.ue();
    reorderFrames = reader.ue();
  }
  // Cameras cut this part short; what was read past the end says nothing.
  return reader.overrun ? { aspect, reorderFrames: undefined } : { aspect, reorderFrames };
}

function skipHrd(reader: BitReader): void {
  const count = reader.ue() + 1;
  reader.skip(8);
  for (let i = 0; i < count && !reader.overrun; i++) {
    reader.ue();
    reader.ue();
    reader.skip(1);
  }
  reader.skip(20);
}
