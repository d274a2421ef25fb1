import { parseEnvelope, parseJson, payloadTypes, verifyEnvelope } from '#protocol/envelope.ts';
import { Failure } from '#protocol/failure.ts';
import type { PublicKey } from '#protocol/key.ts';
import { type Manifest, manifestSchema, maxManifestBytes } from '#protocol/manifest.ts';

/** A delivery's manifest from its envelope, signed by the node. Throws `too-large`, `malformed`, `bad-signature`. */
export function verifyManifest(message: Uint8Array, node: PublicKey): Manifest {
  const envelope = parseEnvelope(message, maxManifestBytes);
  const { payload } = verifyEnvelope(envelope, payloadTypes.manifest, [node]);
  const parsed = manifestSchema.safeParse(parseJson(payload));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new Failure('invalid', 'malformed', `manifest: ${issue?.path.join('.')}: ${issue?.message}`);
}
