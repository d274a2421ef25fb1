import { BitReader } from './bit-reader.ts';
import { H264Depacketiser } from './h264-depacketiser.ts';
import { hasChroma, parseSps, type Sps } from './h264-sets.ts';
import { type Description, nal, type ParameterSets, type RtpCodec } from './nal.ts';
import { hasRecoveryPoint } from './sei.ts';
import { SetStore, uint16 } from './set-store.ts';

/** nal_unit_type, H.264 table 7-1. */
const type = {
  slice: 1,
  partitionA: 2,
  partitionC: 4,
  idr: 5,
  sei: 6,
  sps: 7,
  pps: 8,
  delimiter: 9,
} as const;

/** By nal_unit_type; `first` is added by the slice's own header. */
const kinds = new Uint8Array(32);
for (let t = type.slice; t <= type.partitionC; t++) kinds[t] = nal.slice;
kinds[type.idr] = nal.slice | nal.key;
// §7.4.1.2.3: any of these after a picture's slices begins the next access unit.
for (const t of [type.sei, type.delimiter, 14, 15, 16, 17, 18]) kinds[t] = nal.leads;
kinds[type.sps] = kinds[type.pps] = nal.leads | nal.parameters;

/** H.264 (ITU-T H.264, RFC 6184, ISO/IEC 14496-15 §5). */
export function h264(): RtpCodec {
  return {
    name: 'h264',
    headerBytes: 1,
    lengthBytes: 4,
    intra: false,
    kind(header, bytes, start, end) {
      const kind = kinds[header & 0x1f]!;
      if ((header & 0x1f) === type.sei)
        return hasRecoveryPoint(bytes, start, end) ? kind | nal.recovery : kind;
      // first_mb_in_slice is ue(v): zero is a single one bit. Partitions B and C begin with another field.
      const leadsPicture =
        (header & 0x1f) !== 3 && (header & 0x1f) !== 4 && start < end && bytes[start]! >= 0x80;
      return (kind & nal.slice) !== 0 && leadsPicture ? kind | nal.first : kind;
    },
    sets: new H264Sets(),
    depacketiser: (sink) => new H264Depacketiser(sink),
  };
}

interface Pps {
  spsId: number;
}

class H264Sets implements ParameterSets {
  changed = false;
  #sps = new SetStore<Sps>(31); // avcC counts them in 5 bits
  #pps = new SetStore<Pps>(255); // and these in 8

  offer(unit: Uint8Array, origin: 'sdp' | 'stream'): void {
    const unitType = (unit[0] ?? 0) & 0x1f;
    if (unitType === type.sps) {
      const parsed = parseSps(unit);
      if (parsed && this.#sps.put(parsed.id, unit, parsed, origin)) this.changed = true;
    } else if (unitType === type.pps) {
      const reader = new BitReader(unit, 1, unit.length, 16);
      const id = reader.ue();
      const spsId = reader.ue();
      if (reader.overrun || id > 255 || spsId > 31) return;
      if (this.#pps.put(id, unit, { spsId }, origin)) this.changed = true;
    }
  }

  describe(_header: number, bytes: Buffer, start: number, end: number): Description | undefined {
    const slice = new BitReader(bytes, start, end, 32);
    slice.ue(); // first_mb_in_slice
    slice.ue(); // slice_type
    const pps = this.#pps.get(slice.ue());
    const sps = pps && this.#sps.get(pps.spsId);
    if (slice.overrun || !sps) return undefined;
    this.changed = false;
    const { profile, compatibility, level } = sps;
    const hex = [profile, compatibility, level].map((byte) => byte.toString(16).padStart(2, '0')).join('');
    return {
      codec: 'h264',
      codecString: `avc1.${hex}`,
      width: sps.width,
      height: sps.height,
      aspect: sps.aspect,
      reorders: sps.reorders,
      wholeFrames: sps.wholeFrames,
      sampleEntry: 'avc1',
      configuration: { box: 'avcC', record: avcRecord(sps, this.#sps.units(), this.#pps.units()) },
    };
  }
}

/** AVCDecoderConfigurationRecord (ISO/IEC 14496-15 §5.3.3.1.2), lengths of four bytes. */
function avcRecord(sps: Sps, spsUnits: Buffer[], ppsUnits: Buffer[]): Buffer {
  const parts = [
    Buffer.from([1, sps.profile, sps.compatibility, sps.level, 0xfc | 3, 0xe0 | spsUnits.length]),
    ...spsUnits.flatMap((unit) => [uint16(unit.length), unit]),
    Buffer.from([ppsUnits.length]),
    ...ppsUnits.flatMap((unit) => [uint16(unit.length), unit]),
  ];
  if (hasChroma(sps.profile))
    parts.push(
      Buffer.from([0xfc | sps.chromaFormat, 0xf8 | (sps.lumaDepth - 8), 0xf8 | (sps.chromaDepth - 8), 0]),
    );
  return Buffer.concat(parts);
}
