import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { askSocket } from '#agent/platform/http.ts';
import { type LocalStatus, localStatus } from '#agent/web/local.ts';
import { Failure } from '#protocol/failure.ts';
import { type ChildProgram, runProgram, startProgram } from './child-program.ts';
import { eventually } from './eventually.ts';
import type { Town } from './town.ts';

export interface AgentChild extends ChildProgram {
  /** Undefined while nobody answers on its socket. */
  status(): Promise<LocalStatus | undefined>;
  /** Waits until every camera, or these, record. */
  recording(cameras?: readonly string[], limitMs?: number): Promise<void>;
}

/** `agent run` of a town's box. */
export function startAgent(
  town: Pick<Town, 'config' | 'socket'>,
  args: readonly string[] = [],
  env: Record<string, string> = {},
  through: readonly string[] = [],
): AgentChild {
  const program = startProgram('agent/main.ts', ['run', '--config', town.config, ...args], { env, through });
  const status = (): Promise<LocalStatus | undefined> => statusOf(town.socket);
  return Object.assign(program, {
    status,
    // A start takes a second, and half a minute where eight others start.
    async recording(cameras?: readonly string[], limitMs = 60_000) {
      await eventually(
        'the cameras to record',
        async () => {
          const end = program.ended();
          if (end)
            throw new Error(`the agent ended (${end.signal ?? end.code}): ${program.err().slice(-2000)}`);
          const states = (await status())?.health.cameras ?? [];
          const wanted = states.filter(({ id }) => cameras?.includes(id) ?? true);
          return (
            wanted.length >= (cameras?.length ?? 1) && wanted.every(({ state }) => state === 'recording')
          );
        },
        limitMs,
      );
    },
  });
}

/** What the agent answers on its socket; undefined while nobody does. */
export async function statusOf(socket: string): Promise<LocalStatus | undefined> {
  try {
    const bounds = { timeoutMs: 5000, maxBytes: 1_000_000 };
    const { body } = await askSocket(socket, { method: 'GET', path: '/v1/status' }, bounds);
    return localStatus.parse(JSON.parse(body.toString()));
  } catch (error) {
    if (error instanceof Failure) return undefined;
    throw error;
  }
}

/** `hub serve` of a town, ready to be asked. */
export async function startHub(town: Town, env: Record<string, string> = {}): Promise<ChildProgram> {
  const hub = startProgram('deploy/hub/main.ts', ['serve', '--hub', town.hub, '--json'], { env });
  try {
    await eventually(
      'the hub to be ready',
      () => {
        const end = hub.ended();
        if (end) throw new Error(`the hub ended (${end.signal ?? end.code}): ${hub.err().slice(-2000)}`);
        return hub.out().includes('"ready":true');
      },
      60_000,
    );
  } catch (error) {
    await hub[Symbol.asyncDispose]();
    throw error;
  }
  return hub;
}

export interface LedgerLine {
  kind: 'segment' | 'gap';
  /** UTC milliseconds. */
  start: number;
  end: number;
  reason?: string;
  file?: string;
  bytes?: number;
  sha256?: string;
  torn?: boolean;
}

/** A camera's ledger as it lies on disk, in order of start; a last line without newline is left out. */
export function ledgerOf(town: Pick<Town, 'store'>, camera: string): LedgerLine[] {
  const path = join(town.store, 'segments', camera, 'ledger.jsonl');
  const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
  return text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
    .map((line) => ({ ...line, start: Date.parse(line.start), end: Date.parse(line.end) }))
    .sort((a, b) => a.start - b.start);
}

/** The agent's own log as it lies on its disk: whole once it has ended, whoever heard of it. */
export function logOf(town: Pick<Town, 'store'>): { seq: number; kind: string; [field: string]: unknown }[] {
  const folder = join(town.store, 'audit');
  return readdirSync(folder)
    .filter((name) => /^\d{4}-\d{2}\.jsonl$/.test(name))
    .sort()
    .flatMap((name) => readFileSync(join(folder, name), 'utf8').split('\n'))
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

/** Where a sealed segment lies. */
export function segmentPath(town: Town, camera: string, { file, start }: LedgerLine): string {
  return join(town.store, 'segments', camera, new Date(start).toISOString().slice(0, 10), file ?? '');
}

export interface Verification {
  code: number;
  ok: boolean;
  segments: number;
  auditLines: number;
  findings: { path: string; code: string; severity: string; detail: string }[];
}

/** `agent verify --json`, with the roots. */
export async function verifyTown(town: Town): Promise<Verification> {
  const root = join(town.hub, 'root.pub');
  const { code, out, err } = await runProgram('agent/main.ts', [
    'verify',
    ...['--store', town.store, '--root', root, '--json'],
  ]);
  if (out === '') throw new Error(`agent verify: exit ${code}: ${err}`);
  return { code, ...JSON.parse(out) };
}
