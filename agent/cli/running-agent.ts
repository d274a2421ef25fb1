import { parseJson } from '#protocol/envelope.ts';
import { Failure } from '#protocol/failure.ts';
import type { Config } from '../config/config.ts';
import { askSocket } from '../platform/http.ts';
import { type LocalStatus, localStatus } from '../web/local.ts';

const timeoutMs = 5000;
/** Far beyond a status of the most cameras. */
const maxBytes = 16_000_000;

/** What the agent of this node says that runs at present; undefined when none answers. */
export async function askRunningAgent({
  node,
  socket,
}: Pick<Config, 'node' | 'socket'>): Promise<LocalStatus | undefined> {
  const reply = await askSocket(socket, { method: 'GET', path: '/v1/status' }, { timeoutMs, maxBytes }).catch(
    (error: unknown) => {
      if (!(error instanceof Failure)) throw error;
      return undefined;
    },
  );
  const status = reply && localStatus.safeParse(parseJson(reply.body as Buffer)).data;
  return status?.node === node ? status : undefined;
}
