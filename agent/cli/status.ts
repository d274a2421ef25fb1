import { dirname, resolve } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { parseJson } from '#protocol/envelope.ts';
import { codeOf, Failure } from '#protocol/failure.ts';
import { pause, systemClock } from '../platform/clock.ts';
import { systemFiles } from '../platform/files.ts';
import { askSocket, type Reply } from '../platform/http.ts';
import { screenText } from '../view/screen.ts';
import { localStatus, localWeeks } from '../web/local.ts';
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

const watchMs = 2000;
/** Fourteen cameras that came and went all week. */
const maxAnswerBytes = 16_000_000;

async function ask(socket: string, path: string): Promise<Reply> {
  return await askSocket(socket, { method: 'GET', path }, { timeoutMs: 5000, maxBytes: maxAnswerBytes });
}

/** The whole text of one look. */
async function lookOnce(socket: string): Promise<string> {
  const [status, weeks] = await Promise.all([ask(socket, '/v1/status'), ask(socket, '/v1/weeks')]);
  const parsed = localStatus.safeParse(parseJson(status.body as Buffer));
  if (status.status !== 200 || !parsed.success)
    throw new Failure('unavailable', 'socket-away', `what answers on ${socket} is no agent of this version`);
  const { columns, isTTY } = process.stdout;
  const screen = {
    columns: isTTY ? columns : Number.POSITIVE_INFINITY,
    colour: isTTY === true && !process.env['NO_COLOR'],
  };
  const week = localWeeks.safeParse(parseJson(weeks.body as Buffer));
  return statusText(parsed.data, week.success ? week.data : undefined, systemClock.utc(), screen);
}

/** Again and again until interrupted; an agent that is away is waited for. */
async function watch(socket: string): Promise<never> {
  for (;;) {
    const text = await lookOnce(socket).catch((error: unknown) => {
      if (error instanceof Failure) return `${error.message}\n`;
      throw error;
    });
    const { isTTY, columns, rows } = process.stdout;
    process.stdout.write(isTTY ? screenText(text.trimEnd().split('\n'), { columns, rows }) : `${text}\n`);
    await pause(systemClock, watchMs, new AbortController().signal);
  }
}

export const statusCommand: Command = {
  name: 'status',
  usage: '[--socket PATH | --config FILE] [--watch | --json]',
  summary: 'What records, what is wrong and since when, and the last seven days of every camera',
  words: 0,
  options: {
    socket: { type: 'string', value: 'PATH', describe: "the agent's socket" },
    config: { type: 'string', value: 'FILE', describe: "the agent's configuration, which names its socket" },
    watch: { type: 'boolean', describe: 'again every two seconds, until interrupted' },
    json: { type: 'boolean', describe: 'as JSON' },
  },
  async run(values) {
    const socket = await findSocket(values);
    if (values['watch'] && values['json'])
      throw new Failure('usage', 'usage', '--watch and --json do not go together');
    if (values['watch']) return await watch(socket);
    process.stdout.write(values['json'] ? (await ask(socket, '/v1/status')).body : await lookOnce(socket));
    return 0;
  },
};
