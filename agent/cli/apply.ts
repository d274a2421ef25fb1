import { join, resolve } from 'node:path';
import { z } from 'zod';
import { maxCommandBytes, parseCommand } from '#protocol/command.ts';
import { parseEnvelope, parseJson } from '#protocol/envelope.ts';
import { codeOf, exitCodes, Failure, type FailureKind } from '#protocol/failure.ts';
import { type CommandStatus, commandStatus } from '#protocol/status.ts';
import { runAgent } from '../agent.ts';
import { loadConfig } from '../config/load.ts';
import { systemClock } from '../platform/clock.ts';
import { systemFiles } from '../platform/files.ts';
import { askSocket } from '../platform/http.ts';
import { openLog } from '../platform/log.ts';
import { systemRandom } from '../platform/random.ts';
import { type Command, required } from './arguments.ts';
import { findSocket } from './status.ts';

/** A week of a fast camera onto a slow stick. */
const applyLimitMs = 6 * 3_600_000;
const maxFileBytes = 4 * 1024 * 1024;
/** sockaddr_un holds 108 with the closing zero. */
const maxSocketBytes = 107;

export const applyCommandLine: Command = {
  name: 'apply',
  usage: 'FILE --config FILE --out DIR [--json]',
  summary: 'Carries out a signed command from a USB stick; sealed footage and proofs go to an empty folder',
  words: 1,
  options: {
    config: { type: 'string', value: 'FILE', describe: 'configuration of the node (YAML)' },
    out: { type: 'string', value: 'DIR', describe: 'empty folder for footage, status and proofs' },
    json: { type: 'boolean', describe: 'the last status as JSON' },
  },
  async run(values, [file]) {
    if (file === undefined) throw new Failure('usage', 'usage', 'the file with the command is missing');
    const out = resolve(required(values, 'out'));
    const config = required(values, 'config');
    // Not the secrets, which may be encrypted to the machine: the agent that runs has them.
    const socket = await findSocket({ config });
    let command: Buffer;
    try {
      command = await systemFiles.read(file, maxFileBytes);
    } catch (cause) {
      throw new Failure('usage', 'usage', `${file} cannot be read (${codeOf(cause)})`, { cause });
    }
    const body = Buffer.from(JSON.stringify({ command: command.toString('base64'), out }));
    const status = await ask(socket, body).catch(async (error: unknown) => {
      if (codeOf(error) !== 'socket-away') throw error;
      requireNoPicture(command);
      return whileItIsAway(await loadConfig(config, { files: systemFiles, env: process.env }), body);
    });
    const { state, reason } = status;
    process.stdout.write(
      values['json']
        ? `${JSON.stringify(status)}\n`
        : `${status.id}: ${state}${reason ? ` (${reason})` : ''}${status.segments === undefined ? '' : `, ${status.segments} segments, ${status.bytes} bytes`}\n`,
    );
    return { done: exitCodes.done, refused: exitCodes.refused, accepted: 1, running: 1, failed: 1 }[state];
  },
};

/**
 * Nobody looks through a camera while the agent is stopped. Said before the command is taken, so that its id stays good
 * for when it runs; what cannot be read goes the ordinary way and is refused there. Throws `agent-stopped`.
 */
function requireNoPicture(command: Buffer): void {
  let type: string;
  try {
    ({ type } = parseCommand(parseEnvelope(command, maxCommandBytes).payload));
  } catch (error) {
    if (error instanceof Failure) return;
    throw error;
  }
  if (type === 'snapshot')
    throw new Failure(
      'unavailable',
      'agent-stopped',
      'a picture of now is taken by the agent while it runs: start it and apply the command again',
    );
}

const problem = z.object({ kind: z.string(), code: z.string(), error: z.string() });

async function ask(socket: string, body: Buffer): Promise<CommandStatus> {
  const reply = await askSocket(
    socket,
    { method: 'POST', path: '/v1/apply', body },
    { timeoutMs: applyLimitMs, maxBytes: 1024 * 1024 },
  );
  if (reply.status === 500)
    throw new Failure('unavailable', 'agent-failed', 'the agent failed at it; its own log says why');
  const answer = parseJson(Buffer.from(reply.body));
  const failed = problem.safeParse(answer);
  if (failed.success) throw new Failure(failed.data.kind as FailureKind, failed.data.code, failed.data.error);
  const status = commandStatus.safeParse(answer);
  if (!status.success)
    throw new Failure('unavailable', 'socket-away', `what answers on ${socket} is no agent of this version`);
  return status.data;
}

/**
 * No agent runs: the same node is opened for this one command, under the store's lock, without cameras, broker or
 * page. What it does is in the same log.
 */
async function whileItIsAway(
  config: Awaited<ReturnType<typeof loadConfig>>,
  body: Buffer,
): Promise<CommandStatus> {
  const { mqtt: _, web: __, ...rest } = config;
  const own = join(config.store.path, 'apply.sock');
  // The folder of a store may be deeper than the address of a socket is long; the agent's own is free while it is away.
  const socket = Buffer.byteLength(own) > maxSocketBytes ? config.socket : own;
  const stop = new AbortController();
  const ready = Promise.withResolvers<void>();
  const log = openLog('error');
  const around = { files: systemFiles, clock: systemClock, random: systemRandom, log, ready: ready.resolve };
  const running = runAgent({ ...rest, cameras: [], links: [], socket }, around, stop.signal);
  try {
    await Promise.race([ready.promise, running]);
    return await ask(socket, body);
  } finally {
    stop.abort();
    await running;
  }
}
