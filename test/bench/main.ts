// npm run bench [-- record|start|seal|sweep|upload|alert|image|traffic …]: see README.md here. What it finds goes to standard output, how it
// goes to standard error; --check exits 1 when a bar is missed.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { alertTable, benchAlert } from './alert.ts';
import { benchImage, imageTable } from './image.ts';
import { matrix, matrixTable } from './matrix.ts';
import { benchOpen, openTable } from './open.ts';
import { buildsHere, record, recordTable } from './record.ts';
import { seal, sealTable } from './seal.ts';
import { start, startTable } from './start.ts';
import { sweep, sweepTable } from './sweep.ts';
import { benchTraffic, trafficTable } from './traffic.ts';
import { benchUpload, uploadTable } from './upload.ts';

/** Seven days of minutes from fourteen cameras. */
const weekOfSegments = 14 * 7 * 24 * 60;
/** What `npm run bench` alone runs, in some six minutes. */
const usual = ['seal', 'sweep', 'start', 'record'];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    cameras: { type: 'string', default: '14' },
    ingest: { type: 'string' },
    mbit: { type: 'string', default: '4' },
    fps: { type: 'string', default: '25' },
    link: { type: 'string', default: '100' },
    seconds: { type: 'string' },
    segments: { type: 'string' },
    rounds: { type: 'string' },
    dir: { type: 'string', default: tmpdir() },
    json: { type: 'boolean', default: false },
    out: { type: 'string' },
    check: { type: 'boolean', default: false },
  },
});
const number = (name: string, text: string): number => {
  const value = Number(text);
  if (text === '' || !Number.isFinite(value) || value < 0) throw new Error(`--${name} ${text}: not a number`);
  return value;
};
const asked = (name: 'segments' | 'seconds' | 'rounds', otherwise: number): number =>
  values[name] === undefined ? otherwise : number(name, values[name]);
const counts = values.cameras.split(',').map((text) => number('cameras', text));
const cameras = counts[0] as number;
const ingestsOf = (otherwise: string): ('auto' | 'ffmpeg')[] => {
  const wanted = values.ingest ?? otherwise;
  if (wanted === 'both') return ['auto', 'ffmpeg'];
  if (wanted === 'auto' || wanted === 'ffmpeg') return [wanted];
  throw new Error(`--ingest ${wanted}: auto, ffmpeg or both`);
};
const footage = {
  cameras,
  mbit: number('mbit', values.mbit),
  fps: number('fps', values.fps),
  linkMbit: number('link', values.link),
};
const say = (text: string): void => void process.stderr.write(text);

interface Found {
  result: { bars: Record<string, { met: boolean }> };
  text: string;
}

const alone = positionals.length === 0;
const benches: Record<string, (folder: string) => Promise<Found>> = {
  async record(folder) {
    const ingests = ingestsOf(alone ? 'both' : 'auto');
    // Whole minutes: each camera's picture is judged once in one.
    const seconds = asked('seconds', alone || counts.length > 1 ? 60 : 120);
    const common = { footage, folder, seconds, say };
    if (counts.length > 1 || ingests.length > 1) {
      const result = await matrix(counts, ingests, common);
      return { result, text: matrixTable(result) };
    }
    const [ingest = 'auto'] = ingests;
    const segments = asked('segments', 0);
    const result = await record({ ...common, ingest, builds: buildsHere(), segments });
    return { result, text: recordTable(result) };
  },
  async start(folder) {
    const rounds = asked('rounds', alone ? 1 : 3);
    const result = await start({ footage, folder, say, rounds, segments: asked('segments', weekOfSegments) });
    return { result, text: startTable(result) };
  },
  async seal(folder) {
    const result = await seal({ rounds: asked('rounds', 3), folder });
    return { result, text: sealTable(result) };
  },
  async sweep(folder) {
    const result = await sweep({ folder, say, cameras, segments: asked('segments', weekOfSegments) });
    return { result, text: sweepTable(result) };
  },
  async alert(folder) {
    const result = await benchAlert({ folder, say, rounds: asked('rounds', 3) });
    return { result, text: alertTable(result) };
  },
  async image() {
    const result = await benchImage({ say, rounds: asked('rounds', 7) });
    return { result, text: imageTable(result) };
  },
  async open(folder) {
    const minutes = Math.max(1, Math.round(asked('seconds', 3600) / 60));
    const result = await benchOpen({ folder, mbit: footage.mbit, minutes, rounds: asked('rounds', 3) });
    return { result, text: openTable(result) };
  },
  async traffic() {
    const result = await benchTraffic({ cameras, say });
    return { result, text: trafficTable(result) };
  },
  async upload(folder) {
    const result = await benchUpload({ folder, say });
    return { result, text: uploadTable(result) };
  },
};

const names = alone ? usual : positionals;
const unknown = names.filter((name) => !Object.hasOwn(benches, name));
if (unknown.length > 0) {
  say(`no bench ${unknown.join(', ')}: ${Object.keys(benches).join(', ')}\n`);
  process.exitCode = 64;
} else {
  const found: Record<string, Found['result']> = {};
  const root = mkdtempSync(join(values.dir, 'peio-bench-'));
  try {
    for (const name of names) {
      say(`== ${name}\n`);
      const folder = join(root, name);
      mkdirSync(folder);
      const { result, text } = await (benches[name] as (typeof benches)[string])(folder);
      rmSync(folder, { recursive: true, force: true });
      found[name] = result;
      if (!values.json) process.stdout.write(`\n${names.length > 1 ? `${name}: ` : ''}${text}`);
    }
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
  const all = names.length === 1 ? found[names[0] as string] : found;
  if (values.json) process.stdout.write(`${JSON.stringify(all)}\n`);
  if (values.out !== undefined) writeFileSync(values.out, `${JSON.stringify(all, null, 2)}\n`);
  const bars = Object.values(found).flatMap((result) => Object.values(result.bars));
  if (values.check && bars.some(({ met }) => !met)) process.exitCode = 1;
}
