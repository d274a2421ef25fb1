import { Failure } from '#protocol/failure.ts';
import { h264 } from './h264.ts';
import { h265 } from './h265.ts';
import { mjpeg } from './mjpeg.ts';
import { mpeg4 } from './mpeg4.ts';
import type { Codec, RtpCodec } from './nal.ts';
import { type Format, type Medium, offered, type SessionDescription } from './sdp.ts';

/** The one track that is recorded, as the camera described it. */
export interface ChosenTrack<C extends Codec = RtpCodec> {
  codec: C;
  format: Format;
  medium: Medium;
  /** Ticks per second. */
  clockRate: number;
  /** Everything else on offer. */
  others: string[];
}

/** Chooses the first video track that is taken in process. Throws `unsupported-codec`, naming what there is. */
export function chooseTrack(description: SessionDescription): ChosenTrack {
  return choose(description, inProcess, 'no H.264 or H.265 video');
}

/** Chooses the first video track that ffmpeg takes. Throws `unsupported-codec`, naming what there is. */
export function chooseForFfmpeg(description: SessionDescription): ChosenTrack<Codec> {
  return choose(description, byFfmpeg, 'no H.264, H.265, MPEG-4 or JPEG video');
}

function choose<C extends Codec>(
  { media }: SessionDescription,
  codecOf: (format: Format) => C | undefined,
  lacking: string,
): ChosenTrack<C> {
  for (const medium of media)
    for (const format of medium.kind === 'video' && medium.plain ? medium.formats : []) {
      const codec = codecOf(format);
      if (!codec) continue;
      return {
        codec,
        format,
        medium,
        clockRate: believedRate(format),
        others: others(media, medium, format),
      };
    }
  const list = offered(media).join(', ').slice(0, 200) || 'nothing';
  throw new Failure('transient', 'unsupported-codec', `${lacking}: the camera offers ${list}`);
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
function inProcess({ encoding, parameters }: Format): RtpCodec | undefined {
  const name = encoding.toUpperCase();
  if (name === 'H264' && parameters.get('packetization-mode') !== '2')
    return withSets(h264(), parameters, ['sprop-parameter-sets']);
  const ordered = Number(parameters.get('sprop-max-don-diff') ?? 0) === 0;
  if ((name === 'H265' || name === 'HEVC') && ordered)
    return withSets(h265(), parameters, ['sprop-vps', 'sprop-sps', 'sprop-pps']);
  return undefined;
}

function byFfmpeg(format: Format): Codec | undefined {
  const { encoding, parameters } = format;
  switch (encoding.toUpperCase()) {
    case 'JPEG':
      return mjpeg();
    case 'MP4V-ES': {
      const codec = mpeg4();
      codec.sets.offer(Buffer.from((parameters.get('config') ?? '').slice(0, 2048), 'hex'), 'sdp');
      return codec;
    }
    case 'H265':
    case 'HEVC':
      return withSets(h265(), parameters, ['sprop-vps', 'sprop-sps', 'sprop-pps']);
    default:
      return inProcess(format);
  }
}

function withSets(codec: RtpCodec, parameters: Map<string, string>, names: string[]): RtpCodec {
  for (const name of names)
    for (const part of (parameters.get(name) ?? '').slice(0, 8192).split(',')) {
      const unit = Buffer.from(part.trim(), 'base64');
      if (unit.length > 0) codec.sets.offer(unit, 'sdp');
    }
  return codec;
}
