import { createPrivateKey, type KeyObject } from 'node:crypto';
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { openConnection } from '#agent/mqtt/connection.ts';
import { systemClock } from '#agent/platform/clock.ts';
import { openLog } from '#agent/platform/log.ts';
import { systemRandom } from '#agent/platform/random.ts';

const root = join(import.meta.dirname, '..', '..');

/** What a checkout needs to run an agent. */
const program = ['agent', 'protocol', 'package.json'];

/** A second copy of the program in `folder`, with a version of its own: what an upgrade puts beside the first. */
export function nextProgram(folder: string): { checkout: string; version: string } {
  mkdirSync(folder, { recursive: true });
  for (const path of program) cpSync(join(root, path), join(folder, path), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  const file = join(folder, 'package.json');
  const about = JSON.parse(readFileSync(file, 'utf8'));
  const version = `${about.version}-next`;
  writeFileSync(file, JSON.stringify({ ...about, version }, null, 2));
  return { checkout: folder, version };
}

/** Somebody with a certificate of the town and its key, PEM. */
export interface Holder {
  name: string;
  ca: string;
  cert: string;
  key: string;
}

/** What a thief finds on a box. */
export function foundOn(etc: string, node: string): Holder & { nodeKey: KeyObject } {
  const read = (...path: string[]): string => readFileSync(join(etc, ...path), 'utf8');
  return {
    name: node,
    ca: read('ca.crt'),
    cert: read(`${node}.crt`),
    key: read('secrets', `${node}.key`),
    nodeKey: createPrivateKey(read('secrets', 'node-key')),
  };
}

const knockMs = 5000;

/** Whether the broker lets somebody in, within five seconds of trying. */
export async function brokerOpens(url: string, { name, ca, cert, key }: Holder): Promise<boolean> {
  const bus = openConnection({
    url,
    clientId: name,
    tls: { ca, cert, key },
    will: () => ({ topic: `peio/v1/${name}/state`, payload: '', delaySeconds: 0 }),
    clock: systemClock,
    random: systemRandom,
    log: openLog('silent'),
  });
  let timer: NodeJS.Timeout | undefined;
  try {
    return await new Promise<boolean>((resolve) => {
      bus.onConnect(() => resolve(true));
      timer = setTimeout(() => resolve(false), knockMs);
    });
  } finally {
    clearTimeout(timer);
    await bus.close();
  }
}

/** Whether the door for deliveries says anything at all to somebody, were it a refusal. */
export function uploadsOpen(url: string, { ca, cert, key }: Holder): Promise<boolean> {
  return new Promise((resolve) => {
    const asked = request(url, { method: 'OPTIONS', ca, cert, key, agent: false, timeout: knockMs });
    asked.on('response', (response) => {
      response.resume();
      resolve(true);
    });
    asked.on('timeout', () => asked.destroy(new Error('no answer')));
    asked.on('error', () => resolve(false));
    asked.end();
  });
}
