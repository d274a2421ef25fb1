import { run } from '#agent/platform/process.ts';
import { findFfmpeg } from '../hub/viewing/ffmpeg.ts';

const width = 768;
const height = 576;

/** Pictures one after the other from a place in a film, ten a second, as grey samples, a byte each. */
async function grey(file: string, second = 0, count = 1): Promise<Buffer[]> {
  const { code, stdout, stderr } = await run(
    await findFfmpeg(),
    [
      ...['-v', 'error', '-ss', second.toFixed(2), '-i', file],
      ...['-vf', `${count > 1 ? 'fps=10,' : ''}scale=${width}:${height}`, '-frames:v', String(count)],
      ...['-pix_fmt', 'gray', '-f', 'rawvideo', 'pipe:1'],
    ],
    { timeoutMs: 30_000, maxBytes: (count + 1) * width * height },
  );
  const one = width * height;
  if (code !== 0 || stdout.length !== count * one) throw new Error(`${file}: ${stderr.slice(0, 200)}`);
  return Array.from({ length: count }, (_, index) => stdout.subarray(index * one, (index + 1) * one));
}

/** Above what black becomes in a codec. */
const seen = 24;

/** What a masked picture shows: the box around what is not black, its share, and how it differs from the clip there. */
export interface Shown {
  left: number;
  top: number;
  right: number;
  bottom: number;
  share: number;
  /** Mean difference of samples from what the clip shows there about then, within the box; of 255. */
  difference: number;
  /** Share of the box that is dark clothes. */
  dark: number;
}

/** Pictures before and after: times of a node, of a film and of a clip differ on a computer that is busy. */
const about = 6;
const darkBelow = 70;

/** Looks at a masked picture; `clip` is what was filmed, `second` which part of it this should be. */
export async function look(file: string, clip: string, second: number): Promise<Shown> {
  const [picture = Buffer.alloc(0)] = await grey(file);
  const box = { left: width, top: height, right: 0, bottom: 0 };
  let lit = 0;
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      if ((picture[y * width + x] as number) <= seen) continue;
      lit++;
      box.left = Math.min(box.left, x);
      box.right = Math.max(box.right, x + 1);
      box.top = Math.min(box.top, y);
      box.bottom = Math.max(box.bottom, y + 1);
    }
  const places: number[] = [];
  for (let y = box.top; y < box.bottom; y++)
    for (let x = box.left; x < box.right; x++) places.push(y * width + x);
  let difference = 255;
  for (const filmed of await grey(clip, second - about / 10, 2 * about + 1)) {
    const sum = places.reduce(
      (all, at) => all + Math.abs((picture[at] as number) - (filmed[at] as number)),
      0,
    );
    difference = Math.min(difference, sum / Math.max(1, places.length));
  }
  const dark = places.filter((at) => (picture[at] as number) < darkBelow).length / Math.max(1, places.length);
  return { ...box, share: lit / (width * height), difference, dark };
}
