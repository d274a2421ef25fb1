import ffmpeg from '@ffmpeg-installer/ffmpeg';
import type { Ffmpeg } from '#agent/camera/ffmpeg/program.ts';

/** The ffmpeg that comes with npm: a build of 2018, libavformat 58. */
export const embeddedFfmpeg: Ffmpeg = { path: ffmpeg.path, formatMajor: 58 };
