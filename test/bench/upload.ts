import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream, mkdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pipeline } from 'node:stream/promises';
import { systemClock } from '#agent/platform/clock.ts';
import { systemFiles } from '#agent/platform/files.ts';
import { openUploads } from '#agent/upload/uploads.ts';
import { quietLog } from '../support/log.ts';
import { openWeakLink, type WeakLink } from './weak-link.ts';

const root = join(import.meta.dirname, '..', '..');
const rates = [2, 8, 30];
/** Long enough that a start is not what is measured. */
const secondsEach = 20;
const cuts = 10;
const segments = 4;
/** A dead connection is noticed after this; in the field after 30 s, which costs time and no bytes. */
const stallMs = 3000;

export interface UploadResult {
  rates: { mbit: number; tcpMbit: number; uploadMbit: number; ratio: number }[];
  cuts: { kind: 'loud' | 'silent'; megabytes: number; factor: number }[];
  bars: Record<string, { bar: string; found: number; met: boolean }>;
}

interface Hub extends AsyncDisposable {
  tus: string;
  sink: number;
  cut(): void;
}

async function startHub(link: WeakLink, folder: string): Promise<Hub> {
  const args = ['netns', 'exec', link.namespace, process.execPath, 'test/bench/upload-hub.ts', folder];
  const child = spawn('ip', args, { cwd: root, stdio: ['pipe', 'pipe', 'inherit'] });
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  const { tus, sink } = JSON.parse(line);
  return {
    tus: `http://${link.address}:${tus}/upload`,
    sink,
    cut: () => child.stdin.write('cut\n'),
    async [Symbol.asyncDispose]() {
      child.stdin.end();
      if (child.exitCode === null) await once(child, 'exit');
    },
  };
}

function makeFiles(folder: string, name: string, bytes: number) {
  mkdirSync(folder, { recursive: true });
  return Array.from({ length: segments }, (_, index) => {
    const path = join(folder, `${name}-${index}.mp4.age`);
    const size = Math.round(bytes / segments);
    writeFileSync(path, randomBytes(size));
    return { file: `${name}-${index}.mp4.age`, content: { path, size } };
  });
}
type Files = ReturnType<typeof makeFiles>;
const sizeOf = (files: Files): number => files.reduce((sum, { content }) => sum + content.size, 0);

/** The same files down one plain connection, until the other end has them all. */
async function plainCopy(link: WeakLink, hub: Hub, files: Files): Promise<number> {
  const began = performance.now();
  const socket = connect({ host: link.address, port: hub.sink, allowHalfOpen: true });
  await once(socket, 'connect');
  socket.resume();
  for (const { content } of files) await pipeline(createReadStream(content.path), socket, { end: false });
  socket.end();
  await once(socket, 'close');
  return performance.now() - began;
}

async function upload(
  folder: string,
  hub: Hub,
  files: Files,
  sent: (bytes: number) => void = () => {},
): Promise<number> {
  const uploads = await openUploads({
    files: systemFiles,
    clock: systemClock,
    random: { bytes: randomBytes, fraction: () => 0 },
    log: quietLog,
    folder: join(folder, 'uploads'),
    url: hub.tus,
    limitBits: 1e9,
    tls: {},
    stallMs,
  });
  const command = `0196e6a0-0000-7000-8000-${randomBytes(6).toString('hex')}`;
  const began = performance.now();
  await uploads.deliver({ command, items: files }, ({ bytes }) => sent(bytes), new AbortController().signal);
  const tookMs = performance.now() - began;
  uploads.close();
  return tookMs;
}

/** Goodput beside a plain TCP copy at several rates, and bytes on the wire after ten cuts, loud and silent. */
export async function benchUpload(options: {
  folder: string;
  say(text: string): void;
}): Promise<UploadResult> {
  using link = openWeakLink();
  if (link === undefined)
    throw new Error('this bench shapes a link with ip and tc, for which this user has no right');
  await using hub = await startHub(link, join(options.folder, 'hub'));
  const found: UploadResult['rates'] = [];
  for (const mbit of rates) {
    link.rate(mbit);
    const files = makeFiles(options.folder, `rate-${mbit}`, (mbit * 1e6 * secondsEach) / 8);
    const goodput = (ms: number): number => (sizeOf(files) * 8) / ms / 1000;
    options.say(`${mbit} Mbit/s: plain copy`);
    const tcpMbit = goodput(await plainCopy(link, hub, files));
    options.say(`, upload\n`);
    const uploadMbit = goodput(await upload(options.folder, hub, files));
    found.push({ mbit, tcpMbit, uploadMbit, ratio: uploadMbit / tcpMbit });
  }

  const cut: UploadResult['cuts'] = [];
  link.rate(8);
  for (const kind of ['loud', 'silent'] as const) {
    options.say(`${cuts} ${kind} cuts\n`);
    const files = makeFiles(options.folder, kind, 40e6);
    const total = sizeOf(files);
    const before = link.sentBytes();
    let done = 0;
    await upload(options.folder, hub, files, (bytes) => {
      // Spread over the whole, each a little after something was acknowledged.
      if (bytes < ((done + 0.5) / cuts) * total || done >= cuts) return;
      done += 1;
      setTimeout(() => (kind === 'loud' ? hub.cut() : link.move()), 500);
    });
    if (done < cuts) throw new Error(`only ${done} cuts were made`);
    cut.push({ kind, megabytes: total / 1e6, factor: (link.sentBytes() - before) / total });
  }
  const worst = Math.min(...found.map(({ ratio }) => ratio));
  const most = Math.max(...cut.map(({ factor }) => factor));
  return {
    rates: found,
    cuts: cut,
    bars: {
      goodput: { bar: '≥ 0.9 of a plain TCP copy', found: worst, met: worst >= 0.9 },
      cuts: { bar: '≤ 1.25 × the bytes', found: most, met: most <= 1.25 },
    },
  };
}

export function uploadTable({ rates, cuts, bars }: UploadResult): string {
  const lines = [
    'link        plain copy      upload   ratio',
    ...rates.map(
      ({ mbit, tcpMbit, uploadMbit, ratio }) =>
        `${String(mbit).padStart(3)} Mbit/s ${tcpMbit.toFixed(2).padStart(8)} ${uploadMbit.toFixed(2).padStart(13)} ${ratio.toFixed(3).padStart(7)}`,
    ),
    '',
    ...cuts.map(
      ({ kind, megabytes, factor }) =>
        `${megabytes} MB, cut ten times, ${kind}: ${factor.toFixed(3)} × the bytes on the wire`,
    ),
    '',
    ...Object.values(bars).map(({ bar, found, met }) => `${met ? '•' : '✘'} ${bar}: ${found.toFixed(3)}`),
  ];
  return `${lines.join('\n')}\n`;
}
