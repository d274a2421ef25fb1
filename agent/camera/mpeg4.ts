import { BitReader } from './bit-reader.ts';
import { esds } from './esds.ts';
import { type Codec, type Description, nal, type ParameterSets } from './nal.ts';

/** Start codes of ISO/IEC 14496-2 table 6-3. */
const code = { firstLayer: 0x20, lastLayer: 0x2f, sequence: 0xb0, picture: 0xb6 } as const;
/** Real headers have 20 to 60 bytes, user data of encoders included. */
const maxHeaderBytes = 1024;

/** MPEG-4 part 2: what stands in front of a picture's start code, and the picture, as two units. */
export function mpeg4(): Codec {
  return {
    name: 'mpeg4',
    headerBytes: 0,
    lengthBytes: 0,
    intra: false,
    kind(_header, bytes, start, end) {
      if (start + 5 > end || startCode(bytes, start) !== code.picture) return nal.leads | nal.parameters;
      // vop_coding_type: intra is 0.
      return nal.slice | nal.first | (bytes[start + 4]! >> 6 === 0 ? nal.key : 0);
    },
    sets: new VisualHeader(),
  };
}

/** Where the first picture of `bytes[start, end)` begins, or `start` when none does. */
export function pictureOf(bytes: Buffer, start: number, end: number): number {
  for (const { value, at } of startCodes(bytes, start, end)) if (value === code.picture) return at;
  return start;
}

function startCode(bytes: Uint8Array, at: number): number {
  return bytes[at] === 0 && bytes[at + 1] === 0 && bytes[at + 2] === 1 ? bytes[at + 3]! : -1;
}

function* startCodes(
  bytes: Uint8Array,
  start: number,
  end: number,
): Generator<{ value: number; at: number }> {
  const limit = Math.min(end, start + maxHeaderBytes);
  for (let at = start; at + 4 <= limit; at++) {
    const value = startCode(bytes, at);
    if (value >= 0) yield { value, at };
  }
}

interface Layer {
  header: Buffer;
  profile: number;
  width: number;
  height: number;
  aspect: readonly [number, number] | undefined;
  lowDelay: boolean;
}

/** The header up to the end of its layer; one in the stream wins over the description's. */
class VisualHeader implements ParameterSets {
  changed = false;
  #layer: Layer | undefined;
  #origin: 'sdp' | 'stream' = 'sdp';

  offer(unit: Uint8Array, origin: 'sdp' | 'stream'): void {
    if (origin === 'sdp' && this.#origin === 'stream') return;
    const layer = parseHeader(unit);
    if (!layer) return;
    this.#origin = origin;
    if (this.#layer?.header.equals(layer.header)) return;
    this.#layer = layer;
    this.changed = true;
  }

  describe(): Description | undefined {
    const layer = this.#layer;
    if (!layer) return undefined;
    this.changed = false;
    const { width, height, aspect, lowDelay } = layer;
    return {
      codec: 'mpeg4',
      codecString: `mp4v.20.${layer.profile}`,
      width,
      height,
      aspect,
      reorders: !lowDelay,
      wholeFrames: true,
      sampleEntry: 'mp4v',
      configuration: { box: 'esds', record: esds(0x20, layer.header) },
    };
  }
}

/** Everything from the first start code to before what follows the layer (group, picture); undefined without a layer. */
function parseHeader(unit: Uint8Array): Layer | undefined {
  let begin = -1;
  let layerAt = -1;
  let end = Math.min(unit.length, maxHeaderBytes);
  let profile = 1; // Simple, level 1: what an absent header stands for (RFC 6416 §7.1)
  for (const { value, at } of startCodes(unit, 0, unit.length)) {
    if (begin < 0) begin = at;
    if (value === code.sequence) profile = unit[at + 4] ?? profile;
    if (value >= code.firstLayer && value <= code.lastLayer) layerAt = at;
    else if (layerAt >= 0 && (value === 0xb3 || value === code.picture)) {
      end = at;
      break;
    }
  }
  if (layerAt < 0) return undefined;
  const parsed = parseLayer(unit, layerAt + 4, end);
  return parsed && { ...parsed, profile, header: Buffer.from(unit.subarray(begin, end)) };
}

const rectangular = 0;
/** Without pictures that are shown before one sent earlier. */
const simpleObject = 1;
const extendedAspect = 15;
/** Table 6-12. */
const aspects: readonly (readonly [number, number] | undefined)[] = [
  undefined,
  undefined, // square
  [12, 11],
  [10, 11],
  [16, 11],
  [40, 33],
];

/** video_object_layer() as far as the size of the picture (§6.2.3). */
function parseLayer(unit: Uint8Array, start: number, end: number) {
  const reader = new BitReader(unit, start, end, 64, 'raw');
  reader.skip(1); // random_accessible_vol
  let lowDelay = reader.bits(8) === simpleObject;
  if (reader.flag()) reader.skip(4 + 3); // version and priority of the layer
  const ratio = reader.bits(4);
  const own = ratio === extendedAspect ? ([reader.bits(8), reader.bits(8)] as const) : aspects[ratio];
  if (reader.flag()) {
    reader.skip(2); // chroma_format
    lowDelay = reader.flag();
    if (reader.flag()) reader.skip(79); // vbv_parameters
  }
  if (reader.bits(2) !== rectangular || !reader.flag()) return undefined;
  const resolution = reader.bits(16);
  if (!reader.flag()) return undefined;
  if (reader.flag()) reader.skip(Math.max(1, Math.ceil(Math.log2(resolution)))); // fixed_vop_time_increment
  if (!reader.flag()) return undefined;
  const width = reader.bits(13);
  if (!reader.flag()) return undefined;
  const height = reader.bits(13);
  if (!reader.flag() || reader.overrun || width === 0 || height === 0) return undefined;
  const aspect = own && own[0] > 0 && own[1] > 0 ? own : undefined;
  return { width, height, aspect, lowDelay };
}
