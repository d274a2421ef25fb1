import { z } from 'zod';
import { clockState } from './clock-state.ts';
import { gapReason } from './gap.ts';
import { cameraId, nodeId, sha256Hex, uuidV7 } from './ids.ts';
import { parseSegmentName, parseSnapshotName } from './segment-name.ts';
import { instant } from './time.ts';

/** What a node delivers for one command, signed by the node; it goes before the first file. */
export const maxManifestBytes = 4 * 1024 * 1024;

const manifestFile = z.object({
  name: z
    .string()
    .max(80)
    .refine(
      (name) => parseSegmentName(name)?.state === 'sealed' || parseSnapshotName(name) !== undefined,
      'not the name of a sealed segment or picture',
    ),
  start: instant,
  end: instant,
  bytes: z.int().positive(),
  sha256: sha256Hex,
  clock: clockState,
  torn: z.boolean(),
});

export const manifestSchema = z
  .object({
    command: uuidV7,
    node: nodeId,
    camera: cameraId,
    from: instant,
    to: instant,
    policyVersion: z.int().positive(),
    auditSeq: z.int().positive(),
    files: z.array(manifestFile).max(20_000),
    gaps: z.array(z.object({ start: instant, end: instant, reason: gapReason })).max(20_000),
  })
  .refine(
    ({ files }) => files.length === 1 || files.every(({ name }) => parseSnapshotName(name) === undefined),
    'a picture is delivered alone',
  );
export type Manifest = z.output<typeof manifestSchema>;
export type ManifestPayload = z.input<typeof manifestSchema>;
