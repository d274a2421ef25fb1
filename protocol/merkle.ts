import { createHash } from 'node:crypto';

/** The Merkle tree of RFC 6962 section 2.1 (RFC 9162 for the proofs' verification), SHA-256. */

/** Hash of an entry; its bytes are a log line without its newline. */
export function leafHash(entry: Uint8Array | string): Buffer {
  return createHash('sha256').update(Buffer.of(0)).update(entry).digest();
}

function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  return createHash('sha256').update(Buffer.of(1)).update(left).update(right).digest();
}

const emptyRoot = createHash('sha256').digest();

/** A tree that only grows and keeps one hash a level: append and root in O(log n). */
export interface Frontier {
  readonly size: number;
  append(leaf: Buffer): void;
  root(): Buffer;
  /** The roots of the perfect subtrees that the size's binary digits name, smallest first: all there is to keep. */
  subtrees(): Buffer[];
}

export function emptyFrontier(): Frontier {
  return frontierOf(0, []);
}

/** A frontier from what {@link Frontier.subtrees} gave. Throws `RangeError` when there is not one for each digit. */
export function frontierOf(size: number, subtrees: readonly Buffer[]): Frontier {
  const perfect: { size: number; hash: Buffer }[] = [];
  let count = size;
  for (let power = 1; power <= size; power *= 2)
    if (half(size / power) * 2 !== Math.floor(size / power))
      perfect.push({ size: power, hash: subtrees[perfect.length] ?? emptyRoot });
  if (perfect.length !== subtrees.length)
    throw new RangeError(`${subtrees.length} subtrees for ${size} leaves`);
  return {
    get size() {
      return count;
    },
    append(leaf) {
      let carry = { size: 1, hash: leaf };
      while (perfect[0]?.size === carry.size) {
        const left = perfect.shift() as { hash: Buffer };
        carry = { size: carry.size * 2, hash: nodeHash(left.hash, carry.hash) };
      }
      perfect.unshift(carry);
      count += 1;
    },
    root: () =>
      perfect.length === 0
        ? emptyRoot
        : perfect.map(({ hash }) => hash).reduce((right, left) => nodeHash(left, right)),
    subtrees: () => perfect.map(({ hash }) => hash),
  };
}

/** MTH of section 2.1. */
export function merkleRoot(leaves: readonly Buffer[]): Buffer {
  const frontier = emptyFrontier();
  for (const leaf of leaves) frontier.append(leaf);
  return frontier.root();
}

function split(size: number): number {
  let power = 1;
  while (power * 2 < size) power *= 2;
  return power;
}

/** Leaves `[start, end)`, whose root is one hash of a proof. */
export interface Range {
  start: number;
  end: number;
}

/** The ranges whose roots are PATH of section 2.1.1, in its order: for whoever reads a long log once. */
export function inclusionRanges(index: number, size: number): Range[] {
  const ranges: Range[] = [];
  let start = 0;
  let end = size;
  while (end - start > 1) {
    const middle = start + split(end - start);
    if (index < middle) {
      ranges.unshift({ start: middle, end });
      end = middle;
    } else {
      ranges.unshift({ start, end: middle });
      start = middle;
    }
  }
  return ranges;
}

/** PATH of section 2.1.1: proves that the leaf at `index` is in the tree over `leaves`. */
export function inclusionProof(leaves: readonly Buffer[], index: number): Buffer[] {
  return inclusionRanges(index, leaves.length).map(({ start, end }) => merkleRoot(leaves.slice(start, end)));
}

/** PROOF of section 2.1.2: proves that the tree over `leaves` begins with the tree over its first `oldSize`. */
export function consistencyProof(leaves: readonly Buffer[], oldSize: number): Buffer[] {
  const proof = (rest: readonly Buffer[], m: number, whole: boolean): Buffer[] => {
    if (m === rest.length) return whole ? [] : [merkleRoot(rest)];
    const k = split(rest.length);
    return m <= k
      ? [...proof(rest.slice(0, k), m, whole), merkleRoot(rest.slice(k))]
      : [...proof(rest.slice(k), m - k, false), merkleRoot(rest.slice(0, k))];
  };
  return oldSize === 0 ? [] : proof(leaves, oldSize, true);
}

/** RFC 9162 section 2.1.3.2. */
export function verifyInclusion(
  leaf: Buffer,
  index: number,
  size: number,
  proof: readonly Buffer[],
  root: Buffer,
): boolean {
  if (index < 0 || index >= size) return false;
  let fn = index;
  let sn = size - 1;
  let hash = leaf;
  for (const sibling of proof) {
    if (sn === 0) return false;
    if (fn % 2 === 1 || fn === sn) {
      hash = nodeHash(sibling, hash);
      while (fn % 2 === 0 && fn !== 0) [fn, sn] = [half(fn), half(sn)];
    } else hash = nodeHash(hash, sibling);
    [fn, sn] = [half(fn), half(sn)];
  }
  return sn === 0 && hash.equals(root);
}

/** RFC 9162 section 2.1.4.2. */
export function verifyConsistency(
  oldSize: number,
  oldRoot: Buffer,
  size: number,
  root: Buffer,
  proof: readonly Buffer[],
): boolean {
  if (oldSize > size) return false;
  if (oldSize === size) return proof.length === 0 && oldRoot.equals(root);
  if (oldSize === 0) return proof.length === 0;
  const path = isPowerOfTwo(oldSize) ? [oldRoot, ...proof] : [...proof];
  const first = path.shift();
  if (first === undefined) return false;
  let fn = oldSize - 1;
  let sn = size - 1;
  while (fn % 2 === 1) [fn, sn] = [half(fn), half(sn)];
  let oldHash = first;
  let newHash = first;
  for (const sibling of path) {
    if (sn === 0) return false;
    if (fn % 2 === 1 || fn === sn) {
      oldHash = nodeHash(sibling, oldHash);
      newHash = nodeHash(sibling, newHash);
      while (fn % 2 === 0 && fn !== 0) [fn, sn] = [half(fn), half(sn)];
    } else newHash = nodeHash(newHash, sibling);
    [fn, sn] = [half(fn), half(sn)];
  }
  return sn === 0 && oldHash.equals(oldRoot) && newHash.equals(root);
}

function half(value: number): number {
  return Math.floor(value / 2);
}

function isPowerOfTwo(value: number): boolean {
  return Number.isInteger(Math.log2(value));
}
