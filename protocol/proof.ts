import { z } from 'zod';
import { type LogHead, verifyCheckpoint } from './checkpoint.ts';
import { parseJson } from './envelope.ts';
import { Failure } from './failure.ts';
import { nodeId } from './ids.ts';
import type { PublicKey } from './key.ts';
import { leafHash, verifyInclusion } from './merkle.ts';
import { type AuditLine, auditLine } from './messages.ts';

/** That a line stands in a node's log under a head that the node signed: what travels where there is no network. */
export const lineProofSchema = z.strictObject({
  node: nodeId,
  seq: z.int().positive(),
  /** The line's bytes, as text, without newline. */
  line: z.string().max(64 * 1024),
  size: z.int().positive(),
  /** RFC 6962 section 2.1.1, base64. */
  path: z.array(z.base64().max(64)).max(64),
  /** The node's signed checkpoint of `size` lines. */
  checkpoint: z.string().max(64 * 1024),
});
export type LineProof = z.output<typeof lineProofSchema>;

/** The line and the head it is proved under. Throws `proof-invalid`, and what {@link verifyCheckpoint} throws. */
export function verifyLineProof(proof: LineProof, node: PublicKey): { line: AuditLine; head: LogHead } {
  const head = verifyCheckpoint(proof.node, proof.checkpoint, node);
  const line = auditLine.safeParse(parseJson(Buffer.from(proof.line)));
  const path = proof.path.map((hash) => Buffer.from(hash, 'base64'));
  if (
    !line.success ||
    line.data.seq !== proof.seq ||
    head.size !== proof.size ||
    !verifyInclusion(leafHash(proof.line), proof.seq - 1, head.size, path, head.root)
  )
    throw new Failure('corrupt', 'proof-invalid', `not line ${proof.seq} of the log of ${proof.node}`);
  return { line: line.data, head };
}
