import { z } from 'zod';
import { parseJson } from '#protocol/envelope.ts';
import { Failure } from '#protocol/failure.ts';
import { alertMessage, healthMessage } from '#protocol/messages.ts';
import type { CommandStatus } from '#protocol/status.ts';
import { instant } from '#protocol/time.ts';
import type { Clock } from '../platform/clock.ts';
import type { Answer, Reply } from '../platform/http.ts';
import { piecesOf, type Rows, weekMs } from '../view/strip.ts';

/** What the agent tells about itself over its socket: health and alerts, never a request, hold or extraction. */
export const localStatus = z.object({
  node: z.string(),
  version: z.string(),
  /** When this run of the agent began. */
  startedAt: instant,
  lang: z.enum(['it', 'en']),
  /** Names of cameras, by id. */
  names: z.record(z.string(), z.string()).optional(),
  health: healthMessage,
  alerts: z.array(alertMessage),
  /** Everything that is judged, also what is well and what cannot be told; absent in an agent of before. */
  conditions: z
    .array(
      z.object({
        /** `<condition>.<subject>` */
        key: z.string(),
        name: z.string(),
        state: z.enum(['ok', 'failing', 'unknown']),
        /** Failing for long enough to be told, or not yet ok for long enough to be over. */
        raised: z.boolean(),
        flapping: z.boolean(),
        severity: z.enum(['info', 'warning', 'critical']),
        reason: z.string().optional(),
        /** When this failing began. */
        firstSeen: instant.optional(),
        /** When `state` last became another. */
        lastChange: instant,
      }),
    )
    .optional(),
});
export type LocalStatus = z.output<typeof localStatus>;
export type LocalStatusPayload = z.input<typeof localStatus>;

/** A camera's week as pieces: `[from, to, what]`, UTC milliseconds, oldest first. */
export const localWeeks = z.object({
  from: z.number(),
  to: z.number(),
  pieces: z.record(z.string(), z.array(z.tuple([z.number(), z.number(), z.string().max(32)]))),
});
export type LocalWeeks = z.output<typeof localWeeks>;

const json = (status: number, value: unknown): Reply => ({
  status,
  type: 'application/json',
  body: `${JSON.stringify(value)}\n`,
});

/** A signed command from a stick: the file's bytes, and the empty folder its footage goes to. */
export const applyRequest = z.strictObject({
  command: z.base64().max(8 * 1024 * 1024),
  out: z.string().startsWith('/').max(4096),
});
export type ApplyRequest = z.output<typeof applyRequest>;

/** What is asked of the node by its pages and its socket. */
export interface LocalSource {
  status(): Promise<LocalStatusPayload>;
  /** What is recorded of each camera and why the rest is not, within `[from, to)`. */
  weeks(from: number, to: number): ReadonlyMap<string, Rows>;
}

/** `GET /v1/status`, `GET /v1/weeks`, `POST /v1/apply` and `GET /healthz` for the socket. */
export function localAnswer(
  source: LocalSource,
  clock: Pick<Clock, 'utc'>,
  apply: (request: ApplyRequest) => Promise<CommandStatus>,
): Answer {
  return async ({ method, path, body }) => {
    if (method === 'POST' && path === '/v1/apply') {
      const asked = applyRequest.safeParse(parseJson(body));
      if (!asked.success) return json(400, { code: 'usage', error: 'not a request to apply a command' });
      try {
        return json(200, await apply(asked.data));
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
        return json(409, { kind: error.kind, code: error.code, error: error.message });
      }
    }
    if (method !== 'GET') return json(405, { error: 'method not allowed' });
    if (path === '/v1/status') return json(200, await source.status());
    if (path === '/v1/weeks') return json(200, weeksOf(source, clock.utc()));
    return healthz(path, source.status);
  };
}

function weeksOf(source: LocalSource, to: number): LocalWeeks {
  const window = { from: to - weekMs, to };
  const pieces = [...source.weeks(window.from, to)].map(([id, rows]) => [
    id,
    piecesOf(window, rows).map((piece) => [piece.from, piece.to, piece.what]),
  ]);
  return { ...window, pieces: Object.fromEntries(pieces) };
}

async function healthz(path: string, status: () => Promise<LocalStatusPayload>): Promise<Reply> {
  if (path !== '/healthz') return json(404, { error: 'not found' });
  const { node, version, alerts } = await status();
  return json(200, { node, version, alerts: alerts.length });
}
