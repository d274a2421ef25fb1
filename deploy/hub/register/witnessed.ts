import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import type { Files } from '#agent/platform/files.ts';
import { verifyCosigned } from '#protocol/checkpoint.ts';
import { parseJson, sha256 } from '#protocol/envelope.ts';
import { Failure } from '#protocol/failure.ts';
import { sha256Hex } from '#protocol/ids.ts';
import type { PublicKey } from '#protocol/key.ts';
import { emptyFrontier, leafHash } from '#protocol/merkle.ts';
import { instant } from '#protocol/time.ts';
import { openLines } from '../logs/lines.ts';
import { readRemembered } from '../logs/witness.ts';
import { withAny } from '../viewing/grounds.ts';
import type { RegisterLine } from './register.ts';

/** A node's line about the register: how many lines it had then, and the hash of the last. */
const headLine = z.looseObject({
  seq: z.int().positive(),
  at: instant,
  kind: z.literal('register-head'),
  size: z.int().nonnegative(),
  head: sha256Hex,
});

export interface Testimony {
  node: string;
  /** The log has ended: its box was replaced. */
  archived?: string;
  /** Heads that it wrote down. */
  heads: number;
  /** The last of them: lines of the register, and when, UTC milliseconds. */
  newest?: { size: number; at: number };
  /** Heads that the register of now contradicts: it is shorter, or another line stands there. */
  against: { seq: number; at: number; size: number; why: 'shorter' | 'other' }[];
  /** The copy is not what node and hub signed: it says nothing. */
  broken?: true;
}

/** Whose signatures a copy rests on. */
export interface WitnessKeys {
  nodes(node: string): PublicKey[];
  hubs: readonly PublicKey[];
}

/**
 * What the copies of the nodes' logs say of the register. A copy counts as far as node and hub signed its head: who
 * rewrites both here cannot sign for a node, and the node's own log holds the same lines.
 */
export async function testimonies(
  files: Files,
  folder: string,
  lines: readonly RegisterLine[],
  keys: WitnessKeys,
): Promise<Testimony[]> {
  const hashes = ['0'.repeat(64), ...lines.map((line) => sha256(JSON.stringify(line)))];
  const found: Testimony[] = [];
  for (const path of await copiesIn(files, folder)) found.push(await testimonyOf(files, path, hashes, keys));
  return found;
}

/** Paths of the copies, those of logs that have ended behind the others. */
async function copiesIn(files: Files, folder: string): Promise<string[]> {
  const copies = async (where: string): Promise<string[]> =>
    (await files.list(where))
      .filter(({ name, directory }) => !directory && name.endsWith('.jsonl'))
      .map(({ name }) => join(where, name))
      .sort();
  const archive = join(folder, 'archive');
  const ended = await Promise.all((await files.list(archive)).map(({ name }) => copies(join(archive, name))));
  return [...(await copies(folder)), ...ended.flat()];
}

async function testimonyOf(
  files: Files,
  path: string,
  hashes: readonly string[],
  keys: WitnessKeys,
): Promise<Testimony> {
  const where = dirname(path);
  const node = basename(path, '.jsonl');
  const archived = basename(dirname(where)) === 'archive' ? { archived: basename(where) } : {};
  const testimony: Testimony = { node, ...archived, heads: 0, against: [] };
  const signed = await signedHead(files, join(where, `${node}.head.json`), node, keys);
  const tree = emptyFrontier();
  if (signed === 'broken') return { ...testimony, broken: true };
  let matched = signed === undefined;
  for await (const text of openLines(files, path).all({ mend: false })) {
    tree.append(leafHash(text));
    if (signed && tree.size === signed.size) matched = tree.root().equals(signed.root);
    if (!text.includes('"register-head"')) continue;
    const parsed = headLine.safeParse(parseJson(Buffer.from(text)));
    if (!parsed.success) continue;
    const { seq, at, size, head } = parsed.data;
    testimony.heads += 1;
    testimony.newest = { size, at };
    if (hashes[size] !== head)
      testimony.against.push({ seq, at, size, why: size < hashes.length ? 'other' : 'shorter' });
  }
  return matched ? testimony : { node, ...archived, heads: 0, against: [], broken: true };
}

/** What was cosigned last, believed by both signatures; undefined while nothing was. */
async function signedHead(
  files: Files,
  path: string,
  node: string,
  keys: WitnessKeys,
): Promise<{ size: number; root: Buffer } | 'broken' | undefined> {
  try {
    const remembered = await readRemembered(files, path);
    if (remembered === undefined) return undefined;
    return withAny(keys.nodes(node), (mine) =>
      withAny(keys.hubs, (hub) => verifyCosigned(node, remembered.cosigned, mine, hub).head),
    );
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return 'broken';
  }
}
