import { Failure } from '#protocol/failure.ts';
import { h264 } from './h264.ts';
import { h265 } from './h265.ts';
import type { Codec } from './nal.ts';
import { type Format, type Medium, offered, type SessionDescription } from './sdp.ts';

/** The one track that is recorded, as the camera described it. */
export interface ChosenTrack {
  codec: Codec;
  payloadType: number;
  clockRate: number;
  control: string | undefined;
  /** Everything else on offer. */
  others: string[];
}

/** Chooses the first video track that can be recorded. Throws `unsupported-codec`, naming what there is. */
export function chooseTrack({ media }: SessionDescription): ChosenTrack {
  for (const medium of media)
    for (const format of medium.kind === 'video' && medium.plain ? medium.formats : []) {
      const codec = codecOf(format);
      if (!codec) continue;
      return {
        codec,
        payloadType: format.payloadType,
        clockRate: believedRate(format),
        control: medium.control,
        others: others(media, medium, format),
      };
    }
  const list = offered(media).join(', ').slice(0, 200) || 'nothing';
  throw new Failure('transient', 'unsupported-codec', `no H.264 or H.265 video: the camera offers ${list}`);
}

function others(media: readonly Medium[], chosen: Medium, chosenFormat: Format): string[] {
  const rest = chosen.formats.filter((format) => format !== chosenFormat);
  return offered(media.map((medium) => (medium === chosen ? { ...medium, formats: rest } : medium)));
}

/** RFC 6184 §8.2.1 and RFC 7798 §7.1 allow 90 kHz alone; a camera that states another may use it, within reason. */
function believedRate({ clockRate }: Format): number {
  return clockRate >= 1000 && clockRate <= 1_000_000 ? clockRate : 90_000;
}

/** The codec, with the parameter sets of the SDP; undefined when it is another, or sent in an order of its own. */
function codecOf({ encoding, parameters }: Format): Codec | undefined {
  const name = encoding.toUpperCase();
  if (name === 'H264' && parameters.get('packetization-mode') !== '2')
    return withSets(h264(), parameters, ['sprop-parameter-sets']);
  const ordered = Number(parameters.get('sprop-max-don-diff') ?? 0) === 0;
  if ((name === 'H265' || name === 'HEVC') && ordered)
    return withSets(h265(), parameters, ['sprop-vps', 'sprop-sps', 'sprop-pps']);
  return undefined;
}

function withSets(codec: Codec, parameters: Map<string, string>, names: string[]): Codec {
  for (const name of names)
    for (const part of (parameters.get(name) ?? '').slice(0, 8192).split(',')) {
      const unit = Buffer.from(part.trim(), 'base64');
      if (unit.length > 0) codec.sets.offer(unit, 'sdp');
    }
  return codec;
}
