import { z } from 'zod';

/** What a box knows of its UTC clock. `unsynchronised` and `stepped` are untrusted; `unknown` has nobody to ask. */
export const clockState = z.enum(['synced', 'unknown', 'unsynchronised', 'stepped']);
export type ClockState = z.infer<typeof clockState>;
