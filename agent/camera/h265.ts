import { BitReader } from './bit-reader.ts';
import { H265Depacketiser } from './h265-depacketiser.ts';
import { codecString265, parseSps265, type Sps265 } from './h265-sets.ts';
import { type Description, nal, type ParameterSets, type RtpCodec } from './nal.ts';
import { hasRecoveryPoint } from './sei.ts';
import { SetStore, uint16 } from './set-store.ts';

/** nal_unit_type, H.265 table 7-1. */
const type = { vps: 32, sps: 33, pps: 34, delimiter: 35, prefixSei: 39 } as const;
const firstIrap = 16;
const lastIrap = 23;

/** By nal_unit_type; `first` is added by the slice's own header. */
const kinds = new Uint8Array(64);
kinds.fill(nal.slice, 0, 32);
kinds.fill(nal.slice | nal.key | nal.open, firstIrap, lastIrap + 1);
kinds[18] = kinds[20] = nal.slice | nal.key; // BLA_N_LP, IDR_N_LP: nothing after them is shown before them
// §7.4.2.4.4: any of these after a picture's slices begins the next access unit.
for (const t of [type.delimiter, type.prefixSei, 41, 42, 43, 44]) kinds[t] = nal.leads;
kinds.fill(nal.leads, 48, 56);
kinds[type.vps] = kinds[type.sps] = kinds[type.pps] = nal.leads | nal.parameters;

function typeOf(header: number): number {
  return (header >> 9) & 0x3f;
}

/** H.265 (ITU-T H.265, RFC 7798, ISO/IEC 14496-15 §8). */
export function h265(): RtpCodec {
  return {
    name: 'h265',
    headerBytes: 2,
    lengthBytes: 4,
    intra: false,
    kind(header, bytes, start, end) {
      const kind = kinds[typeOf(header)]!;
      if (typeOf(header) === type.prefixSei)
        return hasRecoveryPoint(bytes, start, end) ? kind | nal.recovery : kind;
      // first_slice_segment_in_pic_flag is the first bit of every slice segment header.
      const first = (kind & nal.slice) !== 0 && start < end && bytes[start]! >= 0x80;
      return first ? kind | nal.first : kind;
    },
    sets: new H265Sets(),
    depacketiser: (sink) => new H265Depacketiser(sink),
  };
}

class H265Sets implements ParameterSets {
  changed = false;
  #vps = new SetStore<true>(16);
  #sps = new SetStore<Sps265>(16);
  #pps = new SetStore<{ spsId: number }>(64);

  offer(unit: Uint8Array, origin: 'sdp' | 'stream'): void {
    if (unit.length < 4) return;
    const unitType = (unit[0]! >> 1) & 0x3f;
    let fresh = false;
    if (unitType === type.vps) fresh = this.#vps.put(unit[2]! >> 4, unit, true, origin);
    else if (unitType === type.sps) {
      const parsed = parseSps265(unit);
      if (parsed) fresh = this.#sps.put(parsed.id, unit, parsed, origin);
    } else if (unitType === type.pps) {
      const reader = new BitReader(unit, 2, unit.length, 16);
      const id = reader.ue();
      const spsId = reader.ue();
      if (!reader.overrun && id <= 63 && spsId <= 15) fresh = this.#pps.put(id, unit, { spsId }, origin);
    }
    if (fresh) this.changed = true;
  }

  describe(header: number, bytes: Buffer, start: number, end: number): Description | undefined {
    const slice = new BitReader(bytes, start, end, 32);
    slice.skip(1); // first_slice_segment_in_pic_flag
    const unitType = typeOf(header);
    if (unitType >= firstIrap && unitType <= lastIrap) slice.skip(1); // no_output_of_prior_pics_flag
    const pps = this.#pps.get(slice.ue());
    const sps = pps && this.#sps.get(pps.spsId);
    if (slice.overrun || !sps || !this.#vps.get(sps.vpsId)) return undefined;
    this.changed = false;
    return {
      codec: 'h265',
      codecString: codecString265(sps.profileTierLevel),
      width: sps.width,
      height: sps.height,
      aspect: undefined, // in the VUI, behind reference picture sets; decoders read it there
      reorders: sps.reorders,
      wholeFrames: true,
      sampleEntry: 'hvc1',
      configuration: { box: 'hvcC', record: this.#record(sps) },
    };
  }

  /** HEVCDecoderConfigurationRecord (ISO/IEC 14496-15 §8.3.3.1.2), lengths of four bytes. */
  #record(sps: Sps265): Buffer {
    const { chromaFormat, lumaDepth, chromaDepth, temporalLayers, temporalNesting } = sps;
    const arrays = [
      [type.vps, this.#vps.units()],
      [type.sps, this.#sps.units()],
      [type.pps, this.#pps.units()],
    ] as const;
    return Buffer.concat([
      Buffer.from([1]),
      sps.profileTierLevel,
      Buffer.from([
        0xf0,
        0,
        0xfc,
        0xfc | chromaFormat,
        0xf8 | (lumaDepth - 8),
        0xf8 | (chromaDepth - 8),
        0,
        0,
      ]),
      Buffer.from([(temporalLayers << 3) | (temporalNesting ? 4 : 0) | 3, arrays.length]),
      // Complete, as hvc1 demands: the samples repeat these sets and hold no others.
      ...arrays.flatMap(([unitType, units]) => [
        Buffer.from([0x80 | unitType]),
        uint16(units.length),
        ...units.flatMap((unit) => [uint16(unit.length), unit]),
      ]),
    ]);
  }
}
