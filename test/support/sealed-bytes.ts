import { systemRandom } from '#agent/platform/random.ts';
import { openSealed, openSealer, parseRecipients, prepareSeal } from '#protocol/seal/seal.ts';

/** Seals `clear` to `recipients`, as a node seals a segment. */
export async function sealBytes(recipients: readonly string[], clear: Uint8Array): Promise<Buffer> {
  const prepared = await prepareSeal(parseRecipients(recipients), systemRandom);
  const sealer = openSealer(prepared);
  return Buffer.concat([prepared.head, ...sealer.update(clear), ...sealer.final()]);
}

/** What an identity reads of it. Throws `seal-no-identity`. */
export async function openBytes(identity: string, sealed: Buffer): Promise<Buffer> {
  const opened = await openSealed(
    { identities: [identity] },
    (async function* () {
      yield sealed;
    })(),
  );
  const pieces: Buffer[] = [];
  for await (const piece of opened.chunks()) pieces.push(piece);
  if (opened.end() !== 'whole') throw new Error(`the seal is ${opened.end()}`);
  return Buffer.concat(pieces);
}
