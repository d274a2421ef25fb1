import type { Log } from '#agent/platform/log.ts';
import { run } from '#agent/platform/process.ts';
import { Failure } from '#protocol/failure.ts';

/** An ffmpeg that runs here. */
export interface Ffmpeg {
  path: string;
  /** Of its libavformat: what an option is called depends on it. */
  formatMajor: number;
}

/** Finds the ffmpeg of this box; undefined when there is none. */
export type FindFfmpeg = () => Promise<Ffmpeg | undefined>;

const system = '/usr/bin/ffmpeg';
const answerMs = 10_000;
/** Mostly the list of what it was built with. */
const answerBytes = 64 * 1024;

/**
 * Looks in the order `configured`, the system's, the one that came with npm, asks each for its version, and remembers
 * the first that answers. While there is none, it looks again each time.
 */
export function findFfmpeg(configured: string | undefined, log: Log): FindFfmpeg {
  let known: Promise<Ffmpeg | undefined> | undefined;
  const look = async (): Promise<Ffmpeg | undefined> => {
    const candidates = [configured, system, await embedded(log)];
    for (const path of candidates) {
      const formatMajor = path === undefined ? undefined : await askVersion(path, log);
      if (path === undefined || formatMajor === undefined) continue;
      log.info({ path, formatMajor }, 'ffmpeg is there');
      return { path, formatMajor };
    }
    return undefined;
  };
  return async () => {
    known ??= look();
    const found = await known;
    if (!found) known = undefined;
    return found;
  };
}

async function askVersion(path: string, log: Log): Promise<number | undefined> {
  try {
    const { stdout } = await run(path, ['-version'], { timeoutMs: answerMs, maxBytes: answerBytes });
    const major = /^libavformat\s+(\d{1,3})\./m.exec(stdout.toString())?.[1];
    if (major !== undefined) return Number(major);
    log.warn({ path }, 'does not answer like an ffmpeg');
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    log.debug({ path, code: error.code }, 'no ffmpeg there');
  }
  return undefined;
}

/** The package throws a string where it has no binary for the platform. */
async function embedded(log: Log): Promise<string | undefined> {
  try {
    return (await import('@ffmpeg-installer/ffmpeg')).default.path;
  } catch (thrown) {
    log.debug({ why: String(thrown) }, 'no embedded ffmpeg');
    return undefined;
  }
}
