import { spawn } from 'node:child_process';
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Bus } from '#agent/mqtt/bus.ts';
import { openConnection } from '#agent/mqtt/connection.ts';
import { systemClock, type UtcMs } from '#agent/platform/clock.ts';
import { openLog } from '#agent/platform/log.ts';
import { systemRandom } from '#agent/platform/random.ts';
import { type Cosigned, signCheckpoint, verifyCosigned } from '#protocol/checkpoint.ts';
import { parseEnvelope, payloadTypes, sha256, signEnvelope } from '#protocol/envelope.ts';
import { publicKeyOf } from '#protocol/key.ts';
import type { ManifestPayload } from '#protocol/manifest.ts';
import { leafHash, merkleRoot } from '#protocol/merkle.ts';
import type { CommandStatus } from '#protocol/status.ts';
import { instantText } from '#protocol/time.ts';
import { topics } from '#protocol/topics.ts';
import type { RequestRecord } from '../../deploy/hub/register/requests.ts';
import { type Hub, openHub } from '../../deploy/hub/server/hub.ts';
import { readSettings } from '../../deploy/hub/settings.ts';
import { openKey, readTrusted } from '../../deploy/hub/trust.ts';

const root = join(import.meta.dirname, '..', '..');

/** What an authority asks for in writing, of one window. */
export const requestRecord = (window: RequestRecord['windows'][number]): RequestRecord => ({
  protocol: '77/2026',
  date: '2026-01-16',
  authority: 'Carabinieri di Cogolo',
  persons: [{ name: 'Mario Rossi', qualification: 'maresciallo' }],
  purpose: 'judicial-police',
  reason: 'furto',
  windows: [window],
});

export interface Finished {
  code: number;
  out: string;
  err: string;
}

/** Runs `hub …` as a person would, in a process of its own. */
export function hubCommand(args: string[], env: Record<string, string> = {}, input = ''): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(root, 'deploy/hub/main.ts'), ...args], {
      env: { ...process.env, ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    let out = '';
    let err = '';
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      err += chunk.toString();
    });
    child.stdin.end(input);
    child.on('error', reject);
    child.on('close', (code) => resolve({ code: code ?? -1, out, err }));
  });
}

/** A command that goes on until somebody presses Enter. */
export function spawnHub(args: string[]): { line(): Promise<string>; end(): Promise<void> } {
  const child = spawn(process.execPath, [join(root, 'deploy/hub/main.ts'), ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let out = '';
  let err = '';
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  child.stderr.on('data', (chunk: Buffer) => {
    err += chunk.toString();
  });
  const first = new Promise<string>((resolve, reject) => {
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString();
      if (out.includes('\n')) resolve(out.slice(0, out.indexOf('\n')));
    });
    child.once('close', (code) => reject(new Error(`hub ended with ${code}: ${err}`)));
  });
  return {
    line: () => first,
    async end() {
      child.stdin.end('\n');
      const code = await ended;
      if (code !== 0) throw new Error(`hub ended with ${code}: ${err}`);
    },
  };
}

/** `hub serve` in this process, over a folder that `hub init` made, `aheadMs` in the future. A bug in it fails the test that closes it. */
export async function serveHub(dir: string, aheadMs = 0): Promise<Hub> {
  const bugs: unknown[] = [];
  const hub = await openHub({
    settings: readSettings(dir),
    trusted: readTrusted(dir),
    hubKey: openKey(join(dir, 'keys', 'hub.key'), undefined),
    clock: { ...systemClock, utc: () => (systemClock.utc() + aheadMs) as UtcMs },
    log: openLog('silent'),
    broken: (error) => bugs.push(error),
  });
  return {
    ...hub,
    async close() {
      await hub.close();
      if (bugs.length > 0) throw bugs[0];
    },
  };
}

/** A node that says what a test tells it to, with the keys that `hub init` made for it. */
export interface ScriptedNode {
  bus: Bus;
  lines: string[];
  cosigned: Cosigned[];
  commands: Buffer[];
  /** Adds a line to its own log without showing it. */
  log(kind: string, fields?: Record<string, unknown>): string;
  show(...texts: string[]): Promise<void>;
  /** The signed head over the first `size` of `lines`. */
  head(size?: number, lines?: string[], policyVersion?: number, policyHash?: string): string;
  checkpoint(note: string): Promise<void>;
  state(state: 'online' | 'offline', sessionId?: string): Promise<void>;
  status(status: CommandStatus, key?: KeyObject): Promise<void>;
  manifest(payload: ManifestPayload, key?: KeyObject): Buffer;
  close(): Promise<void>;
}

export async function scriptedNode(hubDir: string, node: string, url: string): Promise<ScriptedNode> {
  const { policy, hash } = readTrusted(hubDir);
  const key = createPrivateKey(readFileSync(join(hubDir, 'nodes', node, 'secrets', 'node-key')));
  const lines: string[] = [];
  const cosigned: Cosigned[] = [];
  const commands: Buffer[] = [];
  const word = (state: 'online' | 'offline', sessionId = 'session-1'): string =>
    JSON.stringify({ state, bootId: 'boot', sessionId, version: '0.0.0', at: instantText(Date.now()) });
  const bus = openConnection({
    url,
    clientId: node,
    tls: {},
    will: () => ({ topic: topics.state(node), payload: word('offline'), delaySeconds: 0 }),
    clock: systemClock,
    random: systemRandom,
    log: openLog('silent'),
  });
  bus.subscribe(topics.cosignature(node), async ({ payload }) => {
    cosigned.push(verifyCosigned(node, payload.toString(), publicKeyOf(key), policy.hub.key));
  });
  bus.subscribe(topics.command(node), async ({ payload }) => void commands.push(payload));
  await new Promise<void>((resolve) => bus.onConnect(resolve));
  return {
    bus,
    lines,
    cosigned,
    commands,
    log(kind, fields = {}) {
      const last = lines.at(-1);
      const prev = last === undefined ? '' : sha256(last);
      const text = JSON.stringify({
        seq: lines.length + 1,
        at: instantText(Date.now()),
        prev,
        kind,
        ...fields,
      });
      lines.push(text);
      return text;
    },
    async show(...texts) {
      for (const payload of texts) await bus.publish({ topic: topics.event(node), payload, retain: false });
    },
    head: (size = lines.length, of = lines, policyVersion = policy.version, policyHash = hash) =>
      signCheckpoint(
        node,
        { size, root: merkleRoot(of.slice(0, size).map(leafHash)), policyVersion, policyHash },
        key,
      ),
    checkpoint: (payload) => bus.publish({ topic: topics.checkpoint(node), payload, retain: false }),
    state: (state, sessionId) =>
      bus.publish({ topic: topics.state(node), payload: word(state, sessionId), retain: true }),
    status: (status, signer = key) =>
      bus.publish({
        topic: topics.commandStatus(node, status.id),
        payload: signEnvelope(payloadTypes.status, Buffer.from(JSON.stringify(status)), [signer]),
        retain: true,
      }),
    manifest: (payload, signer = key) =>
      Buffer.from(signEnvelope(payloadTypes.manifest, Buffer.from(JSON.stringify(payload)), [signer])),
    close: () => bus.close(),
  };
}

/** The payload of an envelope, as JSON. */
export function payloadOf(envelope: Uint8Array): Record<string, unknown> {
  return JSON.parse(parseEnvelope(envelope, 4 * 1024 * 1024).payload.toString());
}
