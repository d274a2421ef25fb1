import { dirname, resolve } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { codeOf, Failure } from '#protocol/failure.ts';
import { systemClock } from '../platform/clock.ts';
import { systemFiles } from '../platform/files.ts';
import { askSocket } from '../platform/http.ts';
import { localStatus } from '../web/local.ts';
import type { Command } from './arguments.ts';
import { statusText } from './status-text.ts';

const maxPathBytes = 107;

/** Where the agent's socket is: said, else configured, else where systemd put it, else where the package puts it. */
export async function findSocket(values: Record<string, string | boolean | undefined>): Promise<string> {
  const path =
    text(values['socket']) ??
    (await configured(text(values['config']))) ??
    (process.env['RUNTIME_DIRECTORY']
      ? `${process.env['RUNTIME_DIRECTORY']}/agent.sock`
      : '/run/peio-agent/agent.sock');
  if (Buffer.byteLength(path) > maxPathBytes)
    throw new Failure(
      'usage',
      'usage',
      `the path of the socket is longer than ${maxPathBytes} bytes: ${path}`,
    );
  return path;
}

function text(value: string | boolean | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

async function configured(file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  let content: unknown;
  try {
    content = parse((await systemFiles.read(file, 1024 * 1024)).toString());
  } catch (error) {
    throw new Failure('config', 'config', `${file} cannot be read (${codeOf(error)})`, { cause: error });
  }
  const found = z.looseObject({ socket: z.string().optional() }).safeParse(content);
  return found.success && found.data.socket ? resolve(dirname(file), found.data.socket) : undefined;
}

export const statusCommand: Command = {
  name: 'status',
  usage: '[--socket PATH | --config FILE] [--json]',
  summary: 'What records, what is wrong and since when',
  words: 0,
  options: {
    socket: { type: 'string', describe: "the agent's socket" },
    config: { type: 'string', describe: "the agent's configuration, which names its socket" },
    json: { type: 'boolean', describe: 'as JSON' },
  },
  async run(values) {
    const socket = await findSocket(values);
    const reply = await askSocket(
      socket,
      { method: 'GET', path: '/v1/status' },
      { timeoutMs: 5000, maxBytes: 4e6 },
    );
    if (values['json']) {
      process.stdout.write(reply.body);
      return 0;
    }
    const parsed = localStatus.safeParse(JSON.parse(reply.body.toString()));
    if (reply.status !== 200 || !parsed.success)
      throw new Failure(
        'unavailable',
        'socket-away',
        `what answers on ${socket} is no agent of this version`,
      );
    process.stdout.write(statusText(parsed.data, systemClock.utc()));
    return 0;
  },
};
