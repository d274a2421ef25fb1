import type { KeyObject } from 'node:crypto';
import type { ExtractCommand } from '#protocol/command.ts';
import { payloadTypes, signEnvelope } from '#protocol/envelope.ts';
import type { ManifestPayload } from '#protocol/manifest.ts';
import { instantText } from '#protocol/time.ts';
import type { Footage, Gap, SealedSegment } from './footage.ts';

/** Name under which the manifest travels. */
export const manifestFile = 'manifest.dsse.json';

/** What of a window is there and what is not; files and gaps together cover it. */
export interface Content {
  segments: SealedSegment[];
  gaps: Gap[];
}

/** Whole segments that overlap the window, and what is missing of it, each piece with its reason. */
export function contentOf(footage: Footage, { camera, from, to }: ExtractCommand): Content {
  const { segments, gaps } = footage.overlapping(camera, from, to);
  const missing: Gap[] = [];
  let at = from;
  const missingUntil = (end: number): void => {
    // Of an interval without footage, the recorded reasons; for what has none, why nothing comes now, or came then.
    for (const gap of gaps) {
      if (gap.end <= at || gap.start >= end) continue;
      if (gap.start > at) push(at, gap.start, 'no-data');
      push(Math.max(at, gap.start), Math.min(end, gap.end), gap.reason);
      at = Math.min(end, gap.end);
    }
    if (at < end) push(at, end, (end === to && footage.silence(camera)) || 'no-data');
  };
  const push = (start: number, end: number, reason: Gap['reason']): void => {
    if (start < end) missing.push({ start, end, reason });
  };
  for (const { start, end } of segments) {
    if (start > at) missingUntil(Math.min(start, to));
    at = Math.max(at, end);
  }
  if (at < to) missingUntil(to);
  return { segments, gaps: missing };
}

/** The manifest's envelope, signed by the node. */
export function signManifest(
  node: string,
  key: KeyObject,
  command: ExtractCommand,
  auditSeq: number,
  { segments, gaps }: Content,
): string {
  const payload: ManifestPayload = {
    command: command.id,
    node,
    camera: command.camera,
    from: instantText(command.from),
    to: instantText(command.to),
    policyVersion: command.policyVersion,
    auditSeq,
    files: segments.map(({ file, start, end, bytes, sha256, clock, torn }) => ({
      name: file,
      start: instantText(start),
      end: instantText(end),
      bytes,
      sha256,
      clock,
      torn,
    })),
    gaps: gaps.map(({ start, end, reason }) => ({
      start: instantText(start),
      end: instantText(end),
      reason,
    })),
  };
  return signEnvelope(payloadTypes.manifest, Buffer.from(JSON.stringify(payload)), [key]);
}
