import { parseJson, sha256 } from '#protocol/envelope.ts';
import { Failure } from '#protocol/failure.ts';
import { type Frontier, frontierOf, leafHash } from '#protocol/merkle.ts';
import { auditLine } from '#protocol/messages.ts';
import { instantText } from '#protocol/time.ts';

/** Longest line without its newline: a bound for whoever reads; the longest that is written is a tenth of it. */
export const maxLineBytes = 64 * 1024;

/** What a caller says in a line, beside what is the log's own. */
export interface LineFields {
  [name: string]: unknown;
  seq?: never;
  at?: never;
  prev?: never;
  kind?: never;
}

/** Where a log stands: all that is needed to add a line, whatever its length. */
export interface Position {
  /** SHA-256 of the last line, hex; empty before the first. */
  prev: string;
  tree: Frontier;
}

export function startOfLog(): Position {
  return { prev: '', tree: frontierOf(0, []) };
}

export function copyOf(position: Position): Position {
  return { prev: position.prev, tree: frontierOf(position.tree.size, position.tree.subtrees()) };
}

/** What a caller adds to a line, serialised when it is said. Its names must not be the log's own. */
export function fieldsText(fields: LineFields): string {
  for (const name of ['seq', 'at', 'prev', 'kind'])
    if (name in fields) throw new TypeError(`an audit line's ${name} is not the caller's`);
  const text = JSON.stringify(fields).slice(1, -1);
  if (Buffer.byteLength(text) > maxLineBytes - 512) throw new RangeError('an audit line too long to be read');
  return text;
}

/** Makes the line that follows and moves `position` behind it. */
export function nextLine(position: Position, utcMs: number, kind: string, fields: string): Buffer {
  const own = JSON.stringify({
    seq: position.tree.size + 1,
    at: instantText(utcMs),
    prev: position.prev,
    kind,
  });
  const line = Buffer.from(fields === '' ? own : `${own.slice(0, -1)},${fields}}`);
  passLine(position, line);
  return line;
}

function passLine(position: Position, line: Buffer): void {
  position.prev = sha256(line);
  position.tree.append(leafHash(line));
}

/**
 * Believes a line read back only as the one that follows `position`, and moves behind it. Throws `corrupt` failures
 * `audit-malformed`, `audit-seq` or `audit-chain`.
 */
export function followLine(position: Position, line: Buffer): void {
  const seq = position.tree.size + 1;
  const parsed = auditLine.safeParse(parseJson(line));
  if (!parsed.success) throw new Failure('corrupt', 'audit-malformed', `line ${seq} is not an audit line`);
  if (parsed.data.seq !== seq)
    throw new Failure('corrupt', 'audit-seq', `line ${parsed.data.seq} stands where ${seq} belongs`);
  if (parsed.data.prev !== position.prev)
    throw new Failure('corrupt', 'audit-chain', `line ${seq} does not follow the one before`);
  passLine(position, line);
}
