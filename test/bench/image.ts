import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { openGrayDecoder } from '#agent/camera/ffmpeg/gray.ts';
import type { Ffmpeg } from '#agent/camera/ffmpeg/program.ts';
import { openPictureJudge } from '#agent/picture/judge.ts';
import { grayHeight, grayWidth } from '#agent/picture/measure.ts';
import { type MonotonicMs, systemClock } from '#agent/platform/clock.ts';
import { drawView } from '../support/drawn-view.ts';
import { heldOut, judgeCase, pictureCases, scenes } from '../support/picture-set.ts';
import { findProgram } from '../support/real-parts.ts';
import { cpuSeconds, processTree, pssBytes } from './process-tree.ts';
import { median, table } from './table.ts';

interface Cost {
  stream: string;
  /** Medians of one picture: of the time until all of its process were there, and of that on a core. */
  wallMs: number;
  cpuMs: number;
  /** Most that the decoder had. */
  peakBytes: number;
}

export interface ImageResult {
  faults: { kind: string; shown: number; missed: number }[];
  harmless: { shown: number; alarms: number };
  /** Variants of a frozen picture and of a still view that the method was not adjusted to. */
  heldOut: { faults: number; missed: number; harmless: number; alarms: number };
  wrong: string[];
  costs: Cost[];
  /** Judging one picture in the agent itself, in order and moved. */
  judgeMs: { order: number; moved: number };
  bars: Record<'missed' | 'alarms', { value: number; bar: number; met: boolean }>;
}

const walkers = join(import.meta.dirname, '..', 'fixtures', 'walkers.mp4');
const never = new AbortController().signal;
const checksPerMinute = 14;
const mostTogether = 7;

/** Judges the whole derived set, and measures what one check costs at three sizes of camera. */
export async function benchImage(options: { say(text: string): void; rounds: number }): Promise<ImageResult> {
  const path = findProgram('ffmpeg');
  if (path === undefined) throw new Error('image: no ffmpeg here');
  const faults = new Map<string, { shown: number; missed: number }>();
  const harmless = { shown: 0, alarms: 0 };
  const wrong: string[] = [];
  for (const scene of Object.keys(scenes)) {
    options.say(`${scene} `);
    for (const one of pictureCases) {
      const { right, after } = judgeCase(scene, one);
      if (!right) wrong.push(`${one.name} (${scene}): ${after.join(' ')}`);
      if (one.fault === undefined) {
        harmless.shown += 1;
        if (!right) harmless.alarms += 1;
      } else {
        const row = faults.get(one.fault) ?? { shown: 0, missed: 0 };
        faults.set(one.fault, { shown: row.shown + 1, missed: row.missed + (right ? 0 : 1) });
      }
    }
  }
  const apart = { faults: 0, missed: 0, harmless: 0, alarms: 0 };
  options.say('held out');
  for (const { scene, coding, one } of heldOut) {
    const { right, after } = judgeCase(scene, one, coding);
    if (!right) wrong.push(`${one.name} (${scene}, ${coding}, held out): ${after.join(' ')}`);
    apart[one.fault === undefined ? 'harmless' : 'faults'] += 1;
    if (!right) apart[one.fault === undefined ? 'alarms' : 'missed'] += 1;
  }
  options.say('\n');
  const ffmpeg: Ffmpeg = { path, formatMajor: 59 };
  const costs: Cost[] = [];
  for (const [codec, width, height] of [
    ['libx264', 1920, 1080],
    ['libx265', 1920, 1080],
    ['libx264', 3840, 2160],
  ] as const)
    costs.push(
      ...(await costsOf(
        ffmpeg,
        filmOf(path, codec, width, height),
        `${codec.slice(4)} ${width}×${height}`,
        options.rounds,
      )),
    );
  const rows = [...faults].map(([kind, row]) => ({ kind, ...row }));
  const missed = rows.reduce((sum, row) => sum + row.missed, 0);
  return {
    faults: rows,
    harmless,
    heldOut: apart,
    wrong,
    costs,
    judgeMs: judgeTimes(),
    bars: {
      missed: { value: missed, bar: 0, met: missed === 0 },
      alarms: { value: harmless.alarms + apart.alarms, bar: 0, met: harmless.alarms + apart.alarms === 0 },
    },
  };
}

/** A keyframe of a camera. */
function filmOf(path: string, codec: string, width: number, height: number): Buffer {
  const filter = ['-vf', `scale=${width}:${height},noise=alls=6:allf=t`, '-frames:v', '1'];
  const coded = ['-c:v', codec, '-preset', 'veryfast', '-g', '20', '-bf', '0', '-pix_fmt', 'yuv420p'];
  const out = ['-f', 'mp4', '-movflags', 'frag_keyframe+empty_moov+default_base_moof', 'pipe:1'];
  const made = spawnSync(path, ['-v', 'error', '-i', walkers, ...filter, ...coded, ...out], {
    maxBuffer: 256e6,
  });
  if (made.status !== 0) throw new Error(`image: ${made.stderr}`);
  return made.stdout;
}

async function costsOf(ffmpeg: Ffmpeg, film: Buffer, stream: string, rounds: number): Promise<Cost[]> {
  const alone = await costOf(ffmpeg, film, 1, `${stream} alone`, rounds);
  return [alone, await costOf(ffmpeg, film, mostTogether, `${stream}, ${mostTogether} a process`, rounds)];
}

async function costOf(
  ffmpeg: Ffmpeg,
  film: Buffer,
  together: number,
  stream: string,
  rounds: number,
): Promise<Cost> {
  const size = { width: grayWidth, height: grayHeight };
  const gray = openGrayDecoder({
    ffmpeg: async () => ffmpeg,
    size,
    together,
    gatherMs: 1000,
    clock: systemClock,
  });
  const check = () => Promise.all(Array.from({ length: together }, () => gray.decode(film, never)));
  const walls: number[] = [];
  const cpus: number[] = [];
  let peakBytes = 0;
  for (let round = 0; round < rounds; round++) {
    const cpu = cpuSeconds([process.pid]);
    const began = performance.now();
    await check();
    walls.push(performance.now() - began);
    cpus.push((cpuSeconds([process.pid]) - cpu) * 1000);
  }
  // Apart: looking takes more of a core than what is looked at.
  const look = setInterval(() => {
    const children = processTree(process.pid).filter((pid) => pid !== process.pid);
    peakBytes = Math.max(peakBytes, pssBytes(children));
  }, 5);
  for (let round = 0; round < rounds; round++) await check();
  clearInterval(look);
  return { stream, wallMs: median(walls) / together, cpuMs: median(cpus) / together, peakBytes };
}

function judgeTimes(): { order: number; moved: number } {
  const views = Array.from({ length: 20 }, (_, seed) => drawView({ seed }));
  const others = Array.from({ length: 20 }, (_, seed) => drawView({ seed, elsewhere: true }));
  const judge = openPictureJudge({ ptz: false });
  let at = 0;
  const timed = (pictures: Uint8Array[]): number =>
    median(
      pictures.map((gray) => {
        const began = performance.now();
        judge.take({ gray, mark: ++at, repeated: false }, (at * 60_000) as MonotonicMs);
        return performance.now() - began;
      }),
    );
  timed(views); // The first are compiled while they run.
  return { order: timed(views), moved: timed(others) };
}

export function imageTable({ faults, harmless, heldOut: apart, wrong, costs, judgeMs }: ImageResult): string {
  const rate = (part: number, whole: number): string => `${((100 * part) / whole).toFixed(1)} %`;
  const shown = faults.reduce((sum, row) => sum + row.shown, 0);
  const missed = faults.reduce((sum, row) => sum + row.missed, 0);
  const found = table([
    ['faults, to be found by their third picture', 'shown', 'missed', 'rate'],
    ...faults.map((row) => [row.kind, String(row.shown), String(row.missed), rate(row.missed, row.shown)]),
    ['all faults', String(shown), String(missed), rate(missed, shown)],
  ]);
  const alarms = table([
    ['harmless changes', 'shown', 'false alarms', 'rate'],
    ['all', String(harmless.shown), String(harmless.alarms), rate(harmless.alarms, harmless.shown)],
  ]);
  const held = table([
    ['held out: frozen under other clocks, still views', 'shown', 'wrong', 'rate'],
    ['faults missed', String(apart.faults), String(apart.missed), rate(apart.missed, apart.faults)],
    ['false alarms', String(apart.harmless), String(apart.alarms), rate(apart.alarms, apart.harmless)],
  ]);
  const spent = table([
    ['one picture', 'ms', 'ms of a core', 'peak MiB', `${checksPerMinute} cameras, of a core`],
    ...costs.map(({ stream, wallMs, cpuMs, peakBytes }) => [
      stream,
      wallMs.toFixed(0),
      cpuMs.toFixed(0),
      (peakBytes / 1024 / 1024).toFixed(0),
      `${((checksPerMinute * cpuMs) / 600).toFixed(1)} %`,
    ]),
  ]);
  const judged = `judging in the agent: ${judgeMs.order.toFixed(1)} ms in order, ${judgeMs.moved.toFixed(1)} ms moved\n`;
  const notes = wrong.map((line) => `wrong: ${line}\n`).join('');
  return `Derived from one real recording by filters and overlays: no field rates.\n\n${found}\n${alarms}\n${held}\n${spent}\n${judged}${notes}`;
}
