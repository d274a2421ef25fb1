import { tokenRate } from './picture-log.ts';
import type { Ffmpeg } from './program.ts';

/** Without a byte from the relay this long it gives up; the session has given up before. */
const readLimitUs = 15_000_000;
/** Until a keyframe with its parameter sets came; the session ends after a minute without. */
const probeUs = 90_000_000;
const probeBytes = 32 * 1024 * 1024;
/** Of what goes to stdout in one piece. */
const fragmentUs = 500_000;
const fragmentBytes = 8 * 1024 * 1024;

/** Copies the one video track at `url` to stdout as a fragmented MP4, times as they come. */
export function ffmpegArguments({ formatMajor }: Ffmpeg, url: string): string[] {
  // Before libavformat 59, -timeout meant to listen.
  const limit = formatMajor >= 59 ? '-timeout' : '-stimeout';
  return [
    ...['-nostdin', '-hide_banner', '-loglevel', 'warning'],
    ...['-protocol_whitelist', 'rtsp,rtp,tcp,udp', '-rtsp_transport', 'tcp', limit, `${readLimitUs}`],
    ...['-allowed_media_types', 'video', '-threads', '1'],
    // No frame rate is needed, and measuring one would hold the first seconds back.
    ...['-fpsprobesize', '0', '-analyzeduration', `${probeUs}`, '-probesize', `${probeBytes}`],
    ...['-copyts', '-i', url],
    ...['-map', '0:v:0', '-c', 'copy', '-an', '-copyinkf'],
    ...['-f', 'mp4', '-movflags', '+empty_moov+default_base_moof+frag_discont'],
    ...['-frag_duration', `${fragmentUs}`, '-frag_size', `${fragmentBytes}`],
    ...['-use_editlist', '0', '-avoid_negative_ts', 'disabled', '-video_track_timescale', `${tokenRate}`],
    'pipe:1',
  ];
}
