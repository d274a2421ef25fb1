import type { Clip } from './clip.ts';
import { payloadTypeOf } from './packetise.ts';

export interface SdpOptions {
  /** What stands in the answer to DESCRIBE: the clip, VP8, which nobody takes, or no video at all. */
  offer: 'video' | 'other-codec' | 'no-video';
  audio: boolean;
  /** `wrong`: sets of another stream, which the stream's own must overrule. */
  parameterSets: 'right' | 'missing' | 'wrong';
  /** How a track is addressed; `star` and `none` leave the address of the whole. */
  control: 'relative' | 'absolute' | 'wrong-host' | 'star' | 'none';
  /** Address of the whole, without a trailing slash. */
  base: string;
  frameRate: number;
}

/** SPS and PPS of a 320×240 Baseline stream, as a camera with stale settings announces them. */
const staleSets = [
  Buffer.from('6742c00ddb0507e8400000030040000007a3c50ab8', 'hex'),
  Buffer.from('68ca8cb2', 'hex'),
];

const encodings = { h264: 'H264', h265: 'H265', mpeg4: 'MP4V-ES' } as const;

/** Session description (RFC 8866; RFC 6184 §8.2.1; RFC 7798 §7.2.1; RFC 6416 §7.1). */
export function describe(clip: Clip, options: SdpOptions): string {
  const control = (track: number): string[] => {
    switch (options.control) {
      case 'relative':
        return [`a=control:trackID=${track}`];
      case 'absolute':
        return [`a=control:${options.base}/trackID=${track}`];
      case 'wrong-host':
        return [
          `a=control:${options.base.replace(/^rtsp:\/\/[^/]*/, 'rtsp://192.0.2.1:554')}/trackID=${track}`,
        ];
      case 'star':
        return ['a=control:*'];
      case 'none':
        return [];
    }
  };
  const lines = ['v=0', 'o=- 1 1 IN IP4 127.0.0.1', 's=Simulated camera', 'c=IN IP4 0.0.0.0', 't=0 0'];
  if (options.control !== 'none') lines.push('a=control:*');
  lines.push('a=range:npt=now-');
  const payloadType = payloadTypeOf(clip.codec);
  const fmtp = format(clip, options.parameterSets);
  if (options.offer === 'video')
    lines.push(
      `m=video 0 RTP/AVP ${payloadType}`,
      // M-JPEG is known by its number alone.
      ...(clip.codec === 'mjpeg' ? [] : [`a=rtpmap:${payloadType} ${encodings[clip.codec]}/90000`]),
      ...(fmtp === '' ? [] : [`a=fmtp:${payloadType} ${fmtp}`]),
      `a=framerate:${options.frameRate}`,
      ...control(0),
    );
  if (options.offer === 'other-codec')
    lines.push('m=video 0 RTP/AVP 97', 'a=rtpmap:97 VP8/90000', ...control(0));
  if (options.audio || options.offer === 'no-video')
    lines.push('m=audio 0 RTP/AVP 8', 'a=rtpmap:8 PCMA/8000', ...control(1));
  return lines.map((line) => `${line}\r\n`).join('');
}

function format(clip: Clip, which: SdpOptions['parameterSets']): string {
  const right = clip.parameterSets;
  if (clip.codec === 'mjpeg') return '';
  if (clip.codec === 'mpeg4') {
    const config = which === 'missing' ? '' : `; config=${Buffer.concat(right).toString('hex')}`;
    return `profile-level-id=1${config}`;
  }
  if (clip.codec === 'h265') {
    const sets = which === 'missing' ? [] : right.map((set) => set.toString('base64'));
    return ['vps', 'sps', 'pps']
      .flatMap((name, index) => (sets[index] === undefined ? [] : [`sprop-${name}=${sets[index]}`]))
      .join('; ');
  }
  const sets = which === 'wrong' ? staleSets : right;
  const level = (sets[0] as Buffer).toString('hex', 1, 4);
  const announced =
    which === 'missing'
      ? ''
      : `; sprop-parameter-sets=${sets.map((set) => set.toString('base64')).join(',')}`;
  return `packetization-mode=1; profile-level-id=${level}${announced}`;
}
