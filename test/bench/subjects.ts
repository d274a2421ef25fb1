import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { askSocket } from '#agent/platform/http.ts';
import { type LocalStatus, localStatus } from '#agent/web/local.ts';
import { codeOf } from '#protocol/failure.ts';
import { eventually } from '../support/eventually.ts';
import { makeTown, type Town } from '../support/town.ts';
import { type Stalls, stallsOf } from './stalls.ts';

const root = join(import.meta.dirname, '..', '..');
/** Short enough that seals, renames and ledger lines fall into every window that is measured. */
export const segmentSeconds = 10;

/** A process under measurement; disposing of it ends it and waits. */
export interface Subject extends AsyncDisposable {
  pids: readonly number[];
}

/** What the simulated cameras of a run are. */
export interface Footage {
  cameras: number;
  /** 10^6 bits per second of each. */
  mbit: number;
  fps: number;
  /** 10^6 bits per second of each camera's network port: how densely the packets of a picture follow one another. */
  linkMbit: number;
  /** What they show, in a loop; the walkers of the fixtures when absent. */
  file?: string | undefined;
}

export interface Cameras extends AsyncDisposable {
  urls: string[];
  /** Has the simulator obey one line of its commands; gives what it answers. Throws when it refuses. */
  command(line: string): Promise<unknown>;
}

/** Simulated cameras in a process of their own, which is not measured. */
export async function startCameras(footage: Footage): Promise<Cameras> {
  const { cameras, mbit, fps, linkMbit, file } = footage;
  const options = Object.entries({ cameras, mbit, fps, link: linkMbit, ...(file && { file }) });
  const args = ['test/simulator/main.ts', ...options.map(([name, value]) => `--${name}=${value}`)];
  const child = spawn(process.execPath, args, { cwd: root, stdio: ['pipe', 'pipe', 'inherit'] });
  const answers = createInterface({ input: child.stdout as NodeJS.ReadableStream });
  const answer = (): Promise<string> =>
    new Promise((resolve, reject) => {
      const gone = (code: number | null): void => reject(new Error(`the simulator ended with ${code}`));
      child.once('exit', gone);
      answers.once('line', (line) => {
        child.off('exit', gone);
        resolve(line);
      });
    });
  let last: Promise<unknown> = Promise.resolve();
  return {
    urls: JSON.parse(await answer()).urls,
    command(line) {
      // Answers come in the order of the commands.
      const said = last.then(async () => {
        child.stdin?.write(`${line}\n`);
        const { refused, why, result } = JSON.parse(await answer());
        if (refused !== undefined) throw new Error(`the simulator refused ${refused}: ${why}`);
        return result;
      });
      last = said.catch(() => {});
      return said;
    },
    async [Symbol.asyncDispose]() {
      child.stdin?.end();
      await ended(child);
    },
  };
}

/** The node that records `urls`, its files below `folder`. */
export function makeNode(
  folder: string,
  urls: readonly string[],
  options: { segment?: string; ingest?: 'auto' | 'ffmpeg' } = {},
): Promise<Town> {
  const cameras = urls.map((rtsp, index) => ({ id: `cam-${index + 1}`, rtsp }));
  const { segment = `${segmentSeconds}s`, ingest = 'auto' } = options;
  const agent = {
    health: { interval: '60s' },
    cameras: cameras.map((camera) => ({ ...camera, ingest })),
  };
  return makeTown(folder, { cameras, segment, agent });
}

export interface AgentSubject extends Subject {
  readonly stalls: Stalls;
  status(): Promise<LocalStatus | undefined>;
  /** Waits until every camera records; returns the milliseconds since the process was started. */
  recording(limitMs: number): Promise<number>;
}

/** `agent run`, as it is installed. */
export function startAgent(town: Town): AgentSubject {
  const startedMs = performance.now();
  const logPath = join(town.box, 'agent.log');
  const log = openSync(logPath, 'w');
  const stalls = stallsOf(join(town.box, 'stalls'));
  const { nodeFlags, nodeEnvironment } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const entry = 'agent/main.ts';
  const args = [...nodeFlags[entry], ...stalls.node, entry, 'run', '--config', town.config];
  // Where it is installed, nothing that was compiled is kept: less memory than there would flatter.
  const env = { ...nodeEnvironment[entry], ...process.env, ...stalls.env, NODE_COMPILE_CACHE: undefined };
  const child = spawn(process.execPath, args, { cwd: root, env, stdio: ['ignore', log, log] });
  closeSync(log);
  const lastWords = (): string => readFileSync(logPath, 'utf8').slice(-2000);
  const status = async (): Promise<LocalStatus | undefined> => {
    if (child.exitCode !== null)
      throw new Error(
        `the agent ended with ${child.exitCode}: ${readFileSync(logPath, 'utf8').slice(-2000)}`,
      );
    try {
      const asked = { method: 'GET', path: '/v1/status' };
      const reply = await askSocket(town.socket, asked, { timeoutMs: 5000, maxBytes: 4e6 });
      return localStatus.parse(JSON.parse(reply.body.toString()));
    } catch (error) {
      if (codeOf(error) === 'unknown') throw error;
      return undefined; // It does not listen yet.
    }
  };
  return {
    pids: [child.pid as number],
    stalls,
    status,
    recording(limitMs) {
      const probe = async (): Promise<number | undefined> => {
        const cameras = (await status())?.health.cameras ?? [];
        const all = cameras.length > 0 && cameras.every(({ state }) => state === 'recording');
        return all ? performance.now() - startedMs : undefined;
      };
      return eventually('every camera to record', probe, limitMs).catch((cause: unknown) => {
        throw new Error(`not every camera records after ${limitMs} ms: ${lastWords()}`, { cause });
      });
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM');
      await ended(child);
    },
  };
}

/** One plain `ffmpeg -c copy -f segment` for each of `urls`. */
export function startFfmpegs(ffmpeg: string, folder: string, urls: readonly string[]): Subject {
  const children = urls.map((url, index) => {
    const out = join(folder, `cam-${index + 1}`);
    mkdirSync(out, { recursive: true });
    const input = ['-nostdin', '-v', 'fatal', '-rtsp_transport', 'tcp', '-i', url, '-c', 'copy'];
    const output = ['-f', 'segment', '-segment_time', String(segmentSeconds), join(out, '%05d.mp4')];
    return spawn(ffmpeg, [...input, ...output], { stdio: ['ignore', 'ignore', 'inherit'] });
  });
  return {
    pids: children.map((child) => child.pid as number),
    async [Symbol.asyncDispose]() {
      for (const child of children) child.kill('SIGTERM');
      await Promise.all(children.map(ended));
    },
  };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}
