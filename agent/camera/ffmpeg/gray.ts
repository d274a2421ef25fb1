import type { Clock, Timer } from '#agent/platform/clock.ts';
import { run } from '#agent/platform/process.ts';
import { Failure } from '#protocol/failure.ts';
import type { FindFfmpeg } from './program.ts';

export interface GrayParts {
  ffmpeg: FindFfmpeg;
  /** Of every picture that is made. */
  size: { width: number; height: number };
  /** Films of which one process makes pictures. */
  together: number;
  /** How long the first of them waits for the others. */
  gatherMs: number;
  clock: Clock;
}

export interface GrayDecoder {
  /**
   * The first picture of a film as `width` × `height` bytes of luminance. Through pipes alone, in a child with limits
   * on memory and time that gives way to all else; one child at a time. Throws `no-ffmpeg`, `no-picture` when nothing
   * can be decoded, what `run` throws, and the signal's reason.
   */
  decode(film: Buffer, signal: AbortSignal): Promise<Buffer>;
}

interface Wanted {
  film: Buffer;
  signal: AbortSignal;
  take(gray: Buffer): void;
  fail(why: unknown): void;
}

/** A slow box decodes one picture of 4K in a second. */
const decodeMs = 10_000;
/** What the child may map for writing (setrlimit(2), RLIMIT_DATA): decoders of seven pictures of 4K map over 500 MiB. */
const dataBytes = 1024 * 1024 * 1024;

/** Area averaging: a pixel of the small picture is the mean of what it stands for, so that noise is averaged too. */
export function grayFilter(width: number, height: number): string {
  return `scale=${width}:${height}:flags=area,format=gray`;
}

/** Makes pictures of several cameras in one child: to load ffmpeg and its libraries takes longer than a picture. */
export function openGrayDecoder(parts: GrayParts): GrayDecoder {
  const { together, gatherMs, clock } = parts;
  let gathered: Wanted[] = [];
  let gathering: Timer | undefined;
  let turn: Promise<void> = Promise.resolve();

  /** All that still want theirs. A film that takes the child down with it takes no other's picture along. */
  const make = async (all: readonly Wanted[]): Promise<void> => {
    const wanted = all.filter(({ signal }) => !signal.aborted);
    if (wanted.length === 0) return;
    const stop = new AbortController();
    const left = (): void => {
      if (wanted.every(({ signal }) => signal.aborted)) stop.abort();
    };
    for (const { signal } of wanted) signal.addEventListener('abort', left, { once: true });
    try {
      const films = wanted.map(({ film }) => film);
      const grays = await takeGrays(parts, films, stop.signal);
      if (grays === undefined && wanted.length > 1) for (const one of wanted) await make([one]);
      else
        for (const [index, one] of wanted.entries()) {
          const gray = grays?.[index];
          if (gray) one.take(gray);
          else one.fail(noPicture());
        }
    } catch (error) {
      if (wanted.length > 1 && !stop.signal.aborted) for (const one of wanted) await make([one]);
      else for (const { fail } of wanted) fail(error);
    } finally {
      for (const { signal } of wanted) signal.removeEventListener('abort', left);
    }
  };
  const begin = (): void => {
    gathering?.cancel();
    gathering = undefined;
    const mine = gathered;
    gathered = [];
    turn = turn.then(() => make(mine));
  };

  return {
    decode(film, signal) {
      return new Promise((resolve, reject) => {
        if (signal.aborted) return reject(signal.reason);
        const settled = (): void => signal.removeEventListener('abort', abort);
        const wanted: Wanted = {
          film,
          signal,
          take(gray) {
            settled();
            resolve(gray);
          },
          fail(why) {
            settled();
            reject(why);
          },
        };
        const abort = (): void => {
          gathered = gathered.filter((one) => one !== wanted);
          if (gathered.length === 0) {
            gathering?.cancel();
            gathering = undefined;
          }
          reject(signal.reason);
        };
        signal.addEventListener('abort', abort, { once: true });
        gathered.push(wanted);
        if (gathered.length >= together) begin();
        else gathering ??= clock.after(gatherMs, begin);
      });
    },
  };
}

const noPicture = (): Failure =>
  new Failure('transient', 'no-picture', 'the picture of the camera cannot be decoded');

/** One picture of each film, undefined for one without; undefined for all when the child fails. */
async function takeGrays(
  { ffmpeg, size: { width, height } }: GrayParts,
  films: readonly Buffer[],
  signal: AbortSignal,
): Promise<(Buffer | undefined)[] | undefined> {
  const found = await ffmpeg();
  if (found === undefined) throw new Failure('unavailable', 'no-ffmpeg', 'no ffmpeg runs here');
  const bytes = width * height;
  const limits = [`--data=${dataBytes}`, '--core=0', 'nice', '-n', '15', found.path];
  // The head of the film says what it is: to look for more would decode its first picture twice.
  const known = ['-nofind_stream_info', '-threads', '1', '-f', 'mp4'];
  const inputs = films.flatMap((_, index) => [...known, '-i', `pipe:${3 + index}`]);
  const small = ['-frames:v', '1', '-vf', grayFilter(width, height), '-f', 'rawvideo'];
  const outputs = films.flatMap((_, index) => [
    ...['-map', `${index}:v:0`],
    ...small,
    `pipe:${3 + films.length + index}`,
  ]);
  const child = await run(
    'prlimit',
    [...limits, '-hide_banner', '-loglevel', 'fatal', '-nostdin', ...inputs, ...outputs],
    {
      timeoutMs: decodeMs,
      maxBytes: films.length * bytes + 64 * 1024,
      pipes: { inputs: films, outputs: films.length },
      env: { PATH: '/usr/bin:/bin' },
      signal,
    },
  );
  if (child.code !== 0) return undefined;
  return child.outputs.map((gray) => (gray.length === bytes ? gray : undefined));
}
