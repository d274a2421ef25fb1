import { join } from 'node:path';
import { z } from 'zod';
import { type Files, writeDurably } from '#agent/platform/files.ts';
import { parseJson } from '#protocol/envelope.ts';
import { Failure } from '#protocol/failure.ts';
import { lineProofSchema, verifyLineProof } from '#protocol/proof.ts';
import type { Inbox } from '../inbox/inbox.ts';
import type { Witness } from '../logs/witness.ts';
import type { Policies } from '../policies/policies.ts';
import type { Register } from '../register/register.ts';
import type { Case, Cases } from './cases.ts';

const proofFile = z.strictObject({ lines: z.array(lineProofSchema).min(1).max(4) });

/** What a stick brings back from a box: what `agent apply` left beside the footage. */
export interface Stick {
  id: string;
  /** Envelopes, and `proof.json`, as text. */
  command: string;
  status: string;
  proof: string;
}

export interface Sticks {
  /**
   * The node's answer and the proof of it, before any footage: the command must be the one that this hub sent, and the
   * log that the node shows there the one it showed here. Throws `unknown-case`, `other-command`, `proof-invalid`,
   * `log-fork`, and what a status is refused for.
   */
  begin(stick: Stick, by: string): Promise<Case>;
  /** Bytes of one file at an offset, checked as an upload's are; how many are here. Throws what an upload is refused for. */
  piece(id: string, file: string, size: number, offset: number, bytes: Buffer): Promise<number>;
}

export function openSticks(parts: {
  files: Files;
  cases: Cases;
  inbox: Inbox;
  register: Register;
  policies: Policies;
  witness(node: string): Witness | undefined;
}): Sticks {
  const { files, cases, inbox, register } = parts;

  async function requireProof(one: Case, text: string): Promise<void> {
    const invalid = (sentence: string): never => {
      throw new Failure('denied', 'proof-invalid', sentence);
    };
    const { node, id } = one.command;
    const parsed = proofFile.safeParse(parseJson(Buffer.from(text)));
    const key = parts.policies.current().nodes.find((known) => known.id === node)?.key;
    if (!parsed.success || key === undefined) return invalid('proof.json is no proof of this node');
    for (const proof of parsed.data.lines) {
      if (proof.node !== node) invalid(`a proof of ${proof.node}, not of ${node}`);
      const { line, head } = verifyLineProof(proof, key);
      if (line['id'] !== id) invalid(`line ${line.seq} is about another command`);
      const shown = await parts.witness(node)?.mirror.root(head.size);
      if (shown !== undefined && !shown.equals(head.root))
        throw new Failure('denied', 'log-fork', `${node} shows another log there than it showed here`);
    }
  }

  return {
    async begin({ id, command, status, proof }, by) {
      const one = cases.get(id);
      if (command !== one.envelope)
        throw new Failure('denied', 'other-command', `the stick holds another command than case ${id}`);
      await requireProof(one, proof);
      await cases.status(one.command.node, id, Buffer.from(status));
      await writeDurably(files, join(cases.folder(id), 'stick-proof.json'), proof);
      const noted = register.lines().some((line) => line.kind === 'imported' && line.case === id);
      if (!noted && one.command.type !== 'probe')
        register.append({ kind: 'imported', request: one.request, case: id, by });
      return cases.get(id);
    },
    async piece(id, file, size, offset, bytes) {
      const expected = await inbox.announce({ command: id, file }, size);
      if (bytes.length === 0) {
        await inbox.begin(expected);
        return inbox.offset(expected);
      }
      const before = await inbox.offset(expected);
      if (before !== offset) return before;
      const here = await inbox.append(expected, offset, bytes);
      if (here === expected.bytes) await inbox.settle(expected);
      return here;
    },
  };
}
