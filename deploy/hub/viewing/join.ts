import type { Fragment, Init } from './fragments.ts';
import { hasRoom, moveFragment, readFragments } from './fragments.ts';
import { type InitWithLength, withLength } from './init-length.ts';

/** One recorded segment in the clear. */
export interface ClearSegment {
  /** UTC milliseconds of its first frame. */
  start: number;
  chunks(): AsyncIterable<Buffer>;
}

/** Where a joined file goes. */
export interface Output {
  append(bytes: Uint8Array): Promise<void>;
  overwrite(bytes: Uint8Array, position: number): Promise<void>;
  close(): Promise<void>;
}

/** A stretch of a joined file that was recorded without a break: what is shown from `atMs` on was filmed at `start`. */
export interface Stretch {
  atMs: number;
  /** UTC milliseconds, half open. */
  start: number;
  end: number;
}

export interface JoinedFile {
  name: string;
  durationMs: number;
  stretches: Stretch[];
}

/**
 * Labels and measures of two segments that follow each other differ by less; a gap is longer. So much, and no more, a
 * film may differ from its labels as well: the clock of a camera that runs a thousandth slow is seconds off in an hour.
 */
const breakMs = 500;

interface Writing {
  file: JoinedFile;
  output: Output;
  init: Init;
  head: InitWithLength;
  sequence: number;
  ticks: number;
}

/**
 * Joins recorded segments, in their order, into files that play: not a byte of a picture is changed, only times and
 * numbers of fragments. Of `[from, to)` it takes the whole GOPs that overlap it: the nearest keyframes outwards.
 * What was recorded with other parameter sets goes into a file of its own; gaps are left out and stand in
 * `stretches`. Throws `corrupt` `mp4-malformed`.
 */
export async function joinSegments(
  segments: Iterable<ClearSegment> | AsyncIterable<ClearSegment>,
  window: { from: number; to: number },
  open: (name: string) => Promise<Output>,
): Promise<JoinedFile[]> {
  const files: JoinedFile[] = [];
  let writing: Writing | undefined;

  async function begin(init: Init): Promise<Writing> {
    const name = files.length === 0 ? 'viewing.mp4' : `viewing-${files.length + 1}.mp4`;
    const output = await open(name);
    const head = withLength(init.bytes);
    const file: JoinedFile = { name, durationMs: 0, stretches: [] };
    files.push(file);
    await output.append(head.bytes);
    return { file, output, init, head, sequence: 0, ticks: 0 };
  }
  async function finish(): Promise<void> {
    if (writing === undefined) return;
    const { output, head, init, ticks, file } = writing;
    writing = undefined;
    const length = Buffer.alloc(8);
    length.writeBigUInt64BE(BigInt(Math.round((ticks * head.movieTimescale) / init.timescale)));
    await output.overwrite(length, head.lengthAt);
    await output.close();
    file.durationMs = Math.round((ticks * 1000) / init.timescale);
  }
  async function add(gop: Fragment[], init: Init, start: number, end: number): Promise<void> {
    const same =
      writing &&
      writing.init.timescale === init.timescale &&
      writing.init.description.equals(init.description);
    const first = gop[0] as Fragment;
    const last = gop.at(-1) as Fragment;
    const room = hasRoom(last, (writing?.ticks ?? 0) + last.decodeTime - first.decodeTime);
    if (!same || !room) await finish();
    writing ??= await begin(init);
    const base = writing.ticks - first.decodeTime;
    for (const { bytes, decodeTime } of gop) {
      moveFragment(bytes, ++writing.sequence, base + decodeTime);
      await writing.output.append(bytes);
    }
    writing.ticks = base + last.decodeTime + last.durationTicks;
    note(writing, (first.decodeTime + base) / init.timescale, start, end);
  }
  try {
    for await (const segment of segments)
      for await (const { gop, init } of gopsOf(segment)) {
        const last = gop.at(-1) as Fragment;
        const start = segment.start + ((gop[0] as Fragment).decodeTime * 1000) / init.timescale;
        const end = segment.start + ((last.decodeTime + last.durationTicks) * 1000) / init.timescale;
        if (start < window.to && end > window.from) await add(gop, init, start, end);
      }
    await finish();
  } finally {
    await writing?.output.close();
  }
  return files;
}

function note({ file }: Writing, atSeconds: number, start: number, end: number): void {
  const last = file.stretches.at(-1);
  const atMs = Math.round(atSeconds * 1000);
  const near = (label: number): boolean => Math.abs(start - label) < breakMs;
  if (last && near(last.end) && near(last.start + atMs - last.atMs)) last.end = end;
  else file.stretches.push({ atMs, start, end });
}

/** Fragments in groups that begin with a keyframe. */
async function* gopsOf(segment: ClearSegment): AsyncGenerator<{ gop: Fragment[]; init: Init }> {
  let init: Init | undefined;
  let gop: Fragment[] = [];
  for await (const part of readFragments(segment.chunks())) {
    if ('init' in part) {
      ({ init } = part);
      continue;
    }
    if (part.fragment.keyframe && gop.length > 0 && init) {
      yield { gop, init };
      gop = [];
    }
    gop.push(part.fragment);
  }
  if (gop.length > 0 && init) yield { gop, init };
}
