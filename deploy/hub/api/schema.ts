import { z } from 'zod';
import type { CommandType } from '#protocol/command.ts';
import { nodeId, sha256Hex, uuidV7 } from '#protocol/ids.ts';
import { maxPolicyBytes } from '#protocol/policy.ts';
import type { Purpose } from '#protocol/purpose.ts';
import type { CommandStatus } from '#protocol/status.ts';
import type { CaseState } from '../cases/case.ts';
import type { HubAlert } from '../fleet/alerts.ts';
import type { NodeSight } from '../fleet/fleet.ts';
import type { Delivery } from '../inbox/inbox.ts';
import type { LogProof } from '../logs/proof.ts';
import { made } from '../minutes/minutes.ts';
import type { Prospect } from '../page/prospect.ts';
import type { RegisterLine } from '../register/register.ts';
import { type KnownRequest, requestRecord } from '../register/requests.ts';
import { type AlarmAnswers, alarmBodies } from './alarms.ts';

/** What the command line and `hub serve` say to each other over the socket, JSON both ways. */

/** Above the largest policy, escaped as JSON; nothing larger is ever sent. */
export const maxBodyBytes = 2 * maxPolicyBytes;

const by = z.string().min(1).max(100);
const envelope = z
  .string()
  .min(1)
  .max(384 * 1024);
/** UTC milliseconds. */
const review = z.int().positive().optional();
const requestId = z.string().regex(/^\d{4}-\d{4,8}$/, 'is no number of a request');

export const bodies = {
  request: z.strictObject({ by, record: requestRecord }),
  reject: z.strictObject({ by, request: requestId, reason: z.string().trim().min(1).max(2000) }),
  prepare: z.strictObject({
    by,
    /** For extractions and holds. */
    request: requestId.optional(),
    /** For snapshots: who attends, and why. */
    attending: z.string().max(8000).optional(),
    envelope,
    review,
  }),
  authorise: z.strictObject({ by, id: uuidV7, envelope }),
  view: z.strictObject({
    by,
    id: uuidV7,
    /** Of the identity that opens; the policy says whose it is. */
    recipient: z.string().max(4200),
    present: z.array(z.string().trim().min(1).max(200)).max(20),
    /** Somebody allowed that memory may be swapped out. */
    swap: z.boolean(),
    /** Hash of the masks that everything is shown through, or that they are drawn while it is open. */
    masks: z.union([sha256Hex, z.literal('draw')]).optional(),
    /** Segments as recorded are wanted too. */
    original: z.boolean().optional(),
    /** Another day of review for the case. */
    review,
  }),
  pack: z.strictObject({
    by,
    id: uuidV7,
    how: z.enum(['age', 'zip']),
    /** The requester's, for an age package. */
    recipient: z.string().max(4200).optional(),
    files: z
      .array(
        z.strictObject({
          name: z.string().regex(/^(?:original\/)?[A-Za-z0-9][A-Za-z0-9._-]{0,89}$/),
          sha256: sha256Hex,
        }),
      )
      .min(1)
      .max(1600),
  }),
  /** A picture for maintenance is opened. */
  look: z.strictObject({
    by,
    id: uuidV7,
    recipient: z.string().max(4200),
    present: z.array(z.string().trim().min(1).max(200)).min(1).max(20),
    swap: z.boolean(),
  }),
  /** `line` is the opening's in the register. */
  minutes: z.strictObject({ by, id: uuidV7, line: z.int().positive(), made }),
  report: z.strictObject({
    by,
    id: uuidV7,
    text: z.string().trim().min(1).max(4000),
    to: z.string().trim().min(1).max(200),
  }),
  close: z.strictObject({ by, id: uuidV7 }),
  ...alarmBodies,
  import: z.strictObject({
    by,
    id: uuidV7,
    command: envelope,
    status: z.string().max(64 * 1024),
    proof: z.string().max(512 * 1024),
  }),
  piece: z.strictObject({
    id: uuidV7,
    file: z.string().max(80),
    size: z.int().positive(),
    offset: z.int().nonnegative(),
    /** At most 1 MiB; none asks how much is here. */
    bytes: z.base64().max(1_500_000),
  }),
  replace: z.strictObject({ by, node: nodeId, reason: z.string().trim().min(1).max(2000) }),
  drill: z.strictObject({
    by,
    recipient: z.string().max(4200),
    sample: z.boolean(),
    segment: z.strictObject({ case: uuidV7, name: z.string().max(80), opened: z.boolean() }).optional(),
  }),
  policy: z.strictObject({ by, envelope: z.string().min(1).max(maxPolicyBytes) }),
} as const;

export interface CaseAnswer {
  id: string;
  type: CommandType;
  request?: string | undefined;
  state: CaseState;
  revision: number;
  node: string;
  /** What of these the command names; UTC milliseconds. */
  camera?: string | undefined;
  from?: number | undefined;
  to?: number | undefined;
  purpose?: Purpose | 'maintenance' | undefined;
  until?: number | undefined;
  hold?: string | undefined;
  expiresAt: number;
  /** When somebody looks whether it can be closed, UTC milliseconds. */
  review: number;
  envelope: string;
  status?: CommandStatus | undefined;
  reason?: string | undefined;
  /** What is here of what the manifest lists; undefined before it came. */
  delivery?: Delivery | undefined;
}

export interface StatusAnswer {
  at: number;
  policyVersion: number;
  broker: { connected: boolean; protocol: string; reconnects: number };
  upload: string;
  nodes: NodeSight[];
  alerts: HubAlert[];
  cases: { id: string; state: CaseState }[];
}

/** What a path answers. */
export interface Answers extends AlarmAnswers {
  'GET /status': StatusAnswer;
  'GET /register': { lines: RegisterLine[]; size: number; hash: string };
  'GET /cases': CaseAnswer[];
  'GET /case': CaseAnswer;
  'GET /request': KnownRequest;
  /** What a window of a camera holds: see `askedWindow`. */
  'GET /window': { prospect?: Prospect };
  /** Who attends a picture for maintenance, and why, as the hash in its command covers it. */
  'GET /attending': { full: string };
  /** `same`: an earlier request that asks for the very same. */
  'POST /request': { id: string; recordHash: string; same?: string };
  'POST /reject': { seq: number };
  'POST /prepare': CaseAnswer;
  'POST /look': { seq: number; at: string };
  'POST /authorise': CaseAnswer;
  'GET /proof': LogProof;
  'POST /view': { seq: number; at: string };
  /** `contents` goes into the package. */
  'POST /pack': { seq: number; contents: string };
  /** Signed by the hub. */
  'POST /minutes': { seq: number; envelope: string };
  'GET /minutes': { envelopes: string[] };
  'POST /report': { seq: number };
  'POST /close': { files: number; bytes: number };
  'POST /import': CaseAnswer;
  /** How much of the file is here. */
  'POST /piece': { offset: number };
  /** `lines` of the log that ended; undefined when the copy of it was broken. */
  'POST /replace': { lines?: number | undefined };
  'POST /drill': { seq: number; passed: boolean };
  /** `taken` is false when it was in force already. */
  'POST /policy': { version: number; taken: boolean };
}

export interface ErrorAnswer {
  kind: string;
  code: string;
  sentence: string;
}
