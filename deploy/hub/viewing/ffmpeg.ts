import { run } from '#agent/platform/process.ts';
import { Failure } from '#protocol/failure.ts';

/** The system's, else the one that came with npm (of 2018). Throws `unavailable` `no-ffmpeg`. */
export async function findFfmpeg(): Promise<string> {
  for (const path of ['/usr/bin/ffmpeg', await embedded()])
    if (path !== undefined && (await answers(path))) return path;
  throw new Failure('unavailable', 'no-ffmpeg', 'no ffmpeg runs here: install the package "ffmpeg"');
}

async function answers(path: string): Promise<boolean> {
  try {
    return (await run(path, ['-version'], { timeoutMs: 10_000, maxBytes: 64 * 1024 })).code === 0;
  } catch (error) {
    if (error instanceof Failure) return false;
    throw error;
  }
}

/** The package throws a string where it has no binary for the platform. */
async function embedded(): Promise<string | undefined> {
  try {
    return (await import('@ffmpeg-installer/ffmpeg')).default.path;
  } catch (thrown) {
    if (typeof thrown === 'string') return undefined;
    throw thrown;
  }
}
