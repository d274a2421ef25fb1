import { parseEnvelope, parseJson, payloadTypes, verifyEnvelope } from '#protocol/envelope.ts';
import { Failure } from '#protocol/failure.ts';
import type { PublicKey } from '#protocol/key.ts';
import { type Manifest, manifestSchema, maxManifestBytes } from '#protocol/manifest.ts';
import { parseSnapshotName } from '#protocol/segment-name.ts';
import type { DeliveredCommand } from './case.ts';

/** A delivery's manifest from its envelope, signed by the node. Throws `too-large`, `malformed`, `bad-signature`. */
export function verifyManifest(message: Uint8Array, node: PublicKey): Manifest {
  const envelope = parseEnvelope(message, maxManifestBytes);
  const { payload } = verifyEnvelope(envelope, payloadTypes.manifest, [node]);
  const parsed = manifestSchema.safeParse(parseJson(payload));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new Failure('invalid', 'malformed', `manifest: ${issue?.path.join('.')}: ${issue?.message}`);
}

/** A picture of now is of the instant that it names itself. Throws `other-manifest`. */
export function requireManifestOf(command: DeliveredCommand, manifest: Manifest): void {
  const [file] = manifest.files;
  const same =
    manifest.command === command.id &&
    manifest.node === command.node &&
    manifest.camera === command.camera &&
    (command.type === 'extract'
      ? manifest.from === command.from && manifest.to === command.to
      : manifest.files.length === 1 && parseSnapshotName(file?.name ?? '') === file?.start);
  const pictures = manifest.files.some(({ name }) => parseSnapshotName(name) !== undefined);
  if (!same || (pictures && command.type === 'extract'))
    throw new Failure('denied', 'other-manifest', 'the manifest is of another command');
}
