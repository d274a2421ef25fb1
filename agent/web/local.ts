import { z } from 'zod';
import { parseJson } from '#protocol/envelope.ts';
import { Failure } from '#protocol/failure.ts';
import { alertMessage, healthMessage } from '#protocol/messages.ts';
import type { CommandStatus } from '#protocol/status.ts';
import { instant } from '#protocol/time.ts';
import type { Answer, Reply } from '../platform/http.ts';

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
});
export type LocalStatus = z.output<typeof localStatus>;
export type LocalStatusPayload = z.input<typeof localStatus>;

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

/** `GET /v1/status`, `POST /v1/apply` and `GET /healthz` for the socket. */
export function localAnswer(
  status: () => Promise<LocalStatusPayload>,
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
    if (path === '/v1/status') return json(200, await status());
    return healthz(path, status);
  };
}

async function healthz(path: string, status: () => Promise<LocalStatusPayload>): Promise<Reply> {
  if (path !== '/healthz') return json(404, { error: 'not found' });
  const { node, version, alerts } = await status();
  return json(200, { node, version, alerts: alerts.length });
}
