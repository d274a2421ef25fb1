import { cpus } from 'node:os';
import { findProgram } from '../support/real-parts.ts';
import { fillStore } from './filled-store.ts';
import { cpuSeconds, pssBytes, writtenBytes } from './process-tree.ts';
import {
  type Footage,
  makeNode,
  type Subject,
  segmentSeconds,
  startAgent,
  startCameras,
  startFfmpegs,
} from './subjects.ts';
import { median, table } from './table.ts';

export interface RecordOptions {
  footage: Footage;
  seconds: number;
  /** Segments already in the store. */
  segments: number;
  /** Where both write. */
  folder: string;
  say(text: string): void;
}

interface Figures {
  /** Percent of one core, by window. */
  cpuPercent: number[];
  /** MiB, by window. */
  pssMiB: number[];
  /** Mbit/s of files, by window. */
  writtenMbit: number[];
}

export interface RecordResult {
  bench: 'record';
  footage: Footage;
  segments: number;
  windows: number;
  windowSeconds: number;
  node: string;
  cpu: string;
  agent: Figures;
  ffmpeg: Figures;
  /** Medians over the windows. */
  ratio: { cpu: number; pss: number };
  /** Bytes the agent wrote, ledgers and log included, for each byte the cameras sent. */
  writtenPerByte: number;
  bars: { cpuRatio: { bar: number; met: boolean }; pssMiB: { bar: number; met: boolean; worst: number } };
}

/** What start-up and compiling cost does not belong to recording. */
const warmUpMs = 12_000;
const windowSeconds = segmentSeconds;
const cpuRatioBar = 0.6;
const pssBarMiB = 150;

/**
 * CPU and memory of the agent recording simulated cameras, beside one plain `ffmpeg -c copy -f segment` a camera on
 * the same streams at the same time. Both write segments of ten seconds. The simulator is not counted. Throws when
 * either does not write what the cameras send: a figure of something that does not record means nothing.
 */
export async function record(options: RecordOptions): Promise<RecordResult> {
  const ffmpeg = findProgram('ffmpeg');
  if (!ffmpeg) throw new Error('ffmpeg is not installed: there is nothing to compare with');
  const { footage, segments, folder, say } = options;
  const { cameras, mbit } = footage;
  await using simulated = await startCameras(footage);
  const town = await makeNode(folder, simulated.urls);
  if (segments > 0) {
    say(`filling the store with ${segments} segments\n`);
    const names = simulated.urls.map((_, index) => `cam-${index + 1}`);
    fillStore(town.store, names, segments, Date.now() - 60_000);
  }
  say(`starting the agent and ${cameras} ffmpeg\n`);
  await using agent = startAgent(town);
  await using ffmpegs = startFfmpegs(ffmpeg, `${folder}/ffmpeg`, simulated.urls);
  await agent.recording(60_000);
  await pass(warmUpMs);

  const windows = Math.max(1, Math.round(options.seconds / windowSeconds));
  const agentFigures = emptyFigures();
  const ffmpegFigures = emptyFigures();
  for (let window = 1; window <= windows; window++) {
    const measured = [measure(agent, agentFigures), measure(ffmpegs, ffmpegFigures)];
    await pass(windowSeconds * 1000);
    for (const finish of measured) finish();
    const [a, f] = [agentFigures, ffmpegFigures].map(({ cpuPercent }) => cpuPercent.at(-1) as number);
    say(`window ${window} of ${windows}: agent ${a?.toFixed(1)} %, ffmpeg ${f?.toFixed(1)} % of a core\n`);
  }
  provesRecording('the agent', agentFigures, cameras * mbit);
  provesRecording('ffmpeg', ffmpegFigures, cameras * mbit);

  const cpuRatio = median(agentFigures.cpuPercent) / median(ffmpegFigures.cpuPercent);
  const worst = Math.max(...agentFigures.pssMiB);
  return {
    bench: 'record',
    footage,
    segments,
    windows,
    windowSeconds,
    node: process.version,
    cpu: `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}`,
    agent: agentFigures,
    ffmpeg: ffmpegFigures,
    writtenPerByte: median(agentFigures.writtenMbit) / (cameras * mbit),
    ratio: { cpu: cpuRatio, pss: median(agentFigures.pssMiB) / median(ffmpegFigures.pssMiB) },
    bars: {
      cpuRatio: { bar: cpuRatioBar, met: cpuRatio <= cpuRatioBar },
      pssMiB: { bar: pssBarMiB, met: worst <= pssBarMiB, worst },
    },
  };
}

export function recordTable(result: RecordResult): string {
  const row = (name: string, figures: Figures): string[] => [
    name,
    `${median(figures.cpuPercent).toFixed(1)} %`,
    `${median(figures.pssMiB).toFixed(0)} MiB`,
    `${median(figures.writtenMbit).toFixed(1)} Mbit/s`,
  ];
  const { footage, segments, windows, ratio, bars } = result;
  const { cameras, mbit, fps, linkMbit } = footage;
  const verdict = ({ bar, met }: { bar: number; met: boolean }): string =>
    `${met ? 'met' : 'MISSED'} (${bar})`;
  return (
    `${cameras} cameras × ${mbit} Mbit/s, ${fps} pictures/s, links of ${linkMbit} Mbit/s, ${segments} segments kept\n` +
    `medians of ${windows} windows of ${result.windowSeconds} s; Node ${result.node}, ${result.cpu}\n\n` +
    table([
      ['', 'CPU of a core', 'memory (PSS)', 'written'],
      row('agent', result.agent),
      row(`${cameras} × ffmpeg -c copy`, result.ffmpeg),
      ['ratio', ratio.cpu.toFixed(2), ratio.pss.toFixed(2), ''],
      ['bar', verdict(bars.cpuRatio), verdict(bars.pssMiB), ''],
    ]) +
    `\n${result.writtenPerByte.toFixed(3)} bytes written for each byte that the cameras send\n`
  );
}

const emptyFigures = (): Figures => ({ cpuPercent: [], pssMiB: [], writtenMbit: [] });

/** Begins a window; the call that comes back ends it. */
function measure({ pids }: Subject, figures: Figures): () => void {
  const startedMs = performance.now();
  const cpu = cpuSeconds(pids);
  const written = writtenBytes(pids);
  return () => {
    const seconds = (performance.now() - startedMs) / 1000;
    figures.cpuPercent.push(((cpuSeconds(pids) - cpu) / seconds) * 100);
    figures.writtenMbit.push(((writtenBytes(pids) - written) * 8) / 1e6 / seconds);
    figures.pssMiB.push(pssBytes(pids) / 2 ** 20);
  };
}

function provesRecording(name: string, { writtenMbit }: Figures, sentMbit: number): void {
  const got = median(writtenMbit);
  if (got < sentMbit * 0.9)
    throw new Error(`${name} wrote ${got.toFixed(1)} of the ${sentMbit} Mbit/s that the cameras send`);
}

function pass(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
