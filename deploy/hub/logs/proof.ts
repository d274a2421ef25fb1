import { z } from 'zod';
import { type LogHead, verifyCosigned } from '#protocol/checkpoint.ts';
import { parseJson } from '#protocol/envelope.ts';
import { Failure } from '#protocol/failure.ts';
import type { PublicKey } from '#protocol/key.ts';
import { inclusionProof, leafHash, verifyInclusion } from '#protocol/merkle.ts';
import { auditLine } from '#protocol/messages.ts';
import type { Witness } from './witness.ts';

const hash = z.base64().max(64);

/** That a line stood in a node's log when the hub cosigned its head (RFC 6962 §2.1.1). */
export const proofSchema = z.strictObject({
  node: z.string(),
  /** The line's bytes, as text. */
  line: z.string().max(64 * 1024),
  seq: z.int().positive(),
  size: z.int().positive(),
  path: z.array(hash).max(64),
  /** Checkpoint, cosignature and the hub's statement. */
  cosigned: z.string().max(64 * 1024),
});
export type LogProof = z.output<typeof proofSchema>;

/**
 * For a line below the newest cosigned head that is about the command `id`; undefined while there is none. A replaced
 * box has another line under the same number.
 */
export async function makeProof(
  node: string,
  witness: Witness,
  seq: number,
  id: string,
): Promise<LogProof | undefined> {
  const head = witness.remembered();
  const line = head && seq <= head.size ? await witness.mirror.line(seq) : undefined;
  if (!head || line === undefined) return undefined;
  const parsed = auditLine.safeParse(parseJson(Buffer.from(line)));
  if (parsed.data?.['id'] !== id) return undefined;
  const leaves = await witness.mirror.leaves(head.size);
  const path = inclusionProof(leaves, seq - 1).map((one) => one.toString('base64'));
  return { node, line, seq, size: head.size, path, cosigned: head.cosigned };
}

/**
 * Checks the whole chain: node's signature, hub's cosignature, the line's place under that head, its number. Returns
 * the line. Throws `proof-invalid` and what the notes throw.
 */
export function verifyProof(
  proof: LogProof,
  keys: { node: PublicKey; hub: PublicKey },
  seq: number,
): { line: z.output<typeof auditLine>; head: LogHead; cosignedAt: number } {
  const { head, at } = verifyCosigned(proof.node, proof.cosigned, keys.node, keys.hub);
  const parsed = auditLine.safeParse(parseJson(Buffer.from(proof.line)));
  const path = proof.path.map((one) => Buffer.from(one, 'base64'));
  const good =
    parsed.success &&
    proof.seq === seq &&
    parsed.data.seq === seq &&
    proof.size === head.size &&
    verifyInclusion(leafHash(proof.line), seq - 1, head.size, path, head.root);
  if (!good)
    throw new Failure('corrupt', 'proof-invalid', `the proof does not show line ${seq} of ${proof.node}`);
  return { line: parsed.data, head, cosignedAt: at };
}
