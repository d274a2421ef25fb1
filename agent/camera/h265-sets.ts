import { BitReader } from './bit-reader.ts';
import { maxSide } from './h264-sets.ts';

/** What is needed of a sequence parameter set (H.265 §7.3.2.2.1). */
export interface Sps265 {
  id: number;
  vpsId: number;
  temporalLayers: number;
  temporalNesting: boolean;
  /** The first 12 bytes of profile_tier_level, as they are repeated in hvcC. */
  profileTierLevel: Buffer;
  chromaFormat: number;
  lumaDepth: number;
  chromaDepth: number;
  width: number;
  height: number;
  reorders: boolean;
}

const headerBytes = 2;

/** Undefined for a unit that is no valid SPS. */
export function parseSps265(unit: Uint8Array): Sps265 | undefined {
  const reader = new BitReader(unit, headerBytes, unit.length);
  const vpsId = reader.bits(4);
  const subLayers = reader.bits(3);
  const temporalNesting = reader.flag();
  const profileTierLevel = Buffer.alloc(12);
  for (let i = 0; i < 12; i++) profileTierLevel[i] = reader.bits(8);
  skipSubLayers(reader, subLayers);
  const id = reader.ue();
  const chromaFormat = reader.ue();
  const separatePlanes = chromaFormat === 3 && reader.flag();
  let width = reader.ue();
  let height = reader.ue();
  if (reader.flag()) {
    const unitX = (chromaFormat === 1 || chromaFormat === 2) && !separatePlanes ? 2 : 1;
    const unitY = chromaFormat === 1 && !separatePlanes ? 2 : 1;
    width -= (reader.ue() + reader.ue()) * unitX;
    height -= (reader.ue() + reader.ue()) * unitY;
  }
  const lumaDepth = 8 + reader.ue();
  const chromaDepth = 8 + reader.ue();
  reader.ue(); // log2_max_pic_order_cnt_lsb_minus4
  let reorder = 0;
  for (let layer = reader.flag() ? 0 : subLayers; layer <= subLayers && !reader.overrun; layer++) {
    reader.ue();
    reorder = reader.ue(); // the highest layer's counts: everything is recorded
    reader.ue();
  }
  const sane =
    !reader.overrun &&
    id <= 15 &&
    subLayers <= 6 &&
    chromaFormat <= 3 &&
    lumaDepth <= 16 &&
    chromaDepth <= 16;
  if (!sane || width < 1 || height < 1 || width > maxSide || height > maxSide) return undefined;
  return {
    id,
    vpsId,
    temporalLayers: subLayers + 1,
    temporalNesting,
    profileTierLevel,
    chromaFormat,
    lumaDepth,
    chromaDepth,
    width,
    height,
    reorders: reorder > 0,
  };
}

/** §7.3.3: what profile_tier_level says of the lower temporal layers. */
function skipSubLayers(reader: BitReader, subLayers: number): void {
  if (subLayers === 0) return;
  const present: [boolean, boolean][] = [];
  for (let i = 0; i < subLayers; i++) present.push([reader.flag(), reader.flag()]);
  reader.skip(2 * (8 - subLayers));
  for (const [profile, level] of present) reader.skip((profile ? 88 : 0) + (level ? 8 : 0));
}

/** RFC 6381 form of ISO/IEC 14496-15 annex E: `hvc1.1.6.L93.B0`. */
export function codecString265(profileTierLevel: Buffer): string {
  const first = profileTierLevel[0]!;
  const space = ['', 'A', 'B', 'C'][first >> 6];
  let compatibility = 0;
  const stated = profileTierLevel.readUInt32BE(1);
  for (let i = 0; i < 32; i++) if (((stated >>> i) & 1) === 1) compatibility += 2 ** (31 - i);
  const constraints = [...profileTierLevel.subarray(5, 11)];
  while (constraints.at(-1) === 0) constraints.pop();
  return [
    'hvc1',
    `${space}${first & 0x1f}`,
    compatibility.toString(16).toUpperCase(),
    `${(first & 0x20) !== 0 ? 'H' : 'L'}${profileTierLevel[11]}`,
    ...constraints.map((byte) => byte.toString(16).toUpperCase()),
  ].join('.');
}
