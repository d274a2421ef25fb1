import { z } from 'zod';
import { uuidV7 } from '#protocol/ids.ts';
import type { CommandStatus } from '#protocol/status.ts';
import type { CaseState } from '../cases/case.ts';
import type { HubAlert } from '../fleet/alerts.ts';
import type { NodeSight } from '../fleet/fleet.ts';
import type { Delivery } from '../inbox/inbox.ts';
import type { RegisterLine } from '../register/register.ts';
import { type KnownRequest, requestRecord } from '../register/requests.ts';

/** What the command line and `hub serve` say to each other over the socket, JSON both ways. */

/** Above a command's envelope with its request; nothing larger is ever sent. */
export const maxBodyBytes = 512 * 1024;

const by = z.string().min(1).max(100);
const envelope = z
  .string()
  .min(1)
  .max(384 * 1024);
const requestId = z.string().regex(/^\d{4}-\d{4,8}$/, 'is no number of a request');

export const bodies = {
  request: z.strictObject({ by, record: requestRecord }),
  reject: z.strictObject({ by, request: requestId, reason: z.string().trim().min(1).max(2000) }),
  prepare: z.strictObject({ by, request: requestId, envelope }),
  authorise: z.strictObject({ by, id: uuidV7, envelope }),
  close: z.strictObject({ by, id: uuidV7 }),
  ack: z.strictObject({ by, alert: z.string().min(1).max(120) }),
} as const;

export interface CaseAnswer {
  id: string;
  request: string;
  state: CaseState;
  revision: number;
  node: string;
  camera: string;
  from: number;
  to: number;
  purpose: string;
  expiresAt: number;
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
export interface Answers {
  'GET /status': StatusAnswer;
  'GET /register': { lines: RegisterLine[]; size: number; hash: string };
  'GET /cases': CaseAnswer[];
  'GET /case': CaseAnswer;
  'GET /request': KnownRequest;
  'POST /request': { id: string; recordHash: string };
  'POST /reject': { seq: number };
  'POST /prepare': CaseAnswer;
  'POST /authorise': CaseAnswer;
  'POST /close': { files: number; bytes: number };
  'POST /ack': HubAlert;
}

export interface ErrorAnswer {
  kind: string;
  code: string;
  sentence: string;
}
