import type { KeyObject } from 'node:crypto';
import { z } from 'zod';
import { clockState } from '#protocol/clock-state.ts';
import { parseEnvelope, parseJson, payloadTypes, signEnvelope, verifyEnvelope } from '#protocol/envelope.ts';
import { Failure } from '#protocol/failure.ts';
import { gapReason } from '#protocol/gap.ts';
import { cameraId, keyId, nodeId, sha256Hex, uuidV7 } from '#protocol/ids.ts';
import type { PublicKey } from '#protocol/key.ts';
import { instant } from '#protocol/time.ts';
import { requestRecord } from '../register/requests.ts';

/** Twice a manifest of seven days: base64, and the films beside it. */
export const maxMinutesBytes = 12 * 1024 * 1024;

/** What the picture is called that is in the PDF alone. */
export const inMinutes = 'verbale.pdf (fotogramma)';

const text = (max: number) => z.string().min(1).max(max);

/** A picture that is not as it was recorded: SHA-256 of the joined film it was made of, and of the masks. */
const derived = z.strictObject({ from: sha256Hex, masks: sha256Hex }).optional();

/** What only the officer's device knows: what it made of the delivery. */
export const made = z.strictObject({
  films: z
    .array(
      z.strictObject({
        name: text(100),
        sha256: sha256Hex,
        durationMs: z.number().nonnegative(),
        derived,
        stretches: z
          .array(z.strictObject({ atMs: z.number().nonnegative(), start: instant, end: instant }))
          .max(20_000),
      }),
    )
    .max(64),
  /** Single pictures; the first one is shown in the minutes. */
  stills: z.array(z.strictObject({ name: text(100), sha256: sha256Hex, at: instant, derived })).max(64),
  /** Through which everything above was shown. */
  masks: z
    .strictObject({
      sha256: sha256Hex,
      mode: z.enum(['except', 'at']),
      style: z.enum(['solid', 'mosaic']),
      regions: z.int().positive(),
    })
    .optional(),
  /** Segments as recorded, in the clear, that were given as well; `from` is the sealed file. */
  originals: z
    .array(z.strictObject({ name: text(100), sha256: sha256Hex, from: text(100) }))
    .max(1500)
    .optional(),
  incomplete: z.array(z.strictObject({ name: text(100), end: z.enum(['torn', 'tampered']) })).max(20_000),
});
export type Made = z.output<typeof made>;

/** Minutes (verbale, Art. 9 c. 1 d) of one opening of a case. */
const minutesSchema = z.strictObject({
  version: z.literal(1),
  case: uuidV7,
  request: text(32),
  at: instant,
  record: requestRecord.omit({ windows: true }),
  place: z.strictObject({ node: nodeId, camera: cameraId, nodeName: text(100), cameraName: text(100) }),
  /** What the command asked for. */
  from: instant,
  to: instant,
  /** Who opened: the login of the device, as which holder of the policy, with whom, and the line of the register. */
  opening: z.strictObject({
    line: z.int().positive(),
    at: instant,
    by: text(100),
    role: z.enum(['officer', 'escrow']),
    recipient: text(4200),
    present: z.array(text(200)).max(20),
    swap: z.boolean(),
  }),
  made,
  files: z
    .array(
      z.strictObject({
        name: text(100),
        start: instant,
        end: instant,
        bytes: z.int().positive(),
        sha256: sha256Hex,
        clock: clockState,
        torn: z.boolean(),
      }),
    )
    .max(20_000),
  /** What the node last said of its clock before these minutes; unsigned. `offsetMs`: ahead of the exact time. */
  clock: z
    .strictObject({
      at: instant,
      state: clockState,
      offsetMs: z.number().min(-1e13).max(1e13).optional(),
    })
    .optional(),
  gaps: z.array(z.strictObject({ start: instant, end: instant, reason: gapReason })).max(20_000),
  /** Persons who signed the command, then the machines. */
  signatures: z
    .array(
      z.strictObject({ what: z.enum(['operator', 'officer', 'node', 'hub']), name: text(100), keyid: keyId }),
    )
    .max(32),
  evidence: z.strictObject({
    /** SHA-256 of the files of these names, as they lie in a package. */
    command: sha256Hex,
    manifest: sha256Hex,
    policy: sha256Hex,
    policyVersion: z.int().positive(),
    /** Line of the node's log in which it accepted the command. */
    auditSeq: z.int().positive(),
  }),
});
export type MinutesPayload = z.input<typeof minutesSchema>;
export type Minutes = z.output<typeof minutesSchema>;

/** An envelope as JSON text, signed by the hub. */
export function signMinutes(payload: MinutesPayload, hub: KeyObject): string {
  return signEnvelope(payloadTypes.minutes, Buffer.from(JSON.stringify(payload)), [hub]);
}

/** `hubs`: the hub's keys, of every policy. Throws `too-large`, `malformed`, `bad-signature`. */
export function verifyMinutes(message: Uint8Array, hubs: readonly PublicKey[]): Minutes {
  const envelope = parseEnvelope(message, maxMinutesBytes);
  const { payload } = verifyEnvelope(envelope, payloadTypes.minutes, hubs);
  const parsed = minutesSchema.safeParse(parseJson(payload));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new Failure('invalid', 'malformed', `minutes: ${issue?.path.join('.')}: ${issue?.message}`);
}
