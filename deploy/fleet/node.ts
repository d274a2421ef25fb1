import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { askSocket } from '#agent/platform/http.ts';
import { type LocalStatus, localStatus } from '#agent/web/local.ts';
import { Failure } from '#protocol/failure.ts';
import { type Running, start, type } from '../demo/programs.ts';

/** A node of the fleet: its box, as a folder, and the agent on it. */
export interface FleetNode {
  id: string;
  name: string;
  cameras: string[];
  /** On its box: configuration, keys, secrets, certificate. */
  etc: string;
  store: string;
  /** Starts the agent; with `checkout`, another copy of the program. */
  start(checkout?: string): void;
  /** SIGTERM and its end. */
  stop(): Promise<void>;
  /** The power cut. */
  kill(): Promise<void>;
  pid(): number;
  /** Why it ended though nobody told it to. */
  ended(): string | undefined;
  /** Undefined while nobody answers on its socket. */
  status(): Promise<LocalStatus | undefined>;
  ledger(camera: string): LedgerLine[];
  /** The envelope of the policy that it follows. */
  policy(): Buffer;
  /** Reads everything on its disk again and says what is wrong. */
  verify(rootFile: string): Promise<{ ok: boolean; segments: number; said: string }>;
}

/** UTC milliseconds. */
export interface LedgerLine {
  kind: 'segment' | 'gap';
  start: number;
  end: number;
  reason?: string;
  torn?: boolean;
}

/** A box has eight gigabytes; nineteen agents share this machine. An agent of 14 cameras takes a third of it. */
const heapMegabytes = 128;

export function fleetNode(options: {
  id: string;
  name: string;
  cameras: string[];
  etc: string;
  store: string;
  socket: string;
  within: readonly string[];
  log: string;
  began(pid: number): void;
  /** Nothing is started any more: a step that was left may still try. */
  closing(): boolean;
}): FleetNode {
  const { id, name, cameras, etc, store, socket } = options;
  let running: Running | undefined;
  const end = async (how: 'stop' | 'kill'): Promise<void> => {
    const ending = running;
    running = undefined;
    await ending?.[how]();
  };
  return {
    id,
    name,
    cameras,
    etc,
    store,
    start(checkout) {
      if (options.closing()) throw new Error('the fleet is being stopped');
      const where = {
        within: options.within,
        env: { NODE_OPTIONS: `--max-old-space-size=${heapMegabytes}` },
        ...(checkout === undefined ? {} : { checkout }),
      };
      running = start('agent', ['run', '--config', join(etc, 'agent.yaml')], options.log, where);
      options.began(running.pid);
    },
    stop: () => end('stop'),
    kill: () => end('kill'),
    pid: () => running?.pid ?? 0,
    ended: () => running?.ended(),
    async status() {
      try {
        const { body } = await askSocket(
          socket,
          { method: 'GET', path: '/v1/status' },
          { timeoutMs: 5000, maxBytes: 1_000_000 },
        );
        return localStatus.parse(JSON.parse(body.toString()));
      } catch (error) {
        if (error instanceof Failure) return undefined;
        throw error;
      }
    },
    ledger(camera) {
      const path = join(store, 'segments', camera, 'ledger.jsonl');
      const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
      return text
        .slice(0, text.lastIndexOf('\n') + 1)
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line))
        .map((line) => ({ ...line, start: Date.parse(line.start), end: Date.parse(line.end) }))
        .sort((a, b) => a.start - b.start);
    },
    policy() {
      const newest = join(store, 'policy.dsse.json');
      // Until one was published, it is the one that came with the box.
      return readFileSync(existsSync(newest) ? newest : join(etc, 'policy.dsse.json'));
    },
    async verify(rootFile) {
      const { code, stdout, stderr } = await type('agent', [
        ...['verify', '--store', store, '--root', rootFile, '--json'],
      ]);
      if (stdout === '') throw new Error(`agent verify of ${id}: exit ${code}: ${stderr.trim()}`);
      const { ok, segments, findings } = JSON.parse(stdout);
      const said = findings
        .filter(({ severity }: { severity: string }) => severity === 'problem')
        .map(({ code: what, path }: { code: string; path: string }) => `${what} ${path}`)
        .join(', ');
      return { ok, segments, said };
    },
  };
}
