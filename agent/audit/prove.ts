import { Failure } from '#protocol/failure.ts';
import { type Frontier, frontierOf, inclusionRanges, leafHash } from '#protocol/merkle.ts';
import type { Files } from '../platform/files.ts';
import { linesOf } from './lines.ts';
import { baseFile, logFile, monthsOf, type Place, readPlace, startOfFiles } from './place.ts';

/**
 * The line `seq` and PATH of RFC 6962 section 2.1.1 for it in the tree of `end`, in one pass over the log: memory is
 * one hash a level. Throws `audit-expired` (denied) for a line that retention has taken.
 */
export async function proveLine(
  files: Files,
  folder: string,
  end: Place,
  seq: number,
): Promise<{ line: string; path: Buffer[] }> {
  const { size } = end.position.tree;
  const months = await monthsOf(files, folder);
  const first = months[0];
  const base = (first !== undefined && (await readPlace(files, baseFile(folder, first)))) || startOfFiles();
  if (seq <= base.position.tree.size)
    throw new Failure('denied', 'audit-expired', `line ${seq} is past its retention`);

  // What lies before the first line there is: whole subtrees, which a range takes all of or none.
  const known = subtreesOf(base.position.tree);
  const wanted = inclusionRanges(seq - 1, size).map(({ start, end }) => {
    const inside = known.filter((one) => one.start >= start && one.end <= end);
    const leaves = inside.reduce((sum, one) => sum + one.end - one.start, 0);
    return {
      start,
      end,
      tree: frontierOf(
        leaves,
        inside.map(({ hash }) => hash),
      ),
    };
  });

  let line: string | undefined;
  let at = base.position.tree.size;
  for (const month of months)
    for await (const { bytes } of linesOf(files, logFile(folder, month), 0)) {
      if (at >= size) break;
      if (at === seq - 1) line = bytes.toString('utf8');
      else wanted.find(({ start, end }) => start <= at && at < end)?.tree.append(leafHash(bytes));
      at += 1;
    }
  if (line === undefined) throw new Failure('corrupt', 'audit-truncated', `line ${seq} is not there`);
  return { line, path: wanted.map(({ tree }) => tree.root()) };
}

/** Root over the first `size` lines, in one pass over the log; undefined where retention has taken the last of them. */
export async function rootOver(files: Files, folder: string, size: number): Promise<Buffer | undefined> {
  const months = await monthsOf(files, folder);
  const first = months[0];
  const { tree } = (
    (first !== undefined && (await readPlace(files, baseFile(folder, first)))) ||
    startOfFiles()
  ).position;
  if (tree.size > size) return undefined;
  for (const month of months)
    for await (const { bytes } of linesOf(files, logFile(folder, month), 0)) {
      if (tree.size === size) return tree.root();
      tree.append(leafHash(bytes));
    }
  return tree.size === size ? tree.root() : undefined;
}

/** Where the subtrees of a frontier lie, smallest and last first. */
function subtreesOf(tree: Frontier): { start: number; end: number; hash: Buffer }[] {
  let end = tree.size;
  return tree.subtrees().map((hash) => {
    // The lowest binary digit of what is left.
    const one = { start: end & (end - 1), end, hash };
    end = one.start;
    return one;
  });
}
