import { z } from 'zod';

/** Why a camera has no sealed segment for a while. Closed: a new cause is a new version of this list. */
export const gapReasons = [
  'no-connection',
  'auth-failed',
  'no-data',
  'no-keyframe',
  'stream-error',
  'unsupported-codec',
  'agent-stopped',
  'agent-crashed',
  'power-lost',
  'disk-full',
  'disk-error',
  'disk-slow',
  'clock-step',
] as const;

export const gapReason = z.enum(gapReasons);
export type GapReason = z.infer<typeof gapReason>;
