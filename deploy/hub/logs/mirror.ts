import { join } from 'node:path';
import { z } from 'zod';
import { appendDurably, type Files } from '#agent/platform/files.ts';
import { parseJson, sha256 } from '#protocol/envelope.ts';
import { Failure } from '#protocol/failure.ts';
import { emptyFrontier, type Frontier, frontierOf, leafHash } from '#protocol/merkle.ts';
import { instant } from '#protocol/time.ts';
import { openLines } from './lines.ts';

/** Far above any event of an agent; a line beyond is not one. */
export const maxLineBytes = 64 * 1024;
/** Lines whose hash and root stay in memory: repetitions after a cut and heads behind later lines are all near. */
const keptLines = 4096;

/**
 * What a copy asks of a line: its place, and the line before. What it tells is for who reads it. Nothing comes before
 * the first, whatever it names: nodes of other makers write zeros, or leave it out.
 */
const heldLine = z.object({
  seq: z.int().positive(),
  at: instant,
  prev: z.string().max(64).nullish(),
});
type HeldLine = z.output<typeof heldLine>;

function follows({ seq, prev }: HeldLine, size: number, last: string): boolean {
  return seq === size + 1 && (seq === 1 || prev === last);
}

/** What became of one line. `repeated`: it is held already. `ahead`: lines before it are missing here. */
export type Reception = 'added' | 'repeated' | 'ahead';

/** Where a copy stood at some line: reading can begin there. Months of a busy site are a gigabyte. */
export const mirrorMark = z.strictObject({
  size: z.int().nonnegative(),
  /** Length of the file up to that line. */
  bytes: z.int().nonnegative(),
  /** SHA-256 of that line. */
  last: z.string().max(64),
  subtrees: z.array(z.base64().max(64)).max(53),
});
export type MirrorMark = z.output<typeof mirrorMark>;

/** The hub's copy of one node's log: the same bytes, only ever longer. */
export interface Mirror {
  size(): number;
  /** Resolves when the line is on stable storage. Throws `log-line` (no line) or `log-fork` (another at its place). */
  receive(payload: Uint8Array): Promise<Reception>;
  /** Root of the tree over the first `size` lines; undefined beyond what is held. */
  root(size: number): Promise<Buffer | undefined>;
  /** The bytes of a line, without its newline. */
  line(seq: number): Promise<string | undefined>;
  /** Hashes of the first `size` lines, for proofs. */
  leaves(size: number): Promise<Buffer[]>;
  mark(): MirrorMark;
}

/**
 * Opens the copy and checks what was written behind `mark`: every line follows from the one before. A torn last line,
 * which nobody was promised, is cut off. Throws `corrupt` `mirror-broken` for anything else. What lies before the mark
 * is checked when it is used: a proof out of changed lines verifies nowhere.
 */
export async function openMirror(
  files: Files,
  folder: string,
  node: string,
  mark: MirrorMark = { size: 0, bytes: 0, last: '', subtrees: [] },
): Promise<Mirror> {
  const path = join(folder, `${node}.jsonl`);
  const lines = openLines(files, path);
  if ((await lines.bytes()) < mark.bytes)
    throw new Failure('corrupt', 'mirror-broken', `${path} is shorter than it was`);
  const frontier = frontierAt(mark, path);
  const recent = new Map<number, { hash: string; root: Buffer }>([
    [0, { hash: '', root: emptyFrontier().root() }],
    [mark.size, { hash: mark.last, root: frontier.root() }],
  ]);
  let { last, bytes } = mark;
  const grow = (text: string): void => {
    frontier.append(leafHash(text));
    last = sha256(text);
    bytes += Buffer.byteLength(text) + 1;
    recent.set(frontier.size, { hash: last, root: frontier.root() });
    recent.delete(frontier.size - keptLines);
  };
  /** What a disk without room took of a line is no line. */
  let torn = false;
  for await (const text of lines.all({ mend: true, start: mark.bytes })) {
    const line = parseLine(Buffer.from(text));
    if (line === undefined || !follows(line, frontier.size, last))
      throw new Failure('corrupt', 'mirror-broken', `line ${frontier.size + 1} of ${path} is damaged`);
    grow(text);
  }
  return {
    size: () => frontier.size,
    async receive(payload) {
      const line = parseLine(payload);
      if (line === undefined) throw new Failure('invalid', 'log-line', `not a line of the log of ${node}`);
      if (line.seq > frontier.size + 1) return 'ahead';
      const text = Buffer.from(payload).toString('utf8');
      if (line.seq <= frontier.size) {
        const held = recent.get(line.seq)?.hash ?? sha256((await lines.at(line.seq)) ?? '');
        if (held === sha256(text)) return 'repeated';
        throw new Failure('denied', 'log-fork', `${node} shows another line ${line.seq} than before`);
      }
      if (!follows(line, frontier.size, last))
        throw new Failure(
          'denied',
          'log-fork',
          `line ${line.seq} of ${node} does not follow from what it showed`,
        );
      if (torn) await lines.cut(bytes);
      torn = true;
      await appendDurably(files, path, `${text}\n`);
      torn = false;
      grow(text);
      return 'added';
    },
    async root(size) {
      if (size > frontier.size) return undefined;
      const kept = recent.get(size);
      if (kept) return kept.root;
      const older = emptyFrontier();
      for await (const text of lines.all({ mend: false })) {
        if (older.size === size) break;
        older.append(leafHash(text));
      }
      return older.root();
    },
    line: (seq) => lines.at(seq),
    async leaves(size) {
      const leaves: Buffer[] = [];
      for await (const text of lines.all({ mend: false })) {
        if (leaves.length === size) break;
        leaves.push(leafHash(text));
      }
      return leaves;
    },
    mark: () => ({
      size: frontier.size,
      bytes,
      last,
      subtrees: frontier.subtrees().map((hash) => hash.toString('base64')),
    }),
  };
}

function frontierAt({ size, subtrees }: MirrorMark, path: string): Frontier {
  try {
    return frontierOf(
      size,
      subtrees.map((hash) => Buffer.from(hash, 'base64')),
    );
  } catch (cause) {
    throw new Failure('corrupt', 'mirror-broken', `what is kept of ${path} contradicts itself`, { cause });
  }
}

function parseLine(payload: Uint8Array): HeldLine | undefined {
  if (payload.length > maxLineBytes || payload.includes(0x0a)) return undefined;
  const parsed = heldLine.safeParse(parseJson(payload));
  return parsed.success ? parsed.data : undefined;
}
