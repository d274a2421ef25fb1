import { createHash } from 'node:crypto';
import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import {
  consistencyProof,
  emptyFrontier,
  frontierOf,
  inclusionProof,
  leafHash,
  merkleRoot,
  verifyConsistency,
  verifyInclusion,
} from '#protocol/merkle.ts';
import { suite } from '../support/suite.ts';

const test = suite('merkle properties', { timeoutMs: 60_000 });

/** MTH of RFC 6962 section 2.1, word by word. */
function definition(leaves: Buffer[]): Buffer {
  if (leaves.length === 0) return createHash('sha256').digest();
  if (leaves.length === 1) return leaves[0]!;
  let k = 1;
  while (k * 2 < leaves.length) k *= 2;
  return createHash('sha256')
    .update(Buffer.of(1))
    .update(definition(leaves.slice(0, k)))
    .update(definition(leaves.slice(k)))
    .digest();
}
const leavesOf = (count: number): Buffer[] => Array.from({ length: count }, (_, i) => leafHash(`line ${i}`));
const hash = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes));

test('the growing tree has the root of the definition, and goes on from what it keeps', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 300 }), (count, at) => {
      const leaves = leavesOf(count);
      assert.ok(merkleRoot(leaves).equals(definition(leaves)));
      const tree = emptyFrontier();
      for (const leaf of leaves.slice(0, at)) tree.append(leaf);
      const resumed = frontierOf(tree.size, tree.subtrees());
      for (const leaf of leaves.slice(at)) resumed.append(leaf);
      assert.is(resumed.size, count);
      assert.ok(resumed.root().equals(definition(leaves)));
    }),
    { numRuns: 300 },
  );
});

test('a tree is not made from what does not fit its size', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 1e9 }), fc.integer({ min: 0, max: 40 }), (size, subtrees) => {
      const ones = size.toString(2).replaceAll('0', '').length;
      const make = () =>
        frontierOf(
          size,
          Array.from({ length: subtrees }, () => leafHash('x')),
        );
      if (subtrees === ones) assert.is(make().size, size);
      else assert.throws(make, (error: unknown) => error instanceof RangeError);
    }),
  );
});

test('a line is proved where it stands, and nowhere else', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 130 }),
      fc.nat(),
      fc.nat(),
      hash,
      fc.nat(),
      (size, i, j, wrong, k) => {
        const leaves = leavesOf(size);
        const root = merkleRoot(leaves);
        const index = i % size;
        const proof = inclusionProof(leaves, index);
        assert.ok(verifyInclusion(leaves[index]!, index, size, proof, root));
        const other = j % (size + 2);
        if (other !== index) assert.not.ok(verifyInclusion(leaves[index]!, other, size, proof, root));
        assert.not.ok(verifyInclusion(wrong, index, size, proof, root));
        assert.not.ok(verifyInclusion(leaves[index]!, index, size, [...proof, wrong], root));
        if (proof.length > 0) {
          assert.not.ok(verifyInclusion(leaves[index]!, index, size, proof.slice(1), root));
          const bent = proof.with(k % proof.length, wrong);
          assert.not.ok(verifyInclusion(leaves[index]!, index, size, bent, root));
        }
      },
    ),
    { numRuns: 300 },
  );
});

test('a log is proved to begin with an older one, and a forked one is not', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 130 }),
      fc.nat(),
      fc.nat(),
      hash,
      fc.nat(),
      (size, m, edit, wrong, k) => {
        const leaves = leavesOf(size);
        const old = 1 + (m % size);
        const root = merkleRoot(leaves);
        const oldRoot = merkleRoot(leaves.slice(0, old));
        const proof = consistencyProof(leaves, old);
        assert.ok(verifyConsistency(old, oldRoot, size, root, proof));
        // One of the old lines was edited later.
        const forked = leaves.with(edit % old, leafHash('edited'));
        const forkedProof = consistencyProof(forked, old);
        assert.not.ok(verifyConsistency(old, oldRoot, size, merkleRoot(forked), forkedProof));
        if (proof.length > 0)
          assert.not.ok(verifyConsistency(old, oldRoot, size, root, proof.with(k % proof.length, wrong)));
        if (size > old) assert.not.ok(verifyConsistency(size, root, old, oldRoot, proof));
      },
    ),
    { numRuns: 300 },
  );
});
