import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Footage, Gap, SealedSegment } from '#agent/extract/footage.ts';
import { segmentName } from '#protocol/segment-name.ts';

/** One camera, `cam-1`, with files on disk; what is open is sealed when asked. */
export interface FakeFootage extends Footage {
  segments: SealedSegment[];
  gaps: Gap[];
  /** A segment that was recorded and is sealed. */
  add(start: number, end: number, bytes?: number): SealedSegment;
  /** What `cutNow` will seal. */
  open: { start: number; end: number } | undefined;
  cuts: number;
  silent: Gap['reason'] | undefined;
}

export function fakeFootage(folder: string): FakeFootage {
  mkdirSync(folder, { recursive: true });
  const own: FakeFootage = {
    segments: [],
    gaps: [],
    open: undefined,
    cuts: 0,
    silent: undefined,
    add(start, end, bytes = 1000) {
      const content = randomBytes(bytes);
      const file = segmentName({ state: 'sealed', start, durationMs: end - start, torn: false });
      writeFileSync(join(folder, file), content);
      const sha256 = createHash('sha256').update(content).digest('hex');
      const segment: SealedSegment = { start, end, file, bytes, sha256, clock: 'synced', torn: false };
      own.segments.push(segment);
      return segment;
    },
    knows: (camera) => camera === 'cam-1',
    overlapping: (camera, from, to) => {
      const within = ({ start, end }: { start: number; end: number }): boolean =>
        camera === 'cam-1' && start < to && from < end;
      return { segments: own.segments.filter(within), gaps: own.gaps.filter(within) };
    },
    path: (_, { file }) => join(folder, file),
    coveredTo: () => {
      const ends = [...own.segments, ...own.gaps].map(({ end }) => end);
      return ends.length > 0 ? Math.max(...ends) : undefined;
    },
    async cutNow() {
      own.cuts += 1;
      if (own.open) own.add(own.open.start, own.open.end);
      own.open = undefined;
    },
    silence: () => own.silent,
  };
  return own;
}
